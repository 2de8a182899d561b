"""A run identifies local copies by content, once for all its jobs; each job checks that the content is unchanged."""

import json
import shutil
from pathlib import Path

import pytest

from spurious_rewards.artifacts import local_copies
from spurious_rewards.artifacts.local_copies import Contents, LocalCopy
from spurious_rewards.runtime.errors import UserError


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path(".snakemake").mkdir()
    Path("sums.jsonl").write_text("1+1")
    return Path("sums.jsonl")


def as_told(contents: Contents, *paths: Path) -> dict[str, Path]:
    return {content: Path(path) for content, path in contents.locations(paths).items()}


def test_the_same_content_is_the_same_copy_wherever_it_lies(file: Path) -> None:
    other = Path(shutil.copy(file, "elsewhere.txt"))
    contents = Contents()
    assert contents.of(file) == contents.of(other)
    locations = as_told(contents, other)
    assert local_copies.locate(contents.of(file), locations) == other


def test_all_jobs_of_a_run_are_told_the_content_that_was_found_first(file: Path) -> None:
    contents = Contents()
    first = contents.of(file)
    file.write_text("1+2")
    assert contents.of(file) == first
    assert Contents().of(file) != first


def test_a_job_that_is_planned_elsewhere_inherits_what_its_run_found(file: Path) -> None:
    environment: dict[str, str] = {}
    planned = Contents(environment).of(file)
    file.write_text("1+2")
    there = Contents(environment)
    assert there.of(file) == planned
    with pytest.raises(UserError, match=r"^sums\.jsonl: changed since the run was planned; start Snakemake again"):
        local_copies.check(as_told(there, file))


def test_what_holds_the_same_is_fine(file: Path) -> None:
    locations = as_told(Contents(), file)
    file.write_text("1+1")
    local_copies.check(locations)


def test_what_came_or_cannot_be_read_since_is_told_apart(file: Path) -> None:
    told, absent = as_told(Contents(), file), as_told(Contents(), Path("absent.jsonl"))
    file.unlink()
    local_copies.check(told)  # no error here: the work itself explains better what is missing and what to do
    local_copies.check(absent)
    Path("absent.jsonl").write_text("here now")
    with pytest.raises(UserError, match=r"^absent\.jsonl: changed since the run was planned"):
        local_copies.check(absent)


def test_a_copy_that_is_gone_is_what_it_was(file: Path) -> None:
    was = Contents().of(file)
    file.unlink()
    assert Contents().of(file) == was


def test_things_that_were_never_there_are_not_one_thing(file: Path) -> None:
    contents = Contents()
    assert len(contents.locations([Path("one"), Path("other")])) == 2


def test_what_is_missing_is_named(file: Path) -> None:
    contents = Contents()
    there, absent = (json.dumps(contents.locations([path])) for path in (file, Path("absent")))
    assert local_copies.paths(["{}", there, there]) == [file]
    assert local_copies.missing(local_copies.paths([there])) == ""
    assert local_copies.missing(local_copies.paths([there, absent])).startswith("absent: no such file or folder; fix ")


def test_a_job_that_was_not_told_where_says_so() -> None:
    with pytest.raises(UserError, match="--locations: does not say where the local copy abc lies"):
        local_copies.locate(LocalCopy(content="abc"), {})
