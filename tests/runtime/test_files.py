"""Files are written completely or not at all, and untrusted files are read with limits."""

import os
from pathlib import Path

import pytest

from spurious_rewards.runtime import files
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import read_json, read_text, replacing, sha256


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


# ---------------------------------------------------------------- reading untrusted files


def test_only_files_are_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, wrong in (
        (pipe, "this is a pipe, socket or device"),
        (Path("/dev/zero"), "this is a pipe, socket or device"),
        (tmp_path, "this is a folder"),
        (tmp_path / "none", "no such file"),
    ):
        with pytest.raises(UserError, match=rf"{path}: {wrong}"):
            read_text(path)
        assert sha256(path) is None


def test_no_more_is_read_than_a_file_of_ours_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST", 2**20)
    path = tmp_path / "large"
    path.touch()
    os.truncate(path, 2**20 + 1)
    with pytest.raises(UserError, match=r"large: has more than 1 MiB"):
        read_text(path)


def test_a_hash_ends_where_the_file_says_that_it_does() -> None:
    assert sha256(Path("/proc/self/pagemap")) == sha256(Path("/dev/null")) or sha256(Path("/proc/self/pagemap"))


@pytest.mark.parametrize("text", ["", "{", "[" * 10**5, "1" * 5000])
def test_what_is_no_json_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"a\.json: not (readable )?JSON"):
        read_json(path)
