"""What a manifest says of its artifact."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from spurious_rewards.artifacts import ancestry, manifests
from spurious_rewards.runtime.errors import UserError


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


def test_a_stage_is_not_charged_with_the_processor_seconds_of_the_one_before_it(tmp_path: Path) -> None:
    used = []
    for name in ("first", "second"):
        (tmp_path / name).write_text(name)
        recorder = manifests.Recorder("grade", {})
        recorder.write(tmp_path / name)
        used.append(manifests.read(manifests.manifest_path(tmp_path / name))["processor_seconds"])
    total = sum(os.times()[:4])
    assert 0 <= used[1] < total / 2
    again = manifests.Recorder("grade", {})
    sum(i * i for i in range(3_000_000))
    again.write(tmp_path / "first")
    spent = manifests.read(manifests.manifest_path(tmp_path / "first"))["processor_seconds"]
    assert used[1] < spent <= sum(os.times()[:4])


def test_a_manifest_of_a_folder_has_the_hashes_of_what_was_made_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "fig1"
    folder.mkdir()
    files = [folder / name for name in ("table.csv", "page.json")]
    for file in files:
        file.write_text(file.name)
    manifests.Recorder("plot", {}).write(folder, [], files)
    manifest = manifests.read(ancestry.manifest_of(files[0]) or tmp_path)
    assert manifest["sha256"] is None
    assert manifest["files"] == {file.name: hashlib.sha256(file.name.encode()).hexdigest() for file in files}


# ---------------------------------------------------------------- manifests of strangers


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


HARDWARE = {"processor": "p", "cores": 1, "gpus": []}
CARD = {"source": "invented", "rows": 3, "kept": 3, "sha256": "0" * 64}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    artifact = tmp_path / "a.csv"
    artifact.write_text("made")
    manifests.Recorder("grade", {"asked": 1}).write(artifact, [], prompt="abc", card=CARD)
    return manifests.manifest_path(artifact)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stage", None),
        ("artifact", 5),
        ("artifact", "a\0b"),
        ("artifact", "\ud800"),
        ("artifact", "a" * 5000),
        ("files", {"../../x": None}),
        ("files", {"/etc/passwd": None}),
        ("files", {"..": None}),
        ("files", []),
        ("created", "soon"),
        ("created", "0001-01-01T00:00:00Z"),
        ("request", []),
        ("request", {"deep": nested(100)}),
        ("versions", {"torch": 2}),
        ("git", None),
        ("git", {"commit": 5, "clean": True}),
        ("hardware", {}),
        ("hardware", HARDWARE | {"more": nested(100)}),
        ("more", nested(100)),
        ("more", ["\ud800"]),
        ("request", {"\ud800": 1}),
        ("versions", {"torch": "\udcff"}),
        ("wall_seconds", "long"),
        ("wall_seconds", 1e300),
        ("wall_seconds", float("nan")),
        ("wall_seconds", True),
        ("gpu_seconds", -1),
        ("peak_memory_mb", 10**4000),
        ("parents", [{"artifact": "a"}]),
        ("parents", ["a"]),
        ("details", {"card": []}),
        ("details", {"card": CARD | {"dropped": {"blank": "many"}}}),
        *(("details", {"card": {key: CARD[key] for key in CARD if key != left_out}}) for left_out in CARD),
        ("details", {"card": CARD | {"sha256": None}}),
        ("details", {"card": CARD | {"kept": "all"}}),
        ("details", {"prompt": ["abc"]}),
        ("details", {"other": nested(100)}),
    ],
)
def test_a_key_of_another_kind_is_named_with_its_file(manifest: Path, key: str, value: Any) -> None:
    assert manifests.read(manifest)["details"]["prompt"] == "abc"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {key: value}))
    with pytest.raises(UserError, match=rf"^{manifest}: {key}.*; not a manifest.* delete it and its artifact"):
        manifests.read(manifest)


@pytest.mark.parametrize("request_", [{}, {"suite": None}, {"suite": "mine"}, {"suite": []}])
def test_a_report_whose_suite_is_none_is_named(manifest: Path, request_: Any) -> None:
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"stage": "report", "request": request_}))
    with pytest.raises(UserError, match=rf"^{manifest}: .*request.suite: should be the suite .*; not a manifest"):
        manifests.read(manifest)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "[" * 10**5, '{"stage": 1e999}', "1" * 5000])
def test_what_is_no_manifest_is_named(manifest: Path, text: str) -> None:
    manifest.write_text(text)
    with pytest.raises(UserError, match=rf"^{manifest}: .*not a manifest"):
        manifests.read(manifest)


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file_is_no_manifest(manifest: Path, kind: str) -> None:
    manifest.unlink()
    os.mkfifo(manifest) if kind == "pipe" else manifest.mkdir()
    with pytest.raises(UserError, match=rf"^{manifest}: this is a .*not a manifest"):
        manifests.read(manifest)
