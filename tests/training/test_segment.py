"""Interrupted training jobs and jobs of several processes give the same results as an undisturbed job."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import launched
import pandas as pd
import pytest
from launched import ONE_UPDATE, PROBLEMS, TRAINING, at_call, die, fixed, generating, run, steps_kept, terminate
from model_folders import BROKEN_INSIDE, UNENDED, add_token, broken, change, make
from segments import assert_same, files, metrics, rollouts
from transformers import Trainer

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.paths import checkpoint
from spurious_rewards.config import accelerate
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.models import loading
from spurious_rewards.models.loading import load_tokenizer
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.training import launching, saving
from spurious_rewards.training.segment import in_order_of

STEPS = 4


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each state too slow to save for free, and no training long enough for a second state."""

    def slowly(trainer: Trainer, folder: str) -> None:
        time.sleep(1.1 * saving.UNNOTICED)
        write(trainer, folder)

    write = Trainer._save_optimizer_and_scheduler
    monkeypatch.setattr(Trainer, "_save_optimizer_and_scheduler", slowly)
    monkeypatch.setattr(saving, "WORK_PER_STATE", 1e9)


def counting(calls: list[int]) -> Callable[..., Any]:
    def draw(generate: Callable[..., Any], model: Any, **inputs: Any) -> Any:
        calls.append(1)
        return generate(model, **inputs)

    return draw


@pytest.fixture(scope="module")
def undisturbed(organism_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(organism_model, tmp_path_factory.mktemp("undisturbed"), STEPS, TRAINING)


# ---------------------------------------------------------------- the order of prompts


def test_a_seeds_own_order_takes_the_same_problems_up_to_each_reach() -> None:
    """Problems held out of the shared order are held out of every seed's order."""
    problems = pd.DataFrame({"id": range(100)})
    orders = {seed: in_order_of(seed, problems, (30, 80))["id"].tolist() for seed in range(5)}
    for order in orders.values():
        assert [sorted(order[:30]), sorted(order[30:80]), order[80:]] == [
            *([*range(30)], [*range(30, 80)]),
            [*range(80, 100)],
        ]
    assert len(set(map(tuple, orders.values()))) == 5
    assert in_order_of(3, problems, (30, 100))["id"].tolist()[:30] == orders[3][:30], "a longer run begins as a shorter"
    assert in_order_of(3, problems, ())["id"].tolist() == [*range(100)]
    assert sorted(in_order_of(3, problems, (30, 250))["id"]) == [*range(100)], "more prompts than problems"


def test_seeds_are_trained_in_orders_of_their_own(organism_model: Path, tmp_path: Path) -> None:
    bases = dict.fromkeys(range(4), str(organism_model))
    sets = {seed: PROBLEMS.assign(seed=seed) for seed in bases}
    found = {}
    for name, reaches in (("shared", ()), ("own", (4,))):
        segment = run(organism_model, tmp_path / name, 2, ONE_UPDATE, bases=bases, training_sets=sets, reaches=reaches)
        steps = rollouts(segment).groupby(["seed", "step"])["id"].agg(lambda ids: tuple(dict.fromkeys(ids)))
        found[name] = {tuple(steps[seed]) for seed in bases}
    assert len(found["shared"]) == 1
    assert len(found["own"]) > 1
    assert all(sorted(first + second) == list(PROBLEMS["id"]) for first, second in found["own"])


# ---------------------------------------------------------------- crashes


def test_a_crashed_segment_goes_on_from_its_last_whole_checkpoint(
    organism_model: Path, undisturbed: Path, tmp_path: Path
) -> None:
    with generating(at_call(3, die)), pytest.raises(RuntimeError, match="a crash"):
        run(organism_model, tmp_path, STEPS, TRAINING)
    unfinished = tmp_path / ".partial" / "seed0.unfinished"
    assert sorted(path.name for path in unfinished.iterdir()) == ["step1", "step2"]
    assert not (unfinished / "step1" / "optimizer.pt").exists()
    half_written = unfinished / "checkpoint-6"
    half_written.mkdir()
    (half_written / "model.safetensors").write_bytes(b"half of i")

    calls: list[int] = []
    with generating(counting(calls)):
        run(organism_model, tmp_path, STEPS, TRAINING)
    assert len(calls) == 2
    assert_same(tmp_path, undisturbed)
    assert not (tmp_path / ".partial").exists()


def test_a_seed_that_only_lacked_its_name_is_not_trained_again(
    organism_model: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spurious_rewards.training import segment

    with monkeypatch.context() as crashing:
        crashing.setattr(segment, "_finish", lambda *_: die())
        with pytest.raises(RuntimeError, match="a crash"):
            run(organism_model, tmp_path, STEPS, TRAINING)
    calls: list[int] = []
    with generating(counting(calls)):
        run(organism_model, tmp_path, STEPS, TRAINING)
    assert calls == []
    assert_same(tmp_path, undisturbed)


def test_checkpoints_for_another_request_are_thrown_away(organism_model: Path, tmp_path: Path) -> None:
    with generating(at_call(2, die)), pytest.raises(RuntimeError, match="a crash"):
        run(organism_model, tmp_path, 2, TRAINING.model_copy(update={"learning_rate": 0.5}))
    assert (tmp_path / ".partial/seed0.unfinished/step1").exists()
    calls: list[int] = []
    with generating(counting(calls)):
        run(organism_model, tmp_path, 2, TRAINING)
    assert len(calls) == 2


@pytest.mark.parametrize("raised", ["the stage's", "a table's"])
def test_checkpoints_of_another_version_are_thrown_away(
    organism_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: str
) -> None:
    with generating(at_call(2, die)), pytest.raises(RuntimeError, match="a crash"):
        run(organism_model, tmp_path, 2, TRAINING)
    if raised == "a table's":
        monkeypatch.setattr(tables.Metrics, "_VERSION", tables.Metrics._VERSION + 1)
    calls: list[int] = []
    with generating(counting(calls)):
        run(organism_model, tmp_path, 2, TRAINING, version=1 + (raised == "the stage's"))
    assert len(calls) == 2


def test_work_on_another_model_at_the_same_path_is_thrown_away(organism_model: Path, tmp_path: Path) -> None:
    base, output = Path(shutil.copytree(organism_model, tmp_path / "base")), tmp_path / "segment"
    for _ in range(2):
        with generating(at_call(2, die)), pytest.raises(RuntimeError, match="a crash"):
            run(base, output, 3, TRAINING)
        (base / "trainer_state.json").write_text("{}")  # training does not load this file
    assert [path.name for path in (output / ".partial/seed0.unfinished").iterdir()] == ["step1", "step2"]
    (base / "config.json").write_text((base / "config.json").read_text() + "\n")
    calls: list[int] = []
    with generating(counting(calls)):
        run(base, output, 3, TRAINING)
    assert len(calls) == 3


# ---------------------------------------------------------------- states that are slow to save


@pytest.mark.usefixtures("slow_disk")
def test_a_crash_loses_what_was_trained_since_the_last_state_and_the_run_has_one_history(
    organism_model: Path, undisturbed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with generating(at_call(4, die)), pytest.raises(RuntimeError, match="a crash"):
        run(organism_model, tmp_path, STEPS, TRAINING)
    assert steps_kept(tmp_path) == {"step1": True, "step2": False, "step3": False}
    weights = {step: checkpoint(undisturbed, 0, step) for step in (2, 3)}
    for step, folder in weights.items():
        assert files(tmp_path / f".partial/seed0.unfinished/step{step}") == files(folder)
    capsys.readouterr()

    calls: list[int] = []

    def draw(*arguments: Any, **inputs: Any) -> Any:
        assert calls or steps_kept(tmp_path) == {"step1": True}, "later ones are gone before training goes on"
        return counting(calls)(*arguments, **inputs)

    with generating(draw):
        run(organism_model, tmp_path, STEPS, TRAINING)
    assert len(calls) == 3
    said = "seed 0: resumes after step 1 of 4; repeats the steps up to 3, because only their weights were saved"
    assert said in capsys.readouterr().err
    assert_same(tmp_path, undisturbed)


@pytest.mark.usefixtures("slow_disk")
def test_sigterm_leaves_a_state_whatever_it_takes(organism_model: Path, undisturbed: Path, tmp_path: Path) -> None:
    with generating(at_call(3, terminate)), pytest.raises(SystemExit):
        run(organism_model, tmp_path, STEPS, TRAINING)
    assert steps_kept(tmp_path) == {"step1": False, "step2": False, "step3": True}
    calls: list[int] = []
    with generating(counting(calls)):
        run(organism_model, tmp_path, STEPS, TRAINING)
    assert len(calls) == 1
    assert_same(tmp_path, undisturbed)


# ---------------------------------------------------------------- SIGTERM


def test_sigterm_ends_a_job_at_the_end_of_a_rollout_step_and_nothing_is_lost(
    organism_model: Path, undisturbed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    every_second = TRAINING.model_copy(update={"eval_every": 2})
    with generating(at_call(3, terminate)), pytest.raises(SystemExit) as ended:
        run(organism_model, tmp_path, STEPS, every_second)
    assert ended.value.code == 143
    assert "interrupted; step 3 of seed 0 is kept; run the same command to resume" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [".partial"]  # no lock, no output
    unfinished = tmp_path / ".partial" / "seed0.unfinished"
    assert sorted(path.name for path in unfinished.iterdir()) == ["step2", "step3"]

    calls: list[int] = []
    with generating(counting(calls)):
        run(organism_model, tmp_path, STEPS, every_second)
    assert len(calls) == 1
    # Step 3 was saved only for resuming; the suite does not ask for it.
    assert sorted(path.name for path in (tmp_path / "checkpoints/seed0").iterdir()) == ["step2", "step4"]
    for name in ("model.safetensors", "optimizer.pt", "rng_state.pth", "scheduler.pt"):
        there, here = checkpoint(undisturbed, 0, STEPS) / name, checkpoint(tmp_path, 0, STEPS) / name
        assert there.read_bytes() == here.read_bytes(), name
    pd.testing.assert_frame_equal(metrics(tmp_path), metrics(undisturbed), check_exact=True)


def test_sigterm_between_seeds_keeps_those_before(organism_model: Path, tmp_path: Path) -> None:
    two: dict[str, Any] = {
        "bases": dict.fromkeys((0, 1), str(organism_model)),
        "training_sets": dict.fromkeys((0, 1), launched.PROBLEMS),
    }
    with generating(at_call(1, terminate)), pytest.raises(SystemExit):
        run(organism_model, tmp_path, 1, TRAINING, **two)
    assert sorted(path.name for path in (tmp_path / ".partial").iterdir()) == ["asked", "seed0"]
    run(organism_model, tmp_path, 1, TRAINING, **two)
    assert rollouts(tmp_path)["seed"].unique().tolist() == [0, 1]


# ---------------------------------------------------------------- which checkpoints can be resumed from


def test_a_checkpoint_without_its_optimiser_is_not_resumed_from(
    organism_model: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """The transformers Trainer would silently continue with a new optimiser."""
    step = checkpoint(undisturbed, 0, 1)
    assert not (step / "optimizer.pt").exists()
    with pytest.raises(UserError, match=r"step1: has no trainer state to go on from, and the job has one process"):
        run(organism_model, tmp_path, 2, TRAINING, start=1, previous=undisturbed / "checkpoints")


def test_a_checkpoint_that_is_no_model_is_an_error_at_once(tmp_path: Path) -> None:
    from spurious_rewards.training.checkpointing import CheckpointCallback, Record

    (tmp_path / "checkpoint-2").mkdir()
    (tmp_path / "checkpoint-2" / "config.json").write_text("{}")
    keeping = CheckpointCallback(tmp_path, Record(), updates=2, evaluated={1})
    with pytest.raises(
        UserError, match=r"missing tokenizer .*, weights .* a sharded accelerate_config needs `fsdp_state_dict_type"
    ):
        keeping.on_save(SimpleNamespace(save_only_model=False), SimpleNamespace(global_step=2), None)
    assert not (tmp_path / "step1").exists()


def test_weights_have_not_moved_in_the_forms_that_sharded_training_leaves_them(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from spurious_rewards.training.segment import check_unmoved

    embedding = torch.tensor([1 / 3, 2.0])
    forms = {
        "before": {"embedding": embedding},
        "fsdp": {"embedding": embedding, "head": embedding.clone()},  # tied weights, under both names
        "zero3": {"embedding": embedding.bfloat16()},
        "moved": {"embedding": embedding + 1, "head": embedding},
    }
    for name, tensors in forms.items():
        (tmp_path / name).mkdir()
        save_file(tensors, tmp_path / name / "model.safetensors")
    for name in ("fsdp", "zero3"):
        check_unmoved(tmp_path / "before", tmp_path / name)
    with pytest.raises(RuntimeError, match="1 of 1 weight tensors moved"):
        check_unmoved(tmp_path / "before", tmp_path / "moved")


# ---------------------------------------------------------------- other models

ROOMY = ONE_UPDATE.model_copy(update={"max_prompt_tokens": 64})


@pytest.mark.parametrize("architecture", ["bloom", "mamba", "mpt", "gpt2"])
def test_models_without_a_limit_of_positions_are_trained(architecture: str, tmp_path: Path) -> None:
    model = make(tmp_path / "model", architecture)
    assert len(rollouts(run(model, tmp_path / "segment", 1, ROOMY))) == ROOMY.responses


def test_without_ending_and_padding_token_a_tokenizer_trains_with_the_models_own(tmp_path: Path) -> None:
    model = make(tmp_path / "model", eos_token=None)
    change(model, "generation_config.json", eos_token_id=[7, 1])
    first = run(model, tmp_path / "first", 1, ROOMY)
    # The checkpoint names these tokens itself, so training continues from it.
    second = run(model, tmp_path / "second", 2, ROOMY, start=1, previous=first / "checkpoints")
    assert load_tokenizer(checkpoint(second, 0, 2)).eos_token == "</s>"


def test_a_padding_token_beyond_the_embedding_is_not_padded_with(tmp_path: Path) -> None:
    model = make(tmp_path / "model", pad_token="<pad>")
    add_token(model, "<pad>")
    assert len(rollouts(run(model, tmp_path / "segment", 1, ROOMY))) == ROOMY.responses


def test_the_class_that_a_configuration_names_does_not_count(tmp_path: Path) -> None:
    """As in evaluation: TRL would load a classifier, or raise a TypeError if no class is named."""
    model = make(tmp_path / "model")
    for named in (["LlamaForSequenceClassification"], None):
        change(model, "config.json", architectures=named)
        assert len(rollouts(run(model, tmp_path / f"segment {named}", 1, ROOMY))) == ROOMY.responses


@pytest.mark.parametrize("name", BROKEN_INSIDE)
def test_weights_that_cannot_be_trained_end_in_a_sentence(name: str, tmp_path: Path) -> None:
    model = broken(tmp_path / "model", make(tmp_path / "sound"), BROKEN_INSIDE[name])
    with pytest.raises(UserError, match=BROKEN_INSIDE[name].said):
        run(model, tmp_path / "segment", 1, ROOMY)


def test_a_prompt_that_a_model_cannot_be_given_is_refused_before_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = broken(tmp_path / "model", make(tmp_path / "sound"), UNENDED)
    monkeypatch.setattr(loading, "load_model", lambda *_: pytest.fail("loaded"))
    with pytest.raises(UserError, match=UNENDED.said):
        run(model, tmp_path / "segment", 1, ROOMY, prompt=Prompt(kind="chat"))


# ---------------------------------------------------------------- two processes


@pytest.fixture(scope="module")
def two(organism_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the segments that tests/launched.py trains on two processes."""
    folder = tmp_path_factory.mktemp("two")
    accelerate_config = folder / "two.yaml"
    accelerate_config.write_text("{distributed_type: MULTI_CPU, num_processes: 2, num_machines: 1, use_cpu: true}")
    program = [launched.__file__, str(organism_model), str(folder), str(accelerate_config)]
    subprocess.run(launching.command(accelerate.read(accelerate_config), program, os.environ), check=True, timeout=300)
    return folder


def test_two_processes_train_as_one_does_on_the_same_responses(organism_model: Path, two: Path, tmp_path: Path) -> None:
    with generating(fixed()):
        one = run(organism_model, tmp_path, 3, ONE_UPDATE)
    both = two / "fixed"
    # The order of prompts, the responses, the coins that reward them, and the verdicts agree exactly.
    pd.testing.assert_frame_equal(rollouts(one), rollouts(both), check_exact=True)
    # The losses show in the gradient norm and in the probabilities that the next step's policy gives its tokens.
    pd.testing.assert_frame_equal(metrics(one), metrics(both), check_exact=False, rtol=1e-5)
    assert metrics(one)["grad_norm"].gt(0).all()


def test_a_rollout_step_has_as_many_updates_on_two_processes(two: Path, undisturbed: Path) -> None:
    import json

    states = [
        json.loads((checkpoint(segment, 0, steps) / "trainer_state.json").read_text())
        for segment, steps in ((two / "undisturbed", 3), (undisturbed, STEPS))
    ]
    assert [state["global_step"] for state in states] == [3 * 2, STEPS * 2]
    assert len(rollouts(two / "undisturbed")) == 3 * TRAINING.responses
    for column in ("step", "id", "sample"):  # both halves of each batch
        whole = rollouts(undisturbed).query("step <= 3")[column].tolist()
        assert rollouts(two / "undisturbed")[column].tolist() == whole


def test_sigterm_to_one_process_ends_all_at_the_same_step_and_they_go_on_together(two: Path) -> None:
    assert [(two / f"exit{rank}").read_text() for rank in (0, 1)] == ["143", "143"]
    assert_same(two / "interrupted", two / "undisturbed")


def test_two_processes_write_a_state_if_the_first_finds_it_due(two: Path) -> None:
    """In tests/launched.py, the clock of the second process always says the opposite."""
    assert (two / "steps_kept").read_text() == "{'step1': True, 'step2': False}"
    assert_same(two / "disagreeing", two / "undisturbed")


def test_resuming_on_another_number_of_processes_is_refused(organism_model: Path, two: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"step3: was written by 2 processes, sharding none, and the job has one process"
    ):
        run(organism_model, tmp_path, 4, TRAINING, start=3, previous=two / "undisturbed" / "checkpoints")


def test_a_world_of_another_size_than_the_accelerate_configs_is_an_error(
    two: Path, organism_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match=r"1 processes are at work and .*two\.yaml has 2"):
        run(organism_model, tmp_path, 1, TRAINING, Hardware(accelerate_config=two / "two.yaml"))
