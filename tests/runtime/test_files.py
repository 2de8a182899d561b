"""Whole or nothing."""

import os
from pathlib import Path

import pytest

from spurious_rewards.runtime.files import replacing


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail_halfway() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_replaces_a_folder_and_leavings_of_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in ("one", "two"):
        (tmp_path / ".folder.tmp").mkdir(exist_ok=True)
        (tmp_path / ".folder.tmp" / "leavings").touch()
        with replacing(path) as temporary:
            temporary.mkdir()
            (temporary / name).touch()
    assert os.listdir(path) == ["two"]
    assert os.listdir(tmp_path) == ["folder"]
