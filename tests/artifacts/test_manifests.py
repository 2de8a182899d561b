"""What a manifest says of its artifact, and of what that was made from."""

import hashlib
import importlib.metadata
import json
from pathlib import Path

import pytest

from spurious_rewards.artifacts import manifests


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
    manifests.Recorder("plot", {}).write(folder, [], files)
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
