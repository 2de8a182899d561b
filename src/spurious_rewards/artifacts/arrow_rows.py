"""Rows of an Arrow table, with numbers as whoever wrote the file wrote them."""

from typing import Any

import numpy as np
import pyarrow

NARROW = {pyarrow.float16(): np.float16, pyarrow.float32(): np.float32}
"""Types of numbers that hold fewer digits than Python's."""


def rows(table: pyarrow.Table) -> list[dict[str, Any]]:
    """Each row by column: Python's values, or where there is none (a time before the year 1, broken text) Arrow's own.

    A number of 16 or 32 bits is the shortest decimal that is stored as this number, as 0.1 is, and not the 0.0999755859375 that
    its bits stand for.

    Raises:
        ValueError: two columns have one name.
    """
    names = table.column_names
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ValueError(f"{names.count(twice[0])} columns are called {twice[0]}")
    columns = [_values(column) for column in table.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _values(column: pyarrow.ChunkedArray) -> list[Any]:
    if pyarrow.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if narrow := NARROW.get(column.type):
        return [None if value is None else float(str(narrow(value))) for value in column.to_pylist()]
    try:
        values: list[Any] = column.to_pylist()
        return values
    except (ValueError, OverflowError):
        return [_value(scalar) for scalar in column]


def _value(scalar: pyarrow.Scalar) -> Any:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        return scalar
