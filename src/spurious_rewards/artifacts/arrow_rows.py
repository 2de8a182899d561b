"""Rows of an Arrow table, with numbers as whoever wrote the file wrote them."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow
import pyarrow.compute as pc

from spurious_rewards.artifacts.limits import CELL, COLUMNS
from spurious_rewards.runtime.errors import UserError

NARROW = {pyarrow.float16(): np.float16, pyarrow.float32(): np.float32}
"""Types of numbers that hold fewer digits than Python's."""


class TooLong(NamedTuple):
    """Stands for a text of so many characters, which is not taken out of the table."""

    characters: int


UNREADABLE = (ValueError, OverflowError, KeyError)
"""What Arrow raises of a value that Python does not have; KeyError of a time zone that nobody knows."""


def columns(schema: pyarrow.Schema, name: str) -> dict[str, str]:
    """All columns, with the type of those that cannot hold text or numbers; `name` says in messages what is read.

    Such a column is not to be read: lists of nothing take no room in a file, and any in memory.

    Raises:
        UserError: too many columns, or two of one name.
    """
    names = schema.names
    if len(names) > COLUMNS:
        raise UserError(
            f"{name}: has {len(names):,} columns; allowed: {COLUMNS:,}; leave out those that no problem needs"
        )
    if twice := [each for each in dict.fromkeys(names) if names.count(each) > 1]:
        raise UserError(f"{name}: {names.count(twice[0])} columns are called {twice[0]}; rename or delete one")
    return {field.name: "" if _is_flat(field.type) else _shown(field.type) for field in schema}


def _is_flat(kind: pyarrow.DataType) -> bool:
    if pyarrow.types.is_dictionary(kind):
        return _is_flat(kind.value_type)
    return (
        pyarrow.types.is_primitive(kind)
        or pyarrow.types.is_decimal(kind)
        or pyarrow.types.is_null(kind)
        or is_text(kind)
    )


def is_text(kind: pyarrow.DataType) -> bool:
    """Whether a column holds text, each value for itself."""
    types = pyarrow.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _shown(kind: pyarrow.DataType) -> str:
    text = str(kind)
    return text if len(text) <= 80 else f"{text[:79]}…"


def rows(table: pyarrow.Table) -> list[dict[str, Any]]:
    """Each row by column: Python's values, or where there is none (a time before the year 1, broken text) Arrow's own.

    A number of 16 or 32 bits is the shortest decimal that is stored as this number, as 0.1 is, and not the 0.0999755859375 that
    its bits stand for. Text in a dictionary is taken out once for all rows that have it, and `TooLong` stands for what is.
    """
    names = table.column_names
    columns = [_values(column) for column in table.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _values(column: pyarrow.ChunkedArray) -> list[Any]:
    if pyarrow.types.is_dictionary(column.type):
        if is_text(column.type.value_type):
            return [value for chunk in column.chunks for value in _shared(chunk)]
        column = column.cast(column.type.value_type)
    if narrow := NARROW.get(column.type):
        return [None if value is None else float(str(narrow(value))) for value in column.to_pylist()]
    return _plain(column)


def _shared(chunk: pyarrow.DictionaryArray) -> list[Any]:
    lengths = pc.utf8_length(chunk.dictionary)
    if (pc.max(lengths).as_py() or 0) > CELL:
        texts: list[Any] = [
            TooLong(length) if length is not None and length > CELL else _value(scalar)
            for length, scalar in zip(lengths.to_pylist(), chunk.dictionary, strict=True)
        ]
    else:
        texts = _plain(chunk.dictionary)
    return [None if index is None else texts[index] for index in chunk.indices.to_pylist()]


def _plain(column: pyarrow.ChunkedArray | pyarrow.Array) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
        return values
    except UNREADABLE:
        return [_value(scalar) for scalar in column]


def _value(scalar: pyarrow.Scalar) -> Any:
    try:
        return scalar.as_py()
    except UNREADABLE:
        return scalar
