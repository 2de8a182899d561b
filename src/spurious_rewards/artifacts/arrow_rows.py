"""Convert an Arrow table to rows, with numbers as the author of the file wrote them."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow
import pyarrow.compute as pc

from spurious_rewards.artifacts.limits import CELL, COLUMNS
from spurious_rewards.runtime.errors import UserError

NARROW = {pyarrow.float16(): np.float16, pyarrow.float32(): np.float32}
"""Number types with less precision than Python's float."""


class TooLong(NamedTuple):
    """Placeholder for a text of this many characters, which is too long to be read."""

    characters: int


UNREADABLE = (ValueError, OverflowError, KeyError)
"""What Arrow raises for a value that Python cannot represent; KeyError for an unknown time zone."""


def columns(schema: pyarrow.Schema, name: str) -> dict[str, str]:
    """Return the type of each column that cannot hold text or numbers, and "" for each column that can.

    A column with a type here must not be read: lists of nothing take no space in a file, but any amount in memory.
    `name` is the name of the source in messages.

    Raises:
        UserError: too many columns, or two with the same name.
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
    """Whether a column holds plain text, not dictionary-encoded."""
    types = pyarrow.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _shown(kind: pyarrow.DataType) -> str:
    text = str(kind)
    return text if len(text) <= 80 else f"{text[:79]}…"


def rows(table: pyarrow.Table) -> list[dict[str, Any]]:
    """Return each row as a mapping from column to value.

    Values are Python objects; Arrow scalars where Python has no equivalent (a time before the year 1, invalid UTF-8).
    A float of 16 or 32 bits becomes the shortest decimal that is stored as that float: 0.1, not the 0.0999755859375
    that its bits represent. Text in a dictionary is converted once and shared by all its rows. A text that is too long
    becomes `TooLong`.
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
