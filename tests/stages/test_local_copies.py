"""Jobs identify the user's files and folders by content: new content gives a new job, a new place does not."""

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from spurious_rewards.artifacts.local_copies import Contents
from spurious_rewards.config import claims as ledgers
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.loading import load
from spurious_rewards.config.problems import ProblemSet
from spurious_rewards.config.settings import Settings
from spurious_rewards.stages import (
    claims,
    generate,
    memorization,
    model_refs,
    plot,
    prepare,
    report,
    score,
    train,
    training_summary,
    vote,
)
from spurious_rewards.stages.job import JobSpec
from spurious_rewards.stages.study import Study

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests/workflow/tiny.yaml"
SUITES = ROOT / "config/suites"
COPIES = ("own.jsonl", "copied.parquet", "own_model", "copied_model", "theirs.parquet", "their_checkpoint", "paid.py")


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name / "config.json" if "." not in name else folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"def paid(responses, labels, context): return {text!r}" if name.endswith(".py") else text)


def study(folder: Path, lies: str = "", environment: dict[str, str] | None = None) -> Study:
    """Return a study with local copies of every kind in `folder / lies`; `environment` is passed to `Contents`."""
    place = folder / lies
    suite: dict[str, Any] = yaml.safe_load(TINY.read_text())
    suite["problems"] |= {"own": {"path": str(place / "own.jsonl")}, "copied": {"hub": "some/sums"}}
    here: dict[str, Any] = {"prompt": "plain", "max_positions": 48}
    suite["models"] |= {
        "own": {"source": "local", "id": str(place / "own_model"), **here},
        "copied": {"source": "hub", "id": "some/model", **here},
    }
    suite["rewards"]["paid"] = {"function": "paid", "file": str(place / "paid.py")}
    suite["experiments"]["main"].update(
        rewards=["random", "paid"], models=["organism", "own", "copied"], seeds=["0-1", "2", "3"]
    )
    suite["imports"] = [
        {"model": "own", "reward": "random", "seed": 2, "origin": "them", "responses": str(place / "theirs.parquet")},
        {"model": "own", "reward": "random", "seed": 3, "origin": "them"}
        | {"checkpoints": {2: str(place / "their_checkpoint"), 4: "some/trained"}},
    ]
    suite["partial_prompt"] = {"models": ["own"], "problems": ["own"]}
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump(suite))
    sources = {"some/sums": place / "copied.parquet", "some/model": place / "copied_model"}
    settings = Settings(suite="mine", sources=sources)
    return Study(load(file), settings, file, contents=Contents(environment))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in COPIES:
        write(tmp_path, name, f"content of {name}")
    return tmp_path


def run(model: str, seeds: str, reward: str = "random") -> Run:
    return Run(model=model, prompt="plain", reward=reward, variant="default", seeds=seeds)


Planned = tuple[Callable[[Study], JobSpec], Callable[[Study], Iterable[Path]], tuple[str, ...]]

READING: dict[str, Planned] = {
    "prepare, of a file": (
        lambda study: prepare.job(study, "own"),
        lambda study: prepare.copies(study, "own").values(),
        ("own.jsonl",),
    ),
    "prepare, in place of the hub": (
        lambda study: prepare.job(study, "copied"),
        lambda study: prepare.copies(study, "copied").values(),
        ("copied.parquet",),
    ),
    "vote": (
        lambda study: vote.job(study, "own", "base", "plain"),
        lambda study: model_refs.local_copies(study, "own"),
        ("own_model",),
    ),
    "train": (
        lambda study: train.job(study, run("copied", "0-1"), 0, 2),
        lambda study: train.copies(study, run("copied", "0-1")),
        ("copied_model",),
    ),
    "train, a further segment": (
        lambda study: train.job(study, run("own", "0-1"), 2, 4),
        lambda study: train.copies(study, run("own", "0-1")),
        ("own_model",),
    ),
    "train, on a reward file": (
        lambda study: train.job(study, run("organism", "0-1", "paid"), 0, 2),
        lambda study: train.copies(study, run("organism", "0-1", "paid")),
        ("paid.py",),
    ),
    "generate, before training": (
        lambda study: generate.job_of_base(study, "copied", "base", "plain"),
        lambda study: model_refs.local_copies(study, "copied"),
        ("copied_model",),
    ),
    "generate, from imported responses": (
        lambda study: generate.job_of_run(study, run("own", "2"), 0, 4),
        lambda study: generate.copies_of_run(study, run("own", "2")),
        ("theirs.parquet",),
    ),
    "generate, from imported checkpoints": (
        lambda study: generate.job_of_run(study, run("own", "3"), 0, 4),
        lambda study: generate.copies_of_run(study, run("own", "3")),
        ("their_checkpoint",),
    ),
    "memorization": (
        lambda study: memorization.job(study, "own"),
        lambda study: model_refs.local_copies(study, "own"),
        ("own_model",),
    ),
}


@pytest.mark.parametrize("kind", READING)
def test_a_job_changes_with_the_content_that_it_reads_and_with_no_path(folder: Path, kind: str) -> None:
    job, copies, read = READING[kind]
    planned = study(folder)
    before = job(planned).as_json()
    assert str(folder) not in before
    locations = planned.contents.locations(copies(planned))
    assert [folder / lies for lies in locations.values()] == [folder / name for name in read]
    assert all(f'"content":"{content}"' in before for content in locations)
    assert type(job(planned)).model_validate_json(before) == job(planned)

    moved = folder / "moved"
    moved.mkdir()
    for name in COPIES:
        shutil.move(folder / name, moved / name)
    elsewhere = study(folder, "moved")
    assert job(elsewhere).as_json() == before
    assert elsewhere.contents.locations(copies(elsewhere)).keys() == locations.keys()

    for name in COPIES:
        write(moved, name, f"another content of {name}")
        changed = job(study(folder, "moved")).as_json() != before
        assert changed == (name in read), name
        write(moved, name, f"content of {name}")


@pytest.mark.parametrize("kind", READING)
def test_a_job_that_is_planned_once_more_with_what_its_run_found_is_the_same(folder: Path, kind: str) -> None:
    job, _, _ = READING[kind]
    found: dict[str, str] = {}
    before = job(study(folder, environment=found)).as_json()
    for name in COPIES:
        write(folder, name, f"another content of {name}")
    assert job(study(folder, environment=dict(found))).as_json() == before
    assert job(study(folder)).as_json() != before


def test_jobs_that_read_no_copy_know_neither_their_places_nor_their_contents(folder: Path) -> None:
    def told(planned: Study) -> list[str]:
        jobs = [
            generate.job_of_run(planned, run("own", "0-1", "paid"), 0, 2),
            score.job(planned, "main", "own"),
            training_summary.job(planned, "main"),
            plot.job(planned, "fig1"),
            claims.job(planned, ledgers.read(ROOT / ledgers.FILE), load(ROOT / ledgers.PAPER)),
            report.job(planned),
        ]
        return [job.as_json() for job in jobs]

    before = told(study(folder))
    assert not any(str(folder) in job for job in before)
    (folder / "moved").mkdir()
    for name in COPIES:
        shutil.move(folder / name, folder / "moved" / name)
        write(folder / "moved", name, "another")
    assert told(study(folder, "moved")) == before


def test_the_ledger_knows_a_file_of_problems_of_the_papers_by_its_content(tmp_path: Path) -> None:
    """The same problems in another file count as the paper's; other problems under the same name do not."""
    paper = load(ROOT / ledgers.PAPER)
    theirs = ROOT / paper.problems["written"].path
    paper = paper.model_copy(update={"problems": {**paper.problems, "written": ProblemSet(path=theirs)}})

    def told(path: Path) -> tuple[ProblemSet, ProblemSet]:
        own = paper.model_copy(update={"problems": {**paper.problems, "written": ProblemSet(path=path)}})
        job = claims.job(Study(own, Settings(), tmp_path / "own.yaml"), ledgers.read(ROOT / ledgers.FILE), paper)
        return job.suite.problems["written"], job.paper.problems["written"]

    ours = tmp_path / "perturbed_original.jsonl"
    shutil.copy(theirs, ours)
    here, there = told(ours)
    assert here == there
    ours.write_text(ours.read_text().replace("2", "3", 1))
    here, there = told(ours)
    assert here != there


@pytest.mark.parametrize("name", ["organism", "smoke", "small", "one_gpu", "paper"])
def test_jobs_of_suites_without_local_copies_hold_no_content(name: str) -> None:
    path = SUITES / f"{name}.yaml"
    planned = Study(load(path), Settings(suite=name), path)
    jobs: list[JobSpec] = [prepare.job(planned, key) for key, each in planned.suite.problems.items() if not each.path]
    for of in planned.suite.runs:
        jobs += [train.job(planned, of, 0, 1), generate.job_of_run(planned, of, *planned.suite.segments(of)[0])]
    assert jobs
    for job in jobs:
        assert '"content"' not in job.as_json()
        for weights in json.loads(job.as_json()).get("bases", {}).values():
            assert list(weights) == ["folder", "hub", "revision", "lock"]
    assert planned.contents.locations([]) == {}


def test_what_the_workflow_makes_itself_is_no_local_copy() -> None:
    planned = Study(load(SUITES / "organism.yaml"), Settings(), SUITES / "organism.yaml")
    assert all(model_refs.local_copies(planned, name) == [] for name in planned.suite.models)
