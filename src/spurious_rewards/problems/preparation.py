"""Prepare problem sets: read them from a source, clean them, and fix their order."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.arrow_rows import TooLong
from spurious_rewards.artifacts.limits import CELL
from spurious_rewards.config.models import Organism
from spurious_rewards.config.problems import Overlap, ProblemSet
from spurious_rewards.problems.decontamination import overlaps
from spurious_rewards.problems.files import Row
from spurious_rewards.problems.sources import ID_COLUMNS, NAMED_ROWS, Source, read
from spurious_rewards.runtime.errors import UserError

UNWRITABLE = re.compile("[\0\ud800-\udfff]")


class Problem(NamedTuple):
    """A readable row. Its values are text, or "" where the source has none."""

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

    The result does not depend on the order of the source's rows. Of rows with the same problem, the row with the first
    id is kept (without ids, the row with the first answer).

    Args:
        problem_set: where the problems come from, and what is done with bad rows.
        organism: the arithmetic of generated problems.
        data_seed: determines the order, and so the problems that `limit` keeps.
        sources: local files to read in place of a hub id or of the `path` of a problem set.
        lock: YAML file that pins hub revisions to commits; see `resolve`.
        against: tables.Problems by name; problems that overlap with any of them are dropped.
        rule: defines an overlap; required with `against`.

    Returns:
        `tables.Problems`, and the data card: source, revision, rows, kept, the number of rows dropped for each reason,
        the places of the first of these, the number of duplicates with a different answer, and the SHA-256 of the kept
        problems in order.

    Raises:
        UserError: the source cannot be found or read, a column is missing, the problem set refuses some rows, two
            problems have the same id, no problem has a hash of `only`, or no problem is left.
    """
    source = read(problem_set, organism, sources, lock)
    columns = _columns(source, problem_set.columns, replaced=problem_set.hub in sources)
    readable, unreadable = _readable(source.rows, columns)
    filled, blank = _filled(readable)
    unique, repeated, conflicting = _unique(filled)
    dropped = {"unreadable": unreadable, "blank": blank, "duplicate": repeated}
    _refuse(dropped, problem_set, source)
    _refuse_shared_ids(unique, source)

    clean, dropped["overlap"] = _clean(unique, against, rule) if against and rule else (unique, [])
    wanted = _wanted(clean, problem_set.only, source)
    short = [row for row in wanted if len(row.problem) <= (problem_set.max_characters or math.inf)]
    shuffled = [short[index] for index in _generator(data_seed, source.label).permutation(len(short))]
    after = shuffled[problem_set.skip :]
    kept = [(row.id, row.problem, row.answer) for row in after[: problem_set.limit]]
    counts = {
        **{reason: len(places) for reason, places in dropped.items()},
        "only": len(clean) - len(wanted),
        "long": len(wanted) - len(short),
        "skip": len(shuffled) - len(after),
        "limit": len(after) - len(kept),
    }
    if not source.rows:
        raise UserError(f"{source.name}: holds no rows; name a file or data set that has some")
    if not kept:
        raise UserError(
            f"{source.name}: no row of {len(source.rows)} is left (left out: {json.dumps(counts)}); relax the keys "
            "that leave rows out, or fix the source"
        )
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
    """Return 12 hex digits of the SHA-256 of a problem's text without outer white space; `only` uses this hash."""
    return _sha256(problem.strip())[:12]


# ---------------------------------------------------------------- rows to problems


def _columns(source: Source, mapping: Mapping[Any, str], replaced: bool) -> dict[str, str | None]:
    """Return the source's columns for id, problem and answer; that of the id is None if ids are derived from the text.

    A local file in place of a hub data set may use the hub's column names or the standard ones.
    """
    present = source.columns
    chosen: dict[str, str | None] = {}
    for ours in ("id", "problem", "answer"):
        usual = ID_COLUMNS if ours == "id" else (ours,)
        wanted = (mapping[ours], *(usual if replaced else ())) if ours in mapping else usual
        chosen[ours] = next((column for column in wanted if column in present), None)
        if chosen[ours] is None and present and (ours != "id" or ours in mapping):
            raise UserError(
                f"{source.name}: no column {wanted[0]}; found: {_some(present)}; "
                f"set columns.{ours} of this problem set to the one that holds the {ours}"
            )
        if (column := chosen[ours]) and present[column]:
            raise UserError(
                f"{source.name}: the column {column} is of type {present[column]}; allowed: text or numbers; set "
                f"columns.{ours} of this problem set to one that has them"
            )
    return chosen


def _some(names: Iterable[str], most: int = 20) -> str:
    """Return the first of some names, and the number of the others."""
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def _readable(rows: Iterable[Row], columns: Mapping[str, str | None]) -> tuple[list[Problem], list[str]]:
    """Return the rows that can be read, and for each other row its place and the reason."""
    readable: list[Problem] = []
    unreadable: list[str] = []
    for row in rows:
        try:
            readable.append(_problem(row, columns))
        except ValueError as error:
            unreadable.append(f"{row.place}: {error}")
    return readable, unreadable


def _problem(row: Row, columns: Mapping[str, str | None]) -> Problem:
    """Return a row's values as text, with an id derived from the problem if the source has none.

    Raises:
        ValueError: a value cannot be read; the message says which and why.
    """
    if isinstance(row.values, str):
        raise ValueError(row.values)
    values = {ours: _text(ours, row.values.get(column)) if column else "" for ours, column in columns.items()}
    own = values["id"].strip() or _sha256(values["problem"].strip())[:16]
    return Problem(row.place, own, values["problem"], values["answer"])


def _text(column: str, value: object) -> str:
    """Return a value as text: numbers in full (0.00001, because 1e-05 matches no answer), missing or NaN as ""."""
    if value is None or (isinstance(value, float | Decimal) and math.isnan(value)):
        return ""
    if isinstance(value, TooLong):
        raise _too_long(column, value.characters)
    if isinstance(value, pyarrow.Scalar):
        raise ValueError(f"{column} cannot be read as {value.type}")
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(f"{column} is a {type(value).__name__}; allowed: text or a number")
    if isinstance(value, float) and math.isinf(value):
        raise ValueError(f"{column} is infinite; allowed: text or a finite number")
    text = (
        f"{Decimal(repr(value)):f}"
        if isinstance(value, float)
        else f"{value:f}"
        if isinstance(value, Decimal)
        else str(value)
    )
    if len(text) > CELL:
        raise _too_long(column, len(text))
    if found := UNWRITABLE.search(text):
        what = "the character NUL" if found[0] == "\0" else "half a surrogate pair"
        raise ValueError(f"{column} holds {what}, which no text file can hold")
    return text


def _too_long(column: str, characters: int) -> ValueError:
    return ValueError(f"{column} has {characters:,} characters; allowed: {CELL:,}")


def _filled(rows: Iterable[Problem]) -> tuple[list[Problem], list[str]]:
    """Return the rows with both problem and answer, and the places of the others."""
    filled: list[Problem] = []
    blank: list[str] = []
    for row in rows:
        if row.problem.strip() and row.answer.strip():
            filled.append(row)
        else:
            blank.append(row.place)
    return filled, blank


def _unique(rows: Iterable[Problem]) -> tuple[list[Problem], list[str], int]:
    """Return each problem once, sorted by id; the places of the duplicates; and how many of them answer differently."""
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
        if places and getattr(problem_set, f"on_{reason}") == "refuse":
            raise UserError(
                f"{source.name}: {places[0]}: {reason}, as {len(places)} of {len(source.rows)} rows are; fix the "
                f"source, or set `on_{reason}: drop` for this problem set to leave such rows out"
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
    """Return the problems that overlap with none of the other sets, and the places of the others."""
    found = overlaps(pd.DataFrame(problems, columns=Problem._fields), against, rule)
    copies = set(found["training_id"])
    return [row for row in problems if row.id not in copies], [row.place for row in problems if row.id in copies]


def _wanted(problems: list[Problem], only: Sequence[str], source: Source) -> list[Problem]:
    """Return the problems whose text has one of the hashes in `only`; all problems if `only` is empty."""
    if not only:
        return problems
    by_hash = {text_hash(row.problem): row for row in problems}
    if missing := [digest for digest in only if digest not in by_hash]:
        raise UserError(
            f"{source.name}: none of {len(problems)} problems has the hash {', '.join(missing)} that `only` names; "
            "`spurious-rewards problem-hash` prints the hash of a problem's text"
        )
    return [row for digest, row in by_hash.items() if digest in only]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _generator(data_seed: int, label: str) -> np.random.Generator:
    digest = hashlib.sha256(json.dumps([data_seed, label]).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest))
