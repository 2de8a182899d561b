"""Small results as CSV, for people and spreadsheets: full precision, and no text that a spreadsheet would take for a formula."""

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pandas as pd

from spurious_rewards.runtime.errors import UserError, in_a_line
from spurious_rewards.runtime.files import replacing

_FORMULA = re.compile(r"(?='*[-=+@\t\r\n\uff0b\uff0d\uff1d\uff20])(?![-+]?[0-9]+(?:\.[0-9]+)?\Z)")
"""Where a text begins that a spreadsheet would work out, or one that stands for such a text; a number is neither."""


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


def read(path: Path, texts: Collection[str] = (), columns: Collection[str] = ()) -> pd.DataFrame:
    """Read what `write` wrote, to the last digit.

    `texts` are columns that hold text even where it looks like numbers, and `columns` those that must be there.

    Raises:
        UserError: the file is missing, or no such table.
    """
    types, remake = dict.fromkeys(texts, "str"), "delete the file and run again to remake it"
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: not a file, where a table belongs; {remake}")
    try:
        frame = pd.read_csv(path, float_precision="round_trip", keep_default_na=False, na_values=[""], dtype=types)
    except (OSError, ValueError) as error:  # pandas' own complaints are ValueErrors
        raise UserError(f"{path}: not a readable table ({in_a_line(error)}); {remake}") from error
    if missing := [name for name in columns if name not in frame]:
        raise UserError(f"{path}: has no column {missing[0]}; {remake}")
    return _changed(frame, _as_it_was)


def read_all(paths: Sequence[Path]) -> pd.DataFrame:
    """The rows of several CSV files, of which some may have none."""
    frames = [read(path) for path in paths]
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
