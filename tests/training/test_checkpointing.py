"""From which checkpoint an interrupted seed resumes, and which other checkpoints are kept."""

from pathlib import Path

import pytest

from spurious_rewards.training.checkpointing import Record, take_up, thin_out, whole_steps


def whole(folder: Path, *steps: int, state: bool) -> None:
    """Create checkpoints that are complete as far as their names and files show."""
    for step in steps:
        (folder / f"step{step}").mkdir(parents=True)
        (folder / f"step{step}/model.safetensors").touch()
        if state:
            (folder / f"step{step}/optimizer.pt").touch()
            Record().write(folder / f"step{step}")


def test_the_last_state_is_gone_on_from_and_what_is_later_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole(tmp_path, 2, 6, 8, state=False)
    whole(tmp_path, 4, state=True)
    (tmp_path / "checkpoint-30").mkdir()
    assert take_up(tmp_path, start=0, stop=10, seed=3) == (4, Record())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step2", "step4"]
    said = "seed 3: resumes after step 4 of 10; repeats the steps up to 8, because only their weights were saved\n"
    assert capsys.readouterr().err == said


def test_without_a_state_a_seed_begins_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert take_up(tmp_path / "none", start=0, stop=10, seed=3) == (0, Record())
    assert capsys.readouterr().err == ""
    whole(tmp_path, 14, state=False)
    assert take_up(tmp_path, start=10, stop=20, seed=3) == (10, Record())
    said = "resumes after step 10 of 20; repeats the steps up to 14, because only their weights were saved"
    assert said in capsys.readouterr().err
    assert whole_steps(tmp_path) == []


def test_behind_training_only_weights_of_evaluated_steps_stay(tmp_path: Path) -> None:
    whole(tmp_path, 2, 3, state=True)
    thin_out(tmp_path, [2, 3], evaluated={2, 4})
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["step2", "step2/model.safetensors"]
