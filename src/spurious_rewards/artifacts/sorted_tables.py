"""Sort a table that is too large for memory, from parts that hold its rows in any order.

Only the sort columns are held in memory as a whole. For scale: the texts of 2.5 million votes are 20 GB.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.tables import Table

FEW = 128
"""Rows per row group in a part. The number is small, because neighbouring rows of a part go to distant places."""

AT_ONCE = 8
"""Row groups of the sorted table that are in memory at a time."""


def write_part(frame: pd.DataFrame, table: type[Table], path: Path) -> None:
    """Write a part like `tables.write`, but with small row groups, so that a few rows can be read without the rest."""
    tables.write_in_parts([frame], table, path, FEW)


def join(parts: Sequence[Path], table: type[Table], by: Sequence[str], path: Path) -> None:
    """Write the rows of all parts as one table, sorted by the columns `by`; the file is written whole or not at all.

    Raises:
        UserError: see `tables.read`.
    """
    tables.write_in_parts(_in_order(parts, table, list(by)), table, path)


def _in_order(parts: Sequence[Path], table: type[Table], by: list[str]) -> Iterator[pd.DataFrame]:
    keys = [tables.read_columns(part, table, by).assign(part=number) for number, part in enumerate(parts)]
    if not any(map(len, keys)):
        yield tables.empty(table)
        return
    index = pd.concat([frame.rename_axis("row").reset_index() for frame in keys]).sort_values(by)[["part", "row"]]
    for start in range(0, len(index), AT_ONCE * tables.ROW_GROUP):
        chosen = index[start : start + AT_ONCE * tables.ROW_GROUP]
        rows = [
            _rows(parts[number], table, chosen["row"][chosen["part"] == number].to_numpy())
            for number in sorted(set(chosen["part"].tolist()))
        ]
        yield pd.concat(rows).sort_values(by)


def _rows(part: Path, table: type[Table], places: np.ndarray) -> pd.DataFrame:
    """Read some rows of a part, given their positions; only the row groups that contain them are read."""
    ends = np.cumsum(tables.row_groups(part, table))
    groups = np.unique(np.searchsorted(ends, places, side="right"))
    begins = ends - np.diff(ends, prepend=0)
    there = np.concatenate([np.arange(begins[group], ends[group]) for group in groups])
    return tables.read_row_groups(part, table, groups.tolist()).set_index(there).loc[places]
