"""Small results as CSV, for people and spreadsheets: full precision, and no text that a spreadsheet would take for a formula."""

import csv
import os
import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from spurious_rewards.runtime.errors import UserError, one_line
from spurious_rewards.runtime.files import REMAKE, read_text, replacing

_FORMULA = re.compile(r"(?='*[-=+@\t\r\n\uff0b\uff0d\uff1d\uff20])(?![-+]?[0-9]+(?:\.[0-9]+)?\Z)")
"""Where a text begins that a spreadsheet would work out, or one that stands for such a text; a number is neither."""


CHARACTERS = 2**25
"""That are read; a row takes the csv module some thirty times its size before its columns can be counted."""

CELLS = 20_000_000
"""Rows times columns that are read; more than any of ours has."""

COLUMNS = 1_000
"""That are read; each takes pandas some kilobytes, also without a cell in it."""

LARGEST = 1e15
"""Of a number, either way: these tables hold rates, counts, seeds and seconds."""

Kind = Literal["text", "words", "whole", "number", "end", "numbers", "flag"] | tuple[str, ...]
"""What the cells of a column hold.

Text; perhaps words; a whole number; perhaps a number; perhaps an end of an interval, which may be infinite; perhaps numbers
with blanks between them; True or False; one of some words.
"""

Columns = Mapping[str, Kind]
"""The columns of a table in their order, each with its kind: declared beside where the table is made."""

_WHAT = {
    "text": "text in each row",
    "words": "words",
    "whole": "a whole number in each row",
    "number": "finite numbers",
    "end": "numbers",
    "numbers": "finite numbers with blanks between them",
    "flag": "True or False in each row",
}
_TEXTS = ("text", "words", "numbers")


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a small result as CSV with full precision, whole or not at all.

    A text that a spreadsheet would take for a formula gets an apostrophe before it, which `read` takes away.
    """
    made = _changed(frame, _as_text)
    # A cell is quoted that holds what ends lines: a carriage return alone would begin a new row to whoever reads the file.
    end = "\r\n" if any("\r" in str(cell) for name in _of_text(made) for cell in made[name]) else "\n"
    with replacing(path) as temporary:
        made.to_csv(temporary, index=False, lineterminator=end)


def _as_text(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _as_it_was(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _of_text(frame: pd.DataFrame) -> list[str]:
    """The columns that may hold texts."""
    return [str(name) for name in frame.select_dtypes(exclude=["number", "bool"])]


def _changed(frame: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """The frame with every text changed; columns without one that changes stay as they are, with their types."""
    changed = {}
    for name in _of_text(frame):
        cells = [change(cell) if isinstance(cell, str) else cell for cell in frame[name]]
        if any(new != old for new, old in zip(cells, frame[name], strict=True) if isinstance(old, str)):
            of_categories = isinstance(frame[name].dtype, pd.CategoricalDtype)
            changed[name] = pd.Series(cells, index=frame.index, dtype=object if of_categories else frame[name].dtype)
    return frame.assign(**changed)


def cells(kind: Kind, *names: str) -> dict[str, Kind]:
    """Columns of one kind."""
    return dict.fromkeys(names, kind)


def read(path: Path, columns: Columns, known: Mapping[str, Collection[str]] | None = None) -> pd.DataFrame:
    """Read columns of what `write` wrote, to the last digit; the file may be a stranger's.

    Args:
        path: the file.
        columns: those that it must have, each with its kind; others are left out.
        known: column -> the texts that may stand in it, where there is such a column.

    Raises:
        UserError: the file is missing, or no such table.
    """
    if not os.path.lexists(path):
        raise UserError(f"{path}: no such table; run again to make it")
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: not a file, where a table belongs; {REMAKE}")
    try:
        frame = _changed(_parsed(read_text(path), columns), _as_it_was)
    except (UserError, ValueError, Warning, csv.Error) as error:  # pandas' own complaints are ValueErrors and a Warning
        said = one_line(str(error).removeprefix(f"{path}: "))
        raise UserError(f"{path}: not a readable table ({said}); {REMAKE}") from error
    for name, kind in columns.items():
        if name not in frame:
            raise UserError(f"{path}: has no column {name}; {REMAKE}")
        if len(frame) and not _holds(frame[name], kind):
            wanted = _WHAT[kind] if isinstance(kind, str) else f"one of {', '.join(kind)} in each row"
            raise UserError(f"{path}: column {name}: should hold {wanted}; {REMAKE}")
        if known and name in known and len(strange := set(frame[name].dropna()).difference(known[name])):
            raise UserError(f"{path}: column {name}: the suite has no {min(strange)}; {REMAKE}")
    if len(frame) and frame.duplicated().any():
        raise UserError(f"{path}: holds a row twice; {REMAKE}")
    return frame[list(columns)]


def _parsed(text: str, columns: Columns) -> pd.DataFrame:
    if "\0" in text:
        raise ValueError("it holds a zero byte")
    if len(text) > CHARACTERS:
        raise ValueError(f"it has more than {CHARACTERS:,} characters")
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # of rows that are longer than the head
        return pd.read_csv(
            StringIO(_counted(text)),
            float_precision="round_trip",
            keep_default_na=False,
            na_values=[""],
            dtype={name: "str" for name, kind in columns.items() if kind in _TEXTS or isinstance(kind, tuple)},
            index_col=False,
            low_memory=False,
        )


def _counted(text: str) -> str:
    """The same table with all its cells quoted, for pandas to read: what was counted here, it cannot take for other cells.

    Raises:
        ValueError: more columns or cells than are read.
        csv.Error: quotes that do not end, or a row that ends with a carriage return alone.
    """
    columns = 0
    quoted = StringIO()
    writer = csv.writer(quoted, quoting=csv.QUOTE_ALL, lineterminator="\n")
    others = csv.field_size_limit(len(text) + 1)  # of the whole process
    try:
        for rows, row in enumerate(csv.reader(StringIO(text, newline="\n"), strict=True), start=1):
            columns = max(columns, len(row))
            if columns > COLUMNS:
                raise ValueError(f"it has more than {COLUMNS:,} columns")
            if rows * max(columns, 1) > CELLS:
                raise ValueError(f"it has more than {CELLS:,} cells")
            writer.writerow(row)
    finally:
        csv.field_size_limit(others)
    return quoted.getvalue()


def _holds(column: "pd.Series[Any]", kind: Kind) -> bool:
    if isinstance(kind, tuple):
        return bool(column.isin(kind).all())
    if kind == "text":
        return bool(column.notna().all())
    if kind == "words":
        return True
    if kind == "numbers":
        return all(map(_are_numbers, column.dropna()))
    if kind == "flag":
        return pd.api.types.is_bool_dtype(column)
    if kind == "whole":
        return bool(column.dtype == "int64" and (column.abs() <= LARGEST).all())
    if column.dtype not in ("int64", "float64"):
        return False
    held = column.dropna()
    return bool(((held.abs() <= LARGEST) | ((kind == "end") & np.isinf(held))).all())


def _are_numbers(cell: str) -> bool:
    try:
        return all(abs(float(number)) <= LARGEST for number in cell.split())
    except ValueError:
        return False


def read_all(
    paths: Sequence[Path], columns: Columns, known: Mapping[str, Collection[str]] | None = None
) -> pd.DataFrame:
    """The rows of several CSV files, of which some may have none; see `read`."""
    frames = [read(path, columns, known) for path in paths]
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
