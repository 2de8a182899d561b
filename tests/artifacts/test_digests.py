"""A digest covers what is loaded, whatever lies beside it and wherever it lies; no file is read twice for it."""

import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spurious_rewards.artifacts import digests
from spurious_rewards.artifacts.digests import CACHE, digest, last_known


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a folder as Snakemake does, and return a model folder in it."""
    monkeypatch.chdir(tmp_path)
    CACHE.parent.mkdir()
    model = tmp_path / "model"
    model.mkdir()
    for name in ("config.json", "tokenizer.json", "model-1-of-2.safetensors", "model-2-of-2.safetensors", "merges.txt"):
        (model / name).write_text(f"content of {name}")
    return model


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the names of the files that are read, in order."""
    read: list[str] = []
    file_digest = hashlib.file_digest

    def counting(file, algorithm):  # type: ignore[no-untyped-def]
        read.append(Path(file.name).name)
        return file_digest(file, algorithm)

    monkeypatch.setattr(hashlib, "file_digest", counting)
    return read


def rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make all files count as unchanged for long enough."""
    monkeypatch.setattr(digests, "AT_REST", -1)


# ---------------------------------------------------------------- what counts

NAMES = st.sampled_from(
    ["config.json", "model.safetensors", "spiece.model", "chat_template.jinja", "additional_chat_templates/tool.jinja"]
)
BESIDE = st.sampled_from(
    [
        "README.md",
        "LICENSE.txt",
        "all_results.json",
        "pytorch_model.bin",
        "optimizer.pt",
        "trainer_state.json",
        ".hidden.json",
        "original/params.json",
    ]
)
TEXTS = st.sampled_from(["", "a", "b"])


@settings(max_examples=60, deadline=None)
@given(
    one=st.dictionaries(NAMES, TEXTS),
    other=st.dictionaries(NAMES, TEXTS),
    beside=st.tuples(st.dictionaries(BESIDE, TEXTS), st.dictionaries(BESIDE, TEXTS)),
)
def test_model_folders_have_one_digest_if_and_only_if_what_is_loaded_of_them_is_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    one: dict[str, str],
    other: dict[str, str],
    beside: tuple[dict[str, str], dict[str, str]],
) -> None:
    found = []
    for files in (one | beside[0], other | beside[1]):
        folder = tmp_path_factory.mktemp("model")
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        found.append(digest(folder))
    assert (found[0] == found[1]) == (one == other)


@given(st.binary(max_size=50), st.sampled_from(["x.jsonl", "other.parquet", "no ending", "ü.json"]))
@settings(max_examples=20, deadline=None)
def test_the_digest_of_a_file_is_that_of_its_bytes(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("file") / name
    path.write_bytes(content)
    assert digest(path) == hashlib.sha256(content).hexdigest()


def test_names_and_contents_are_not_mixed_up(tmp_path: Path) -> None:
    for folder, files in (("a", {"x.jinja": "y", "z.jinja": ""}), ("b", {"x.jinja": "", "z.jinja": "y"})):
        (tmp_path / folder).mkdir()
        for name, text in files.items():
            (tmp_path / folder / name).write_text(text)
    assert digest(tmp_path / "a") != digest(tmp_path / "b")


def test_a_model_folder_may_be_called_as_a_python_file_is(here: Path) -> None:
    before = digest(here)
    assert before is not None
    assert digest(here.rename(here.with_name("model.py"))) == before


def test_links_are_followed(here: Path) -> None:
    linked = here.with_name("linked")
    linked.mkdir()
    for file in here.iterdir():
        (linked / file.name).symlink_to(file)
    whole = here.with_name("whole")
    whole.symlink_to(here)
    assert digest(linked) == digest(whole) == digest(here)
    (linked / "merges.txt").unlink()
    (linked / "merges.txt").symlink_to(here / "config.json")
    assert digest(linked) != digest(here)


def test_what_is_not_there_or_is_no_file_has_none(here: Path) -> None:
    os.mkfifo("pipe")
    Path("loop").symlink_to("loop")
    Path("empty").mkdir()
    assert [digest(Path(name)) for name in ("nothing", "pipe", "loop", "empty", "nowhere/nothing")] == [None] * 5


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read_has_none(here: Path) -> None:
    (here / "config.json").chmod(0)
    assert digest(here) is None


# ---------------------------------------------------------------- what is read


def test_nothing_is_read_twice_and_only_what_changed_again(
    here: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rest(monkeypatch)
    first = digest(here)
    assert len(reads) == 5
    assert digest(here) == first
    assert len(reads) == 5
    (here / "config.json").write_text("changed")
    assert digest(here) != first
    assert reads[5:] == ["config.json"]
    os.utime(here / "merges.txt")
    changed = digest(here)
    assert reads[5:] == ["config.json", "merges.txt"]
    assert changed == digest(here) != first


def test_a_change_that_keeps_size_and_time_is_noticed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rest(monkeypatch)
    file = here / "config.json"
    status, text, first = file.stat(), file.read_text(), digest(here)
    file.write_text(text.upper())
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert digest(here) != first


def test_a_file_that_was_just_written_is_not_taken_to_be_known(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "AT_REST", 10**5)
    first = digest(here)
    # Simulate a file system whose clock has not ticked since: the file's metadata are the same.
    stamp = digests._stamp
    old = {name.name: stamp(name) for name in here.iterdir()}
    monkeypatch.setattr(digests, "_stamp", lambda file: old[file.name])
    (here / "config.json").write_text("CONTENT OF config.json")
    assert digest(here) != first


def test_a_file_is_known_again_by_any_name_of_it(here: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    rest(monkeypatch)
    assert digest(here) == digest(Path("model")) == digest(Path("./model/../model"))
    assert len(reads) == 5


def test_large_files_are_announced(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rest(monkeypatch)
    monkeypatch.setattr(digests, "LARGE", 10)
    digest(here)
    assert capsys.readouterr().err.startswith(f"{here}: reading 0 GB")
    digest(here)
    assert capsys.readouterr().err == ""


# ---------------------------------------------------------------- the cache


def test_what_was_last_seen_is_remembered_when_it_is_gone(here: Path) -> None:
    assert last_known(here) is None
    digest(here)
    (here / "config.json").write_text("changed")
    seen = digest(here)
    shutil.rmtree(here)
    assert digest(here) is None
    assert last_known(here) == last_known(Path("model")) == seen


def test_what_is_remembered_moves_with_the_checkout(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = digest(Path("model"))
    shutil.copytree(tmp_path / CACHE.parent, tmp_path / "copy" / CACHE.parent)
    monkeypatch.chdir(tmp_path / "copy")
    assert last_known(Path("model")) == seen


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: b"",
        lambda text: text[: len(text) // 2],
        lambda text: b"\xff\xfe\x00" + text[5:],
        lambda text: text.replace(b'"files"', b'"flies"'),
        lambda text: text.replace(b"[", b"{"),
        lambda text: (
            b'null\n[]\n{"path": "model"}\n{"path": "model", "files": 3}\n{"path": "model", "files": {"x": 1}}'
        ),
    ],
    ids=["empty", "cut short", "not text", "no files", "not JSON", "other JSON"],
)
def test_a_broken_cache_is_made_again(
    here: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch, spoil: Callable[[bytes], bytes]
) -> None:
    rest(monkeypatch)
    first = digest(here)
    CACHE.write_bytes(spoil(CACHE.read_bytes()))
    assert digest(here) == first
    assert len(reads) == 10
    assert digest(here) == first
    assert len(reads) == 10


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(here: Path) -> None:
    CACHE.mkdir()
    assert digest(here) == digest(here)
    CACHE.rmdir()
    CACHE.parent.rmdir()
    assert digest(here) is not None
    assert not CACHE.parent.exists(), "where Snakemake does not run there is no place for it"
    Path("Snakefile").touch()
    assert digest(here) is not None
    assert CACHE.exists(), "before its first run too"


def _look(folder: Path, names: list[str]) -> None:
    os.chdir(folder)
    for name in names:
        digest(Path(name))


def test_several_processes_may_look_at_once(here: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    rest(monkeypatch)
    names = [f"file{number}.json" for number in range(40)]
    for name in names:
        Path(name).write_text(name)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_look, args=(here.parent, names[start::2] + names)) for start in (0, 1) * 2]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    lines = [line for line in CACHE.read_text().splitlines() if line]
    assert {json.loads(line)["path"] for line in lines} == set(names)
    assert [digest(Path(name)) for name in names] == [hashlib.sha256(name.encode()).hexdigest() for name in names]
    assert reads == []
