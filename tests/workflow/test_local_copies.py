"""The user's files and folders, in the real workflow: a change remakes what depends on it, a move remakes nothing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import checkout
import pytest
import yaml
from checkout import RESULTS, at_start_of_stages, change_suite, snakemake

from spurious_rewards.artifacts.local_copies import Contents

ANSWERS = RESULTS / "models/mine/base/plain"
GRADES = str(ANSWERS / "grades.parquet")
PREPARED = str(RESULTS / "problems/mine.parquet")
PREPARING = "preparing problems mine"
ANSWERING = "answering the benchmarks: mine before training (plain), base"
GRADING = "grading mine before training (plain), base"

SUMS = "".join(f'{{"problem": "compute {n} + 1", "answer": "{n + 1}"}}\n' for n in range(4))
OTHER = SUMS.replace('"4"', '"5"')


def name_copies(folder: Path, data: str, model: str) -> None:
    """Set the paths of the problems and the model in the suite and in config.yaml."""
    config = {"suite": "tiny", "tracking": "none", "sources": {"some/sums": data}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    change_suite(folder, "models/mine", {"source": "local", "id": model, "prompt": "plain", "max_positions": 48})


@pytest.fixture(scope="module")
def answered(undisturbed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout where a local model answered problems from a local copy of a Hub data set; do not change it."""
    folder = tmp_path_factory.mktemp("answered") / "checkout"
    subprocess.run(["cp", "-a", str(undisturbed), str(folder)], check=True)
    shutil.copytree(folder / RESULTS / "models/organism/pretrained/seed0", folder / "models/mine")
    (folder / "data").mkdir()
    (folder / "data/sums.jsonl").write_text(SUMS)
    change_suite(folder, "problems/mine", {"hub": "some/sums"})
    change_suite(folder, "benchmarks", {"mine": {"problems": "mine"}})
    name_copies(folder, "data/sums.jsonl", "models/mine")
    ended = snakemake(folder, GRADES)
    assert ended.code == 0, ended.output
    assert set(ended.jobs) == {PREPARING, ANSWERING, GRADING}
    return folder


@pytest.fixture
def folder(answered: Path, tmp_path: Path) -> Path:
    """Return a copy of that checkout that a test may change."""
    subprocess.run(["cp", "-a", str(answered), str(tmp_path / "copy")], check=True)
    return tmp_path / "copy"


def planned(folder: Path, *targets: str) -> list[str]:
    """Return the jobs that a run would start."""
    ended = snakemake(folder, "--dry-run", *(targets or (GRADES,)))
    assert ended.code == 0, ended.output
    assert bool(ended.jobs) != ("Nothing to be done" in ended.output)
    return sorted(ended.jobs)


def lineage(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "spurious_rewards.cli", "lineage", GRADES],
        cwd=folder,
        env={**checkout.environment(folder), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def complaint(ended: checkout.Ended) -> str:
    assert ended.code != 0, ended.output
    assert "Traceback (most recent call last)" not in ended.output
    return next(line for line in ended.output.splitlines() if line.startswith("error: "))


def test_touching_and_moving_makes_nothing_again(folder: Path) -> None:
    assert planned(folder) == []
    for file in (folder / "data/sums.jsonl", *(folder / "models/mine").iterdir()):
        os.utime(file)
    assert planned(folder) == []
    (folder / "data").rename(folder / "moved")
    (folder / "moved/sums.jsonl").rename(folder / "moved/renamed.jsonl")
    shutil.move(folder / "models/mine", folder.with_name("elsewhere"))
    (folder.with_name("elsewhere") / "README.md").write_text("not loaded")
    name_copies(folder, "moved/renamed.jsonl", str(folder.with_name("elsewhere")))
    assert planned(folder) == []
    # Artifacts that are remade are read from the new places, and are the same.
    before = (folder / ANSWERS / "responses.parquet").read_bytes()
    for path in (PREPARED, GRADES, str(ANSWERS / "responses.parquet")):
        (folder / path).unlink()
    ended = snakemake(folder, GRADES)
    assert ended.code == 0, ended.output
    assert (folder / ANSWERS / "responses.parquet").read_bytes() == before


def test_a_changed_source_is_made_again_with_what_hangs_on_it(folder: Path) -> None:
    assert "CHANGED" not in lineage(folder)
    (folder / "data/sums.jsonl").write_text(OTHER)
    told = lineage(folder)
    assert "CHANGED" in told
    assert "data/sums.jsonl has changed since" in told.replace(f"{folder}/", "")
    assert planned(folder) == sorted([PREPARING, ANSWERING, GRADING])
    ended = snakemake(folder, GRADES)
    assert ended.code == 0, ended.output
    assert "CHANGED" not in lineage(folder)
    assert planned(folder) == []
    parents = json.loads((folder / f"{PREPARED}.manifest.json").read_text())["parents"]
    assert [parent["artifact"] for parent in parents] == ["data/sums.jsonl"]


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_a_changed_model_folder_answers_again(folder: Path, file: str) -> None:
    changed = folder / "models/mine" / file
    if file == "model.safetensors":
        shutil.copy(folder / RESULTS / "models/organism/pretrained/seed1" / file, changed)
    else:
        changed.write_text(changed.read_text() + "\n")
    assert "models/mine has changed since" in lineage(folder).replace(f"{folder}/", "")
    assert planned(folder) == sorted([ANSWERING, GRADING])


def test_a_file_of_problems_is_known_by_its_content_too(folder: Path) -> None:
    (folder / "own.jsonl").write_text(SUMS)
    change_suite(folder, "problems/own", {"path": "own.jsonl"})
    target = str(RESULTS / "problems/own.parquet")
    assert snakemake(folder, target).code == 0
    before = (folder / target).read_bytes()
    os.utime(folder / "own.jsonl")
    assert planned(folder, target) == []
    (folder / "own.jsonl").rename(folder / "renamed.jsonl")
    change_suite(folder, "problems/own", {"path": "renamed.jsonl"})
    assert planned(folder, target) == []
    assert snakemake(folder, target, "--force").code == 0
    assert (folder / target).read_bytes() == before, "nor does the order of problems hang on the name of their file"
    (folder / "renamed.jsonl").write_text(OTHER)
    assert planned(folder, target) == ["preparing problems own"]


def test_a_job_whose_copy_changed_since_the_run_was_planned_writes_nothing(folder: Path) -> None:
    at_start_of_stages(folder, "import pathlib; pathlib.Path('data/sums.jsonl').write_text('changed')")
    (folder / PREPARED).unlink()
    line = complaint(snakemake(folder, PREPARED))
    assert line.startswith("error: data/sums.jsonl: changed since the run was planned; start Snakemake again")
    assert not (folder / PREPARED).exists()
    (folder / "src/sitecustomize.py").unlink()
    (folder / "data/sums.jsonl").write_text(OTHER)
    ended = snakemake(folder, PREPARED)
    assert ended.code == 0, ended.output


def test_a_job_that_is_planned_again_on_another_machine_is_that_of_its_run(folder: Path) -> None:
    (folder / PREPARED).unlink()
    found = {"data/sums.jsonl": "of the run that sent it"}
    arguments = ["--target-jobs", "prepare:set=mine", "--allowed-rules", "prepare", "--mode", "remote", "--force"]
    there = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--nolock", *arguments],
        cwd=folder,
        env={**checkout.environment(folder), Contents.VARIABLE: json.dumps(found)},
    )
    assert there.returncode != 0
    said = (folder / RESULTS / "logs/prepare/mine.log").read_text()
    assert said.startswith("error: data/sums.jsonl: changed since the run was planned")
    assert not (folder / PREPARED).exists()


def test_what_was_made_is_worked_on_where_the_copies_are_not(folder: Path) -> None:
    shutil.rmtree(folder / "data")
    shutil.rmtree(folder / "models/mine")
    assert planned(folder) == []
    (folder / GRADES).unlink()
    ended = snakemake(folder, GRADES)
    assert ended.code == 0, ended.output
    assert ended.jobs == [GRADING]
    (folder / PREPARED).unlink()
    line = complaint(snakemake(folder, PREPARED))
    assert line == (
        "error: data/sums.jsonl: no such file or folder; fix its path in the suite, or `sources` in config.yaml"
    )
