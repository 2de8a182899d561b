"""Copy a suite's models and problems from the hub into one folder, for machines that have no network.

    DIR/models/ORG--NAME/           a model as the hub has it
    DIR/problems/ORG--NAME.parquet  the columns of a data set that problems are read from
    DIR/fetched.json                the complete copies: their commit, and size and SHA-256 of each file
    DIR/sources.yaml                what config.yaml needs to use these copies in place of the hub

A file is recorded once its copy is complete. Every later call compares the files with their records, and fetches again
what was cut or changed. A call that was interrupted continues file by file: of an incomplete file the hub client
(huggingface_hub 1.33) keeps nothing.
"""

import re
import shlex
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from itertools import product
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import AfterValidator, Field

from spurious_rewards.artifacts import hub
from spurious_rewards.artifacts.hub import resolve
from spurious_rewards.config.base import Frozen
from spurious_rewards.config.messages import validate
from spurious_rewards.config.problems import ProblemSet
from spurious_rewards.config.settings import choosing
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.yaml_files import read_yaml
from spurious_rewards.models import loading
from spurious_rewards.problems.sources import ID_COLUMNS, read_hub
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import replacing, sha256
from spurious_rewards.runtime.links import refuse_links_below
from spurious_rewards.runtime.locks import exclusive
from spurious_rewards.stages.model_refs import is_local

MODELS, PROBLEMS = "models", "problems"
"""Folders of the copies."""

HUB_ID = r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)?"


class File(Frozen):
    """A file as it arrived, with its `size` in bytes."""

    size: int
    sha256: str


def _below(name: str) -> str:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or str(path) != name or "\0" in name:
        raise ValueError("allowed: the path of a file below the folder, from there, without `..`")
    return name


Name = Annotated[str, AfterValidator(_below)]
"""Path of a file, relative to the folder of the copies."""


class Copy(Frozen):
    """A hub model or data set: its commit, which parts of it were asked for, and its files by their relative paths."""

    revision: str
    asked: dict[str, Any] = Field(default_factory=dict)
    files: dict[Name, File]


class Fetched(Frozen):
    """The complete copies, by hub id."""

    models: dict[str, Copy] = Field(default_factory=dict)
    datasets: dict[str, Copy] = Field(default_factory=dict)


def fetch(suite: Suite, suite_path: Path, to: Path) -> None:
    """Copy the hub models and data sets that a suite names, including its imports, into the folder `to`.

    They have the commits that the suite's lock file pins. Commits that it does not pin yet are added to it. A call that
    finds everything complete needs no network.

    Raises:
        UserError: two entries of the suite need different things of one hub id; there is no network, no such model or
            data set, or no permission; a file did not arrive as the hub has it; another process fetches into `to`; or a
            file that is no copy, or a symbolic link, stands where a copy belongs.
    """
    lock, record = suite_path.with_suffix(".lock.yaml"), to / "fetched.json"
    revisions, problem_sets = _models(suite, suite_path), _problem_sets(suite, suite_path)
    if both := sorted(revisions.keys() & problem_sets.keys()):
        raise UserError(f"{suite_path}: {both[0]} is a model and a data set; a copy can stand for one of them only")
    for hub_id in (*revisions, *problem_sets):
        if not re.fullmatch(HUB_ID, hub_id):
            raise UserError(
                f"{suite_path}: {hub_id} is no id of the Hugging Face hub, which is NAME or ORGANISATION/NAME"
            )
    for folder in (to / MODELS, to / PROBLEMS):
        refuse_links_below(folder)
    with exclusive(record):
        fetched = validate(Fetched, read_yaml(record), record) if record.exists() else Fetched()
        commits = {hub_id: resolve("model", hub_id, revision, lock) for hub_id, revision in revisions.items()}
        damaged = {hub_id: _damaged(fetched.models.get(hub_id), commit, {}, to) for hub_id, commit in commits.items()}
        missing = [hub_id for hub_id, names in damaged.items() if names is None or names]
        hub.check_access(missing)  # before hours of downloading
        for hub_id, sets in problem_sets.items():
            commit = resolve("dataset", hub_id, sets[0].revision, lock)
            asked = {"split": sets[0].split, "subsets": list(sets[0].subsets), "columns": _columns(sets)}
            known = fetched.datasets.get(hub_id)
            if _damaged(known, commit, asked, to) != []:
                _refuse_foreign([_problems_file(hub_id, to)], known, to)
                files = _fetch_problems(hub_id, sets[0], asked["columns"], lock, to)
                fetched.datasets[hub_id] = Copy(revision=commit, asked=asked, files=files)
                _write(record, fetched.model_dump_json(indent=1))
        for hub_id in missing:
            files = _fetch_model(hub_id, commits[hub_id], fetched.models.get(hub_id), damaged[hub_id] or (), to)
            fetched.models[hub_id] = Copy(revision=commits[hub_id], files=files)
            _write(record, fetched.model_dump_json(indent=1))
        sources = {
            **{hub_id: _model_folder(hub_id, to) for hub_id in revisions},
            **{hub_id: _problems_file(hub_id, to) for hub_id in problem_sets},
        }
        _write(to / "sources.yaml", _sources(sources, suite_path, to))


# ---------------------------------------------------------------- what a suite needs


def _models(suite: Suite, suite_path: Path) -> dict[str, str | None]:
    """Return hub id → revision of each model that a suite starts from or imports."""
    asked = [(model.id, model.revision) for model in suite.models.values() if model.source == "hub" and model.id]
    imported = (where for each in suite.imports for where in each.checkpoints.values())
    revisions: dict[str, str | None] = {}
    for hub_id, revision in [*asked, *((where, None) for where in imported if not is_local(where))]:
        if revisions.setdefault(hub_id, revision) != revision:
            raise UserError(
                f"{suite_path}: {hub_id} is asked for at the revisions {revisions[hub_id] or 'main'} and "
                f"{revision or 'main'}; a copy can stand for one of them only: give the other as a local model"
            )
    return revisions


def _problem_sets(suite: Suite, suite_path: Path) -> dict[str, list[ProblemSet]]:
    """Return hub id → the problem sets that are read from it."""
    found: dict[str, dict[str, ProblemSet]] = defaultdict(dict)
    for name, problem_set in suite.problems.items():
        if problem_set.hub is not None:
            found[problem_set.hub][name] = problem_set
    for hub_id, sets in found.items():
        first, *others = sets
        for other, key in product(others, ("revision", "subsets", "split")):
            if getattr(sets[other], key) != getattr(sets[first], key):
                raise UserError(
                    f"{suite_path}: problems.{first} and problems.{other} need different {key} of {hub_id}; a copy can "
                    "stand for one of them only: give the other as `path`, a file"
                )
    return {hub_id: list(sets.values()) for hub_id, sets in found.items()}


def _columns(sets: Iterable[ProblemSet]) -> list[str]:
    """Return the columns that problems are read from, if the hub has them."""
    return sorted({"problem", "answer", *ID_COLUMNS, *(name for each in sets for name in each.columns.values())})


# ---------------------------------------------------------------- what is there


def _damaged(copy: Copy | None, commit: str, asked: Mapping[str, Any], to: Path) -> list[str] | None:
    """Return the files of a copy that are gone or differ from their record; None if another copy is asked for."""
    if copy is None or copy.revision != commit or copy.asked != asked:
        return None
    names = [name for name, file in copy.files.items() if _file(to / name) != file]
    for name in names:
        print(f"{to / name}: not as it was fetched; fetching it again", file=sys.stderr)
    return names


def _file(path: Path) -> File | None:
    digest = sha256(path)
    return File(size=path.stat().st_size, sha256=digest) if digest else None


def _refuse_foreign(there: Iterable[Path], known: Copy | None, to: Path) -> None:
    """Raise UserError if files would be replaced that are not recorded and that the hub client has no note of."""
    recorded = {to / name for name in known.files} if known else set()
    for path in there:
        if path.exists() and path not in recorded and not _noted(path, to):
            raise _foreign(path)


def _foreign(path: Path) -> UserError:
    return UserError(
        f"{path}: stands where a copy of the hub's belongs, and is not one; move it away, or name another folder"
    )


def _noted(path: Path, to: Path) -> bool:
    """Whether the hub client has a note of a file in a model's folder."""
    kind, model, *inside = path.relative_to(to).parts
    return (
        kind == MODELS
        and to.joinpath(kind, model, ".cache/huggingface/download", *inside[:-1], f"{path.name}.metadata").is_file()
    )


# ---------------------------------------------------------------- from the hub


def _fetch_model(hub_id: str, commit: str, known: Copy | None, damaged: Iterable[str], to: Path) -> dict[str, File]:
    """Download what is missing of a model, and compare its files with what the hub says of them."""
    folder = _model_folder(hub_id, to)
    _refuse_foreign(_inside(folder), known, to)
    print(f"{hub_id}: fetching commit {commit}", file=sys.stderr)
    for part in folder.rglob("*.incomplete"):  # a killed client left it, and no other client continues it
        part.unlink()
    said = hub.copy_model(hub_id, commit, folder, [to / name for name in damaged])
    for path in _inside(folder):
        if path.relative_to(folder).as_posix() not in said:
            if not _noted(path, to) and (known is None or _file(path) != known.files.get(str(path.relative_to(to)))):
                raise _foreign(path)
            path.unlink()  # the file belongs to another commit
    arrived = {name: _arrived(folder / name, of_hub) for name, of_hub in said.items()}
    loading.check(folder)
    return {str((folder / name).relative_to(to)): file for name, file in sorted(arrived.items())}


def _inside(folder: Path) -> list[Path]:
    """Return the files of a model's folder, without the hub client's own files."""
    return [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] != ".cache"]


def _arrived(path: Path, said: hub.HubFile) -> File:
    file = _file(path)
    if file is None or file.size != said.size or said.sha256 not in (None, file.sha256):
        path.unlink(missing_ok=True)
        raise UserError(f"{path}: did not arrive as the hub has it and was deleted; run the command again")
    return file


def _fetch_problems(
    hub_id: str, problem_set: ProblemSet, columns: Collection[str], lock: Path, to: Path
) -> dict[str, File]:
    """Write the columns of a data set that problems are read from, with all subsets in one file."""
    print(f"{hub_id}: fetching split {problem_set.split}", file=sys.stderr)
    rows = [row.values for row in read_hub(problem_set, hub_id, lock, columns).rows if isinstance(row.values, dict)]
    present = [name for name in columns if any(name in row for row in rows)]
    path = _problems_file(hub_id, to)
    with replacing(path) as temporary:
        pq.write_table(pa.table({name: _of_one_type([row.get(name) for row in rows]) for name in present}), temporary)
    written = _file(path)
    assert written is not None
    return {str(path.relative_to(to)): written}


def _of_one_type(values: list[Any]) -> list[Any]:
    """Return the values, as text if they have several types, which a Parquet column cannot hold."""
    types = {type(value) for value in values if value is not None}
    return values if len(types) < 2 else [None if value is None else str(value) for value in values]


# ---------------------------------------------------------------- what is written


def _model_folder(hub_id: str, to: Path) -> Path:
    return to / MODELS / hub_id.replace("/", "--")


def _problems_file(hub_id: str, to: Path) -> Path:
    return to / PROBLEMS / f"{hub_id.replace('/', '--')}.parquet"


def _sources(sources: Mapping[str, Path], suite_path: Path, to: Path) -> str:
    """Return the `sources` that config.yaml needs, as the text of a file that Snakemake takes with --configfile."""
    suite = suite_path.stem if suite_path.parent.parts[-2:] == ("config", "suites") else str(suite_path)
    command = shlex.join(["snakemake", "--configfile", str(to.resolve() / "sources.yaml"), *choosing(suite)])
    return (
        "# Copies that stand for the hub's models and data sets. Put this into config.yaml, or give the file as it is:\n"
        f"#   {command} --cores all\n"
        "# After moving the folder run the fetch there again: it checks every file and writes the new paths. Jobs know a copy\n"
        "# by its content, so nothing is made again for them; but what was made from the hub is, once a copy is named for it.\n"
        + yaml.safe_dump({"sources": {hub_id: str(path.resolve()) for hub_id, path in sources.items()}}, width=1000)
    )


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
