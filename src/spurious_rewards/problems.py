"""Problem sets: read from the Hugging Face hub, from a file or from the organism, cleaned, and put into one order.

    source ─→ rows ─→ readable ─→ filled ─→ unique ─→ clean ─→ the `only` wanted ─→ shuffled ─→ `limit` of them after `skip`

Every row of the source is either in the result or counted in the card under the reason why it is not.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet as pq
import yaml
from pydantic import Field

from spurious_rewards import tables
from spurious_rewards.artifacts import replacing
from spurious_rewards.complaints import read_yaml, validate
from spurious_rewards.errors import UserError
from spurious_rewards.overlap import overlaps
from spurious_rewards.suite import Frozen, Organism, Overlap, ProblemSet, ReasoningGym

ENDINGS = (".jsonl", ".json", ".parquet")
ID_COLUMNS = ("id", "unique_id")
"""Columns that are taken for the source's own id where the suite maps none."""

NAMED_ROWS = 20
"""So many of the dropped rows of each kind stand in the card by their place; all are counted."""


class Row(NamedTuple):
    """A row as its source has it: where it stands, and its values by column, or what keeps it from being read."""

    place: str
    values: dict[str, Any] | str


class Source(NamedTuple):
    """All rows of a source. `label` names the data whatever copy is read, `name` says in messages what was read."""

    label: str
    name: str
    revision: str | None
    rows: list[Row]


class Problem(NamedTuple):
    """A readable row: its values are text, and empty where the source has none."""

    place: str
    id: str
    problem: str
    answer: str


def prepare(
    problem_set: ProblemSet,
    organism: Organism | None,
    data_seed: int,
    sources: Mapping[str, Path],
    lock: Path,
    against: Mapping[str, pd.DataFrame] | None = None,
    rule: Overlap | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read, clean and shuffle a problem set.

    The result does not depend on the order of the source's rows: of rows with the same problem the one with the first
    id stays (the first answer where there is no id).

    Args:
        problem_set: where the problems come from and what is done with bad rows.
        organism: the arithmetic of generated problems.
        data_seed: draws the order, and with it the problems that `limit` keeps.
        sources: local files that stand for hub ids.
        lock: YAML file that pins hub revisions to commits; see `resolve`.
        against: tables.Problems by name, with none of which a problem may overlap.
        rule: when it does; needed with `against`.

    Returns:
        `tables.Problems`, and the card: source, revision, rows, kept, the number of rows dropped for each reason, the
        places of the first of them, the number of duplicates whose answer is another one, and the SHA-256 of what is
        kept, in its order.

    Raises:
        UserError: the source cannot be had or read, a column is missing, rows are to be refused, two problems have one
            id, no problem has a hash of `only`, or nothing is left.
    """
    source = _read(problem_set, organism, sources, lock)
    columns = _columns(source, problem_set.columns, replaced=problem_set.hub in sources)
    readable, unreadable = _readable(source.rows, columns)
    filled, blank = _filled(readable)
    unique, repeated, conflicting = _unique(filled)
    dropped = {"unreadable": unreadable, "blank": blank, "duplicate": repeated}
    _refuse(dropped, problem_set, source)
    _refuse_shared_ids(unique, source)

    clean, dropped["overlap"] = _clean(unique, against, rule) if against and rule else (unique, [])
    wanted = _wanted(clean, problem_set.only, source)
    shuffled = [wanted[index] for index in _generator(data_seed, source.label).permutation(len(wanted))]
    after = shuffled[problem_set.skip :]
    kept = [(row.id, row.problem, row.answer) for row in after[: problem_set.limit]]
    counts = {
        **{reason: len(places) for reason, places in dropped.items()},
        "only": len(clean) - len(wanted),
        "skip": len(shuffled) - len(after),
        "limit": len(after) - len(kept),
    }
    if not kept:
        raise UserError(f"{source.name}: none of {len(source.rows)} rows is left; dropped: {json.dumps(counts)}")
    card = {
        "source": source.label,
        "read_from": source.name,
        "revision": source.revision,
        "columns": columns,
        "rows": len(source.rows),
        "kept": len(kept),
        "dropped": counts,
        "dropped_rows": {reason: places[:NAMED_ROWS] for reason, places in dropped.items() if places},
        "conflicting_answers": conflicting,
        "sha256": _sha256(json.dumps(kept)),
    }
    frame = pd.DataFrame(kept, columns=["id", "problem", "answer"]).assign(source=source.label)
    return tables.Problems.validate(frame), card


def text_hash(problem: str) -> str:
    """Twelve hex digits of the SHA-256 of a problem's text without white space at its ends: how `only` names it."""
    return _sha256(problem.strip())[:12]


# ---------------------------------------------------------------- rows to problems


def _columns(source: Source, mapping: Mapping[Any, str], replaced: bool) -> dict[str, str | None]:
    """The source's column for each of ours; that of `id` is None where ids come from the text.

    A file that stands in for the hub may have the hub's names or ours.
    """
    present = dict.fromkeys(column for row in source.rows if isinstance(row.values, dict) for column in row.values)
    chosen: dict[str, str | None] = {}
    for ours in ("id", "problem", "answer"):
        usual = ID_COLUMNS if ours == "id" else (ours,)
        wanted = (mapping[ours], *(usual if replaced else ())) if ours in mapping else usual
        chosen[ours] = next((column for column in wanted if column in present), None)
        if chosen[ours] is None and present and (ours != "id" or ours in mapping):
            raise UserError(
                f"{source.name}: no column {wanted[0]}; found: {', '.join(present)}; "
                f"set columns.{ours} of this problem set to the one that holds the {ours}"
            )
    return chosen


def _readable(rows: Iterable[Row], columns: Mapping[str, str | None]) -> tuple[list[Problem], list[str]]:
    """The rows that can be read, and where and why the others cannot."""
    readable: list[Problem] = []
    unreadable: list[str] = []
    for row in rows:
        try:
            readable.append(_problem(row, columns))
        except ValueError as error:
            unreadable.append(f"{row.place}: {error}")
    return readable, unreadable


def _problem(row: Row, columns: Mapping[str, str | None]) -> Problem:
    """The row's values as text; an id of its own where the source has none.

    Raises:
        ValueError: saying what cannot be read.
    """
    if isinstance(row.values, str):
        raise ValueError(row.values)
    values = {ours: _text(ours, row.values.get(column)) if column else "" for ours, column in columns.items()}
    own = values["id"].strip() or _sha256(values["problem"].strip())[:16]
    return Problem(row.place, own, values["problem"], values["answer"])


def _text(column: str, value: object) -> str:
    """Text as it is (so are JSON's numbers), other numbers as Python writes them, nothing and NaN as empty text."""
    if value is None or (isinstance(value, float | Decimal) and math.isnan(value)):
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(f"{column} is a {type(value).__name__}; allowed: text or a number")
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{column} holds half a surrogate pair, which no file can hold") from None
    return text


def _filled(rows: Iterable[Problem]) -> tuple[list[Problem], list[str]]:
    """The rows with problem and answer, and the places of the others."""
    filled: list[Problem] = []
    blank: list[str] = []
    for row in rows:
        if row.problem.strip() and row.answer.strip():
            filled.append(row)
        else:
            blank.append(row.place)
    return filled, blank


def _unique(rows: Iterable[Problem]) -> tuple[list[Problem], list[str], int]:
    """The rows in the order of their ids, each problem once; the places of the others; how many answer differently."""
    first: dict[str, Problem] = {}
    repeated: list[str] = []
    conflicting = 0
    for row in sorted(rows, key=lambda row: (row.id, row.answer, row.problem)):
        kept = first.setdefault(row.problem.strip(), row)
        if kept is not row:
            repeated.append(row.place)
            conflicting += kept.answer.strip() != row.answer.strip()
    return list(first.values()), repeated, conflicting


def _refuse(dropped: Mapping[str, list[str]], problem_set: ProblemSet, source: Source) -> None:
    for reason, places in dropped.items():
        if places and getattr(problem_set, reason) == "refuse":
            raise UserError(
                f"{source.name}: {places[0]}: {reason}, as {len(places)} of {len(source.rows)} rows are; mend the "
                f"source, or set `{reason}: drop` for this problem set to leave such rows out"
            )


def _refuse_shared_ids(problems: Iterable[Problem], source: Source) -> None:
    first: dict[str, Problem] = {}
    for row in problems:
        other = first.setdefault(row.id, row)
        if other is not row:
            raise UserError(
                f"{source.name}: {other.place} and {row.place} are different problems with the same id {row.id}; "
                "give each its own, or set columns.id of this problem set to a column that has"
            )


def _clean(
    problems: list[Problem], against: Mapping[str, pd.DataFrame], rule: Overlap
) -> tuple[list[Problem], list[str]]:
    """The problems that overlap with none of the other sets, and the places of the others."""
    found = overlaps(pd.DataFrame(problems, columns=Problem._fields), against, rule)
    copies = set(found["training_id"])
    return [row for row in problems if row.id not in copies], [row.place for row in problems if row.id in copies]


def _wanted(problems: list[Problem], only: Sequence[str], source: Source) -> list[Problem]:
    """The problems whose text has one of the hashes `only`; all of them where it names none."""
    if not only:
        return problems
    by_hash = {text_hash(row.problem): row for row in problems}
    if missing := [digest for digest in only if digest not in by_hash]:
        raise UserError(
            f"{source.name}: none of {len(problems)} problems has the hash {', '.join(missing)} that `only` names; "
            "`spurious-rewards hash` prints the hash of a problem's text"
        )
    return [row for digest, row in by_hash.items() if digest in only]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _generator(data_seed: int, label: str) -> np.random.Generator:
    digest = hashlib.sha256(json.dumps([data_seed, label]).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest))


# ---------------------------------------------------------------- sources to rows


def _read(problem_set: ProblemSet, organism: Organism | None, sources: Mapping[str, Path], lock: Path) -> Source:
    if problem_set.generated is not None:
        from spurious_rewards.organism import problems

        if organism is None:
            raise UserError("problems: generated ones need the suite's section organism; add it")
        made = problem_set.generated
        # One label whatever the numbers and the wording, for the order hangs on it: `limit` then keeps the same ids.
        label = f"organism {made.part} {made.operands}"
        changes = ("" if made.numbers == "own" else ", other numbers") + (
            "" if made.wording == "plain" else ", as stories"
        )
        return Source(label, label + changes, None, _numbered(problems(organism, made).to_dict("records")))
    if problem_set.reasoning_gym is not None:
        return _generate(problem_set.reasoning_gym)
    if problem_set.hub is not None and problem_set.hub not in sources:
        return read_hub(problem_set, problem_set.hub, lock)
    path = sources[problem_set.hub] if problem_set.hub is not None else problem_set.path
    assert path is not None  # a problem set has exactly one source
    return Source(problem_set.hub or path.name, str(path), None, _read_file(path))


def _generate(wanted: ReasoningGym) -> Source:
    """Problems of the library reasoning-gym: the same for the same seed, size, options and version of it.

    Raises:
        UserError: it has no such data set, or the data set no such option.
    """
    import reasoning_gym  # two seconds, which only such problems cost

    label = f"reasoning-gym {wanted.dataset}, seed {wanted.seed}"
    try:
        made = list(reasoning_gym.create_dataset(wanted.dataset, seed=wanted.seed, size=wanted.size, **wanted.options))
    except (ValueError, TypeError, AssertionError) as error:
        raise UserError(
            f"{label}: {error}; the documentation of reasoning-gym has the names and their options"
        ) from error
    rows = [
        {"id": f"{wanted.dataset}-{index}", "problem": item["question"], "answer": str(item["answer"])}
        for index, item in enumerate(made)
    ]
    return Source(label, f"{label}, {json.dumps(wanted.options)}", None, _numbered(rows))


def read_hub(problem_set: ProblemSet, hub_id: str, lock: Path) -> Source:
    """Rows of all subsets at the commit that the lock file pins.

    Raises:
        UserError: the hub cannot be reached and no copy of that commit is cached, or it has no such thing.
    """
    if Path(hub_id).exists():
        raise UserError(
            f"{hub_id}: a folder here has the name of this hub dataset and would be read in its place; move it "
            "away, or name the file in it that is meant under `sources` in config.yaml"
        )
    commit = resolve("dataset", hub_id, problem_set.revision, lock)
    import datasets  # costs a second, and only the hub needs it

    # Without a network datasets takes whatever commit it cached last; so each commit has a cache of its own.
    cache = Path(datasets.config.HF_DATASETS_CACHE) / commit
    rows = []
    for subset in problem_set.subsets or (None,):
        try:
            loaded = datasets.load_dataset(
                hub_id, name=subset, split=problem_set.split, revision=commit, cache_dir=str(cache)
            )
        except Exception as error:  # httpx, datasets, pyarrow and the hub client each raise kinds of their own
            raise _not_had("dataset", hub_id, error) from error
        rows += _numbered(loaded.to_list(), f" of {subset}" if subset else "")
    return Source(hub_id, hub_id, commit, rows)


def _read_file(path: Path) -> list[Row]:
    if path.suffix not in ENDINGS:
        raise UserError(f"{path}: the ending {path.suffix or '(none)'} says no format; allowed: {', '.join(ENDINGS)}")
    if not path.is_file():
        raise UserError(f"{path}: no such file; mend the path of the problem set, or `sources` in config.yaml")
    if path.suffix == ".jsonl":
        return list(_read_lines(path))
    return _read_parquet(path) if path.suffix == ".parquet" else _read_json(path)


def _read_lines(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield _row(f"line {number}", _parse(line.strip()))
                except (ValueError, RecursionError) as error:
                    yield Row(f"line {number}", f"broken JSON: {str(error).replace(': line 1', ',')}")


def _read_json(path: Path) -> list[Row]:
    try:
        items = _parse(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: broken JSON: {error}; mend the file") from error
    if not isinstance(items, list):
        raise UserError(f"{path}: holds a {type(items).__name__}; allowed: a list of objects, one a problem")
    return _numbered(items)


def _read_parquet(path: Path) -> list[Row]:
    try:
        # Not read_table, which would take columns from the names of the folders as well.
        return _numbered(pq.ParquetFile(path).read().to_pylist())
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a readable Parquet file, perhaps cut short ({error}); make it again") from error


def _parse(text: bytes) -> Any:
    """JSON whose numbers stay the text that they are in the file."""
    return json.loads(text, parse_float=str, parse_int=str)


def _row(place: str, item: Any) -> Row:
    return Row(place, item if isinstance(item, dict) else "not an object")


def _numbered(items: Iterable[Any], within: str = "") -> list[Row]:
    return [_row(f"row {number}{within}", item) for number, item in enumerate(items, start=1)]


# ---------------------------------------------------------------- hub revisions

COMMIT = r"^[0-9a-f]{40}$"
Commit = Annotated[str, Field(pattern=COMMIT)]


class Lock(Frozen):
    """Commits that the hub's revisions stood for when they were first asked: hub id, then revision, then commit."""

    datasets: dict[str, dict[str, Commit]] = Field(default_factory=dict)
    models: dict[str, dict[str, Commit]] = Field(default_factory=dict)


def resolve(kind: Literal["dataset", "model"], hub_id: str, revision: str | None, lock: Path) -> str:
    """The commit (40 hex digits) that a hub revision stands for: what the lock file says, or what the hub says now.

    What the hub says goes into the lock file, which later calls obey without asking the hub. Several processes may do
    so at once.

    Raises:
        UserError: the hub cannot be reached or has no such thing, or the lock file is not one.
    """
    revision = revision or "main"
    if commit := pinned(kind, hub_id, revision, lock):
        return commit
    from huggingface_hub import HfApi
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    ask = HfApi().dataset_info if kind == "dataset" else HfApi().model_info
    try:
        commit = ask(hub_id, revision=revision, timeout=30).sha
    except Exception as error:  # httpx and the hub client each raise kinds of their own
        raise _not_had(kind, hub_id, error) from error
    lock.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock.with_name(f".{lock.name}.lock")):
        earlier = pinned(kind, hub_id, revision, lock)  # by another process, while this one asked
        if earlier:
            return earlier
        pins = _read_lock(lock).model_dump()
        pins[f"{kind}s"].setdefault(hub_id, {})[revision] = commit
        with replacing(lock) as temporary:
            temporary.write_text(
                "# What hub revisions stood for when they were first fetched. Delete an entry to take the newest.\n"
                + yaml.safe_dump(validate(Lock, pins, lock).model_dump())
            )
    return str(commit)


def pinned(kind: Literal["dataset", "model"], hub_id: str, revision: str | None, lock: Path) -> str | None:
    """The commit that a revision is known to stand for, without asking the hub: itself, or what the lock file says."""
    revision = revision or "main"
    if re.fullmatch(COMMIT, revision):
        return revision
    pins: dict[str, dict[str, str]] = getattr(_read_lock(lock), f"{kind}s")
    return pins.get(hub_id, {}).get(revision)


def _read_lock(lock: Path) -> Lock:
    return validate(Lock, read_yaml(lock) or {}, lock) if lock.exists() else Lock()


def _not_had(kind: str, hub_id: str, error: Exception) -> UserError:
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return UserError(
        f"{hub_id}: this {kind} cannot be fetched from the hub: {reason}. Without a network, give a local copy as "
        f"`sources: {{{hub_id}: PATH}}` in config.yaml, or fetch it on a machine that has one and bring along the lock "
        "file and the folder HF_HOME"
    )
