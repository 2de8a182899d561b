"""Fingerprints follow the code that a stage runs, and nothing else."""

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spurious_rewards.artifacts import fingerprints as artifacts_fingerprints
from spurious_rewards.artifacts import manifests
from spurious_rewards.stages import work


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A copy of the library that a test may edit."""
    copy = tmp_path / "spurious_rewards"
    shutil.copytree(artifacts_fingerprints.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def fingerprints(library: Path, *names: str) -> list[str]:
    code = f"from spurious_rewards.provenance import fingerprint\nfor name in {names}: print(fingerprint(name))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(library.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_every_stage_has_a_fingerprint_of_its_own() -> None:
    names = (
        "prepare",
        "pretrain",
        "vote",
        "label",
        "train",
        "respond",
        "probe",
        "memorization",
        "grade",
        "bandit",
        "score",
    )
    names += ("exhibit", "contamination", "claims", "agreement", "report")
    assert len({artifacts_fingerprints.fingerprint(name) for name in names}) == len(names)
    assert set(work.VERSIONS) <= set(names)


def test_comments_docstrings_and_layout_change_no_fingerprint(library: Path) -> None:
    before = fingerprints(library, "grade")
    edit(library / "answers.py", '"""', '"""Other words. ')
    with (library / "answers.py").open("a") as file:
        file.write("\n\n# a comment\n")
    assert fingerprints(library, "grade") == before


def test_code_changes_the_stages_that_run_it_and_no_other(library: Path) -> None:
    names = ("grade", "label", "prepare", "score")
    before = fingerprints(library, *names)
    with (library / "strategies.py").open("a") as file:
        file.write("\nMORE = 1\n")
    grade, label, *others = fingerprints(library, *names)
    assert grade != before[0]
    assert label != before[1]
    assert others == before[2:]


def test_a_change_two_imports_away_counts(library: Path) -> None:
    before = fingerprints(library, "train")
    with (library / "strategies.py").open("a") as file:
        file.write("\nMORE = 1\n")
    assert fingerprints(library, "train") != before


def test_packages_that_a_stage_imports_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = artifacts_fingerprints.fingerprint("grade")
    monkeypatch.setattr(
        artifacts_fingerprints,
        "_package_versions",
        lambda names: {("math-verify", "0.0.0")} if "math_verify" in names else set(),
    )
    artifacts_fingerprints.fingerprint.cache_clear()
    try:
        assert artifacts_fingerprints.fingerprint("grade") != before
    finally:
        artifacts_fingerprints.fingerprint.cache_clear()


def test_a_manifest_says_what_was_asked_and_measured(tmp_path: Path) -> None:
    artifact, parent = tmp_path / "a.parquet", tmp_path / "parent"
    parent.write_text("parent")
    artifact.write_text("made")
    manifests.Recorder("grade", {"asked": 1}).write(artifact, [parent], card={"kept": 3})
    manifest = json.loads(manifests.manifest_path(artifact).read_text())
    assert manifest["request"] == {"asked": 1}
    assert manifest["details"] == {"card": {"kept": 3}}
    assert manifest["parents"] == [{"artifact": str(parent), "sha256": hashlib.sha256(b"parent").hexdigest()}]
    assert manifest["sha256"] == hashlib.sha256(b"made").hexdigest()
    assert {"torch", "statsmodels", "python"} <= manifest["versions"].keys()
    assert manifest["hardware"]["processor"]
    assert manifest["gpu_seconds"] == 0 == len(manifest["hardware"]["gpus"])
    assert manifest["peak_memory_mb"] > 10


def test_what_lies_in_an_artifact_comes_from_what_that_came_from(tmp_path: Path) -> None:
    base, checkpoints, scores = (tmp_path / name for name in ("base", "checkpoints", "scores.parquet"))
    manifests.Recorder("pretrain", {}).write(base)
    manifests.Recorder("train", {}).write(checkpoints, [base])
    manifests.Recorder("score", {}).write(scores, [checkpoints / "seed0" / "step5", tmp_path / "of nobody"])
    assert [manifest["stage"] for manifest in manifests.ancestry([scores])] == ["score", "train", "pretrain"]


def test_a_manifest_of_a_folder_has_the_hashes_of_what_was_made_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "fig1"
    folder.mkdir()
    files = [folder / name for name in ("table.csv", "page.json")]
    for file in files:
        file.write_text(file.name)
    manifests.Recorder("exhibit", {}).write(folder, [], files)
    manifest = manifests.read(manifests.manifest_of(files[0]) or tmp_path)
    assert manifest["sha256"] is None
    assert manifest["files"] == {file.name: hashlib.sha256(file.name.encode()).hexdigest() for file in files}


def test_packages_that_the_project_asks_for_are_told_from_those_they_need() -> None:
    assert all(map(manifests.is_direct, ("torch", "Jinja2", "PyYAML", "huggingface_hub", "huggingface-hub")))
    assert not any(map(manifests.is_direct, ("fsspec", "pytest", "vllm")))


def test_so_they_are_where_the_project_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = manifests._direct()

    def missing(name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", missing)
    manifests._direct.cache_clear()
    try:
        assert manifests._direct() == installed
    finally:
        manifests._direct.cache_clear()
