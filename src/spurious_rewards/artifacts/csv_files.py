"""Read and write small results as CSV, at full precision, without text that a spreadsheet would run as a formula."""

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
"""Start of a text that a spreadsheet would evaluate, also after apostrophes. A plain number does not match."""


CHARACTERS = 2**25
"""Characters that are read at most. A row takes the csv module about 30 times its size before columns are counted."""

CELLS = 20_000_000
"""Rows times columns that are read at most; the project's own tables have fewer."""

COLUMNS = 1_000
"""Columns that are read at most; pandas needs some kilobytes for each, even without cells."""

LARGEST = 1e15
"""Largest absolute value of a number: these tables hold rates, counts, seeds and seconds."""

Kind = Literal["text", "words", "whole", "number", "end", "numbers", "flag"] | tuple[str, ...]
"""The kind of a column's cells.

"text": text; "words": text or empty; "whole": a whole number; "number": a number or empty; "end": an end of an
interval, which may be infinite, or empty; "numbers": numbers separated by blanks, or empty; "flag": True or False; a
tuple: one of its words.
"""

Columns = Mapping[str, Kind]
"""The columns of a table in order, each with its kind. They are declared in the module that makes the table."""

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

    A text that a spreadsheet would evaluate as a formula gets a leading apostrophe, which `read` removes.
    """
    made = _changed(frame, _as_text)
    # The csv writer quotes a cell that contains a character of the line end. An unquoted \r would start a new row.
    end = "\r\n" if any("\r" in str(cell) for name in _of_text(made) for cell in made[name]) else "\n"
    with replacing(path) as temporary:
        made.to_csv(temporary, index=False, lineterminator=end)


def _as_text(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _as_it_was(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _of_text(frame: pd.DataFrame) -> list[str]:
    """Return the columns that may hold text."""
    return [str(name) for name in frame.select_dtypes(exclude=["number", "bool"])]


def _changed(frame: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """Return the frame with `change` applied to every text. A column in which no text changes keeps its data type."""
    changed = {}
    for name in _of_text(frame):
        cells = [change(cell) if isinstance(cell, str) else cell for cell in frame[name]]
        if any(new != old for new, old in zip(cells, frame[name], strict=True) if isinstance(old, str)):
            of_categories = isinstance(frame[name].dtype, pd.CategoricalDtype)
            changed[name] = pd.Series(cells, index=frame.index, dtype=object if of_categories else frame[name].dtype)
    return frame.assign(**changed)


def cells(kind: Kind, *names: str) -> dict[str, Kind]:
    """Return columns of one kind."""
    return dict.fromkeys(names, kind)


def read(path: Path, columns: Columns, known: Mapping[str, Collection[str]] | None = None) -> pd.DataFrame:
    """Read columns of a file written by `write`, to the last digit. The file may come from a stranger.

    Args:
        path: the file.
        columns: the columns that the file must have, each with its kind; other columns are dropped.
        known: column -> the texts that it may contain. Columns that the table does not have are ignored.

    Raises:
        UserError: the file is missing, or is no such table.
    """
    if not os.path.lexists(path):
        raise UserError(f"{path}: no such table; run again to make it")
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: not a file, where a table belongs; {REMAKE}")
    try:
        frame = _changed(_parsed(read_text(path), columns), _as_it_was)
    except (UserError, ValueError, Warning, csv.Error) as error:  # pandas raises ValueErrors and a ParserWarning
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
        warnings.simplefilter("error", pd.errors.ParserWarning)  # about rows that are longer than the header
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
    """Return the same table with every cell quoted, so that pandas finds exactly the cells counted here.

    Raises:
        ValueError: the table has more columns or cells than are read.
        csv.Error: an unclosed quote, or a row that ends with a carriage return alone.
    """
    columns = 0
    quoted = StringIO()
    writer = csv.writer(quoted, quoting=csv.QUOTE_ALL, lineterminator="\n")
    others = csv.field_size_limit(len(text) + 1)  # the limit holds for the whole process
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
    """Read the rows of several CSV files, some of which may be empty; see `read`."""
    frames = [read(path, columns, known) for path in paths]
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
