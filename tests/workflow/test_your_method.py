"""A reward file outside the repository, named by a suite beside it, goes through the whole test."""

import shutil
from pathlib import Path
from typing import Any

import checkout
import pytest
import yaml
from checkout import ROOT, Ended

from spurious_rewards.analysis.baselines import BASELINES
from spurious_rewards.artifacts import csv_files, tables

RESULTS = Path("results/your_method")


def cut_down(suite: dict[str, Any]) -> None:
    """Reduce the suite from a quarter of an hour to a minute: one family, the same stages and exhibits."""
    suite["organism"].update(width=32, layers=1, mlp=64, steps=30, batch=32)
    suite["problems"]["sums"]["limit"] = 12
    suite["training"].update(
        rollout_prompts=2, rollouts_per_prompt=4, updates_per_rollout=2, num_iterations=1, micro_batch=4
    )
    suite["training"].update(segment_steps=2, eval_every=1, rollouts_every=1)
    suite["experiments"]["test"].update(models=["effective-code"], seeds=["0-1"], steps=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout.make(tmp_path_factory.mktemp("your_method") / "checkout")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the example, reduced and outside any checkout."""
    study = tmp_path_factory.mktemp("elsewhere") / "study"
    shutil.copytree(ROOT / "examples/your_method", study)
    path = study / "your_method.yaml"
    suite = yaml.safe_load(path.read_text())
    cut_down(suite)
    path.write_text(yaml.safe_dump(suite, sort_keys=False))
    return study


def run(folder: Path, study: Path, *arguments: str) -> Ended:
    return checkout.snakemake(folder, *arguments, "--config", f"suite={study / 'your_method.yaml'}", "tracking=none")


@pytest.fixture(scope="module")
def finished(folder: Path, study: Path) -> Path:
    ended = run(folder, study)
    assert ended.code == 0, ended.output
    return folder


@pytest.mark.rare
def test_the_report_says_whether_it_beats_the_dummies(finished: Path) -> None:
    judged = csv_files.read(finished / RESULTS / "exhibits/verdict/table.csv", {**BASELINES, "against_dummies": "text"})
    assert set(judged["model"]) == {"effective-code"}
    assert set(judged["baseline"]) == {"random_0.5", "format", "ground_truth"}
    assert set(judged["against_dummies"]) <= {"beats", "falls behind", "not shown", "too few seeds"}
    report = (finished / RESULTS / "report.html").read_text()
    assert "Shows its work beats the dummy baselines on" in report


@pytest.mark.rare
def test_the_reward_was_paid_for_what_it_says(finished: Path) -> None:
    """The user's function, and no other, determined the rewards of the rollouts that training kept."""
    kept = RESULTS / "runs/effective-code/plain/shows_work/default/seeds0-1/segments/0-2/rollouts.parquet"
    rollouts = tables.read(finished / kept, tables.Rollouts)
    expected = [float(text.count("=") >= 2 and "\\boxed{" in text) for text in rollouts["response"]]
    assert rollouts["reward"].tolist() == expected
    assert len(expected) == 2 * 2 * 8  # seeds, steps, responses per step


@pytest.mark.rare
def test_a_changed_file_trains_its_own_runs_again_and_no_others_and_a_new_date_nothing(
    finished: Path, study: Path
) -> None:
    file = study / "shows_work.py"
    file.touch()
    assert run(finished, study, "-n").jobs == []
    file.write_text(file.read_text().replace(">= 2", ">= 1"))
    trained = [job for job in run(finished, study, "-n").jobs if job.startswith("training ")]
    assert trained == ["training effective-code on shows_work (default, plain), seeds 0-1, steps 0 to 2"]


@pytest.mark.rare
@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            "def shows_work(responses, labels, context):\n    raise KeyError('mine')",
            "shows_work failed: KeyError: 'mine'",
        ),
        ("def shows_work(responses, labels, context):\n    return [1.0]", "gave 1 values for 8 responses"),
        ("import no_such_package\ndef shows_work(responses, labels, context):\n    return []", "cannot be imported"),
        (
            "import sys\ndef shows_work(responses, labels, context):\n    sys.exit(0)",
            "shows_work failed: SystemExit: 0",
        ),
    ],
)
def test_a_reward_that_fails_says_so_and_stops_its_run_alone(
    finished: Path, study: Path, tmp_path: Path, function: str, said: str
) -> None:
    shutil.copytree(study, tmp_path / "study")
    (tmp_path / "study/shows_work.py").write_text(function)
    segment = RESULTS / "runs/effective-code/plain/shows_work/default/seeds0-1/segments/0-2/checkpoints"
    ended = run(finished, tmp_path / "study", str(segment))
    assert ended.code != 0
    log = (finished / RESULTS / "logs/train/effective-code/plain/shows_work/default/seeds0-1/0-2.log").read_text()
    assert said in log
    assert "Traceback" not in log
    assert "output files are missing" not in ended.output


def test_the_suite_of_real_models_is_planned_from_a_folder_elsewhere(folder: Path, study: Path) -> None:
    """Each training job trains one seed of one run, and no votes are planned. A dry run, because jobs need a GPU."""
    ended = checkout.snakemake(folder, "-n", "--config", f"suite={study / 'your_method_one_gpu.yaml'}", "tracking=none")
    assert ended.code == 0, ended.output
    trained = [job for job in ended.jobs if job.startswith("training ")]
    assert len(trained) == 3 * 4 * 3 * 3  # models, rewards, seeds, segments
    one = "training SmolLM2-1.7B-Instruct on shows_work (default, chat_default), seeds 2, steps 40 to 60 [gpu=1, "
    assert any(job.startswith(one) for job in trained)
    assert "\nvote " not in ended.output, "of the table of jobs by rule"


EDITS_ITSELF = """
import pathlib

def shows_work(responses, labels, context):
    with pathlib.Path(__file__).open("a") as file:
        file.write("# seen\\n")
    return [len(response) for response in responses]
"""


@pytest.mark.rare
def test_a_file_that_is_edited_in_a_run_ends_the_jobs_that_were_planned_with_it(
    finished: Path, study: Path, tmp_path: Path
) -> None:
    shutil.copytree(study, tmp_path / "study")
    (tmp_path / "study/shows_work.py").write_text(EDITS_ITSELF)
    path = tmp_path / "study/your_method.yaml"
    suite = yaml.safe_load(path.read_text())
    suite["training"].update(segment_steps=1)
    path.write_text(yaml.safe_dump(suite))
    runs = RESULTS / "runs/effective-code/plain/shows_work/default/seeds0-1/segments"
    ended = run(finished, tmp_path / "study", str(runs / "1-2/checkpoints"))
    assert ended.code != 0
    logs = finished / RESULTS / "logs/train/effective-code/plain/shows_work/default/seeds0-1"
    assert (finished / runs / "0-1/checkpoints").exists()
    assert "changed since the run was planned; start Snakemake again" in (logs / "1-2.log").read_text()
    planned = run(finished, tmp_path / "study", "-n", str(runs / "1-2/checkpoints")).jobs
    assert [job.split("steps ")[1] for job in planned] == ["0 to 1", "1 to 2"]


@pytest.mark.parametrize(
    ("reward", "said"),
    [
        ({"file": "no_such.py", "function": "shows_work"}, "rewards.shows_work.file = no_such.py"),
        ({"file": "shows_work.py", "function": "show_work"}, "has no such function; it has: shows_work"),
        ({"file": "shows_work.py", "function": "format"}, "a built-in reward has this name"),
    ],
)
def test_a_wrong_name_is_said_before_anything_runs(
    folder: Path, study: Path, tmp_path: Path, reward: dict[str, str], said: str
) -> None:
    shutil.copytree(study, tmp_path / "study")
    path = tmp_path / "study/your_method.yaml"
    suite = yaml.safe_load(path.read_text())
    suite["rewards"]["shows_work"] = reward
    path.write_text(yaml.safe_dump(suite))
    ended = run(folder, tmp_path / "study", "-n")
    assert ended.code != 0
    assert said in ended.output
    assert "Traceback" not in ended.output
