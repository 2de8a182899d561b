"""What is remade after which change, in the real workflow.

Most tests look at the job messages of a Snakemake dry run (-n).
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

import checkout
import pytest
from checkout import RESULTS, RUNS, artifacts, change_code, change_suite, snakemake

GRADED = {
    "grading organism before training (plain), seeds0-1",
    *(
        f"grading organism trained on {reward} (default, plain), seeds 0-1, steps {steps}"
        for reward in ("majority_vote", "random")
        for steps in ("0 to 2", "2 to 4")
    ),
}
ANALYSED = {
    "scoring experiment main, organism",
    "summarising votes and training of experiment main",
    "comparing graders on the answers behind the headline",
    "making fig1: What each reward gains",
    checkout.TABLE1,
    "judging claims",
    "writing the report",
}
SUMMARISED = {"summarising votes and training of experiment main"}


def planned(folder: Path, *arguments: str) -> set[str]:
    """Return the jobs that a run would start."""
    ended = snakemake(folder, "--dry-run", *arguments)
    assert ended.code == 0, ended.output
    return set(ended.jobs)


def of(jobs: Iterable[str], *beginnings: str) -> set[str]:
    """Return the jobs whose messages start with one of these texts."""
    return {job for job in jobs if job.startswith(beginnings)}


def test_a_second_call_finds_nothing_to_do(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (finished / RESULTS).rglob("*")}
    ended = snakemake(finished)
    assert ended.code == 0
    assert "Nothing to be done" in ended.output
    assert {path: path.stat().st_mtime_ns for path in (finished / RESULTS).rglob("*")} == before


def test_a_deleted_file_of_grades_remakes_only_what_hangs_on_it(finished: Path, undisturbed: Path) -> None:
    (finished / RUNS / "random/default/seeds0-1/segments/2-4/grades.parquet").unlink()
    ended = snakemake(finished)
    assert ended.code == 0, ended.output
    assert set(ended.jobs) == ANALYSED - SUMMARISED | {
        "grading organism trained on random (default, plain), seeds 0-1, steps 2 to 4"
    }
    assert artifacts(finished) == artifacts(undisturbed)


def test_comments_and_docstrings_remake_nothing(finished: Path) -> None:
    library = finished / "src/spurious_rewards"
    for path in library.rglob("*.py"):
        path.write_text(path.read_text() + "\n# a comment\n")
    change_code(finished, "answers/grading.py", '"""', '"""Changed. ')
    ended = snakemake(finished)
    assert ended.code == 0, ended.output
    assert "Nothing to be done" in ended.output


def test_a_changed_grader_remakes_grades_and_nothing_dear(finished: Path) -> None:
    with (finished / "src/spurious_rewards/answers/extraction.py").open("a") as module:
        module.write("\nCHANGED = True\n")
    assert planned(finished) == GRADED | (ANALYSED - SUMMARISED)


def test_of_a_stage_the_work_remakes_its_artifacts_and_the_planning_does_not(finished: Path) -> None:
    grade = "stages/grade.py"
    change_code(finished, grade, "    return GradeJob(", "    planned = 1 + 1\n    return GradeJob(")
    assert planned(finished) == set()
    change_code(finished, grade, "    recorder = Recorder(", "    made = 1 + 1\n    recorder = Recorder(")
    assert planned(finished) == GRADED | (ANALYSED - SUMMARISED)


def test_changed_training_code_is_named_and_remakes_nothing(finished: Path) -> None:
    with (finished / "src/spurious_rewards/training/trainer.py").open("a") as module:
        module.write("\nCHANGED = True\n")
    (finished / RESULTS / "report.html").unlink()
    ended = snakemake(finished)
    assert ended.code == 0, ended.output
    assert ended.jobs == ["writing the report"]
    noted = [line for line in ended.output.splitlines() if line.startswith("note: ")]
    assert any(
        f"{RUNS}/random/default/seeds0-1/segments/2-4/checkpoints was made by another version of the code" in note
        for note in noted
    )
    assert not any("responses" in note for note in noted)


@pytest.mark.parametrize(
    ("stage", "remade", "kept"),
    [
        ("generate", ("answering", "grading"), ("training", "sampling", "pretraining", "counting")),
        ("train", ("training", "answering"), ("sampling", "pretraining", "counting", "preparing")),
    ],
)
def test_a_raised_stage_version_remakes_that_stage(
    finished: Path, stage: str, remade: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    change_code(finished, f"stages/{stage}.py", "\nVERSION = ", "\nVERSION = 1")
    jobs = planned(finished)
    assert all(of(jobs, message) for message in remade)
    assert not of(jobs, *kept)


def test_another_gamma_remakes_the_runs_of_that_reward(finished: Path) -> None:
    change_suite(finished, "rewards/random/gamma", 0.25)
    jobs = planned(finished)
    assert {job for job in jobs if "random" in job} == {
        f"{verb} random (default, plain), seeds 0-1, steps {steps}"
        for verb in (
            "training organism on",
            "answering the benchmarks: organism trained on",
            "grading organism trained on",
        )
        for steps in ("0 to 2", "2 to 4")
    }
    assert {job for job in jobs if "random" not in job} == ANALYSED


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("report/smoothing_steps", 2),
        ("title", "Another title"),
        ("rewards/random/title", "Coin"),
        ("benchmarks/amc/title", "Sums"),
        ("models/organism/title", "Model"),
        ("prompts/plain/origin", "ours"),
    ],
)
def test_what_only_the_presentation_uses_remakes_only_that(finished: Path, key: str, value: object) -> None:
    change_suite(finished, key, value)
    jobs = planned(finished)
    assert "making fig1: What each reward gains" in jobs
    assert jobs <= ANALYSED


def test_tracking_is_no_reason_to_train_again(finished: Path) -> None:
    assert planned(finished, "--config", "tracking=wandb") == set()


def test_more_steps_train_only_the_new_segments(finished: Path, undisturbed: Path) -> None:
    change_suite(finished, "experiments/main/steps", 6)
    target = RUNS / "random/default/seeds0-1/segments/4-6/metrics.parquet"
    ended = snakemake(finished, str(target))
    assert ended.code == 0, ended.output
    assert ended.jobs == ["training organism on random (default, plain), seeds 0-1, steps 4 to 6"]
    assert artifacts(undisturbed).items() <= artifacts(finished).items()
    jobs = planned(finished)
    assert of(jobs, "training") == {"training organism on majority_vote (default, plain), seeds 0-1, steps 4 to 6"}
    assert not of(jobs, "sampling", "pretraining", "counting")
    assert len(of(jobs, "answering")) == len(of(jobs, "grading")) == 2


def test_a_new_group_of_seeds_trains_only_itself(finished: Path) -> None:
    change_suite(finished, "experiments/main/seeds", ["0-1", "2"])
    jobs = planned(finished)
    assert len(of(jobs, "training")) == 4
    assert of(jobs, "pretraining") == {"pretraining organism organism, seed 2"}
    assert all("seeds 2" in job or "seeds2" in job or "seed 2" in job for job in jobs - ANALYSED)


def test_a_second_experiment_on_the_same_runs_trains_nothing(finished: Path) -> None:
    shared = {"title": "One reward, half as long", "models": ["organism"], "rewards": ["random"], "seeds": ["0-1"]}
    change_suite(finished, "experiments/second", {**shared, "steps": 2})
    assert planned(finished, str(RESULTS / "experiments/second/organism/headline.csv")) == {
        "scoring experiment second, organism"
    }


@pytest.mark.rare
def test_the_number_of_cores_changes_nothing(undisturbed: Path, tmp_path: Path) -> None:
    folder = checkout.make(tmp_path / "alone")
    ended = snakemake(folder, str(RUNS / "random/default/seeds0-1/segments/2-4/grades.parquet"), cores=1)
    assert ended.code == 0, ended.output
    made = artifacts(folder)
    assert len(made) > 50
    assert made.items() <= artifacts(undisturbed).items()


def test_results_of_a_suite_do_not_depend_on_where_the_checkout_lies(finished: Path) -> None:
    moved = shutil.move(finished, finished.with_name("moved"))
    assert planned(Path(moved)) == set()
