"""What a manifest says of its artifact."""

import hashlib
import json
from pathlib import Path

from spurious_rewards.artifacts import ancestry, manifests


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
