"""Parquet files that anybody may have written, read without taking more memory than they are allowed.

Text is read as a dictionary: each different value once, however many rows have it. What it comes to is counted before it is
written out. Encodings that Arrow writes out while it reads (delta encodings) are refused.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spurious_rewards.artifacts.arrow_rows import is_text
from spurious_rewards.artifacts.limits import PACKED, UNPACKED, megabytes
from spurious_rewards.runtime.errors import UserError

UNFOLDING = ("DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY")
"""Encodings of text that are not read as a dictionary."""

LARGE = 1_500_000_000
"""Bytes of a column of one row group that may be too many for a dictionary, which Arrow holds in 2 GiB."""

BATCH = 1_024
"""Rows of such a column that are read at a time."""


def opened(path: Path) -> pq.ParquetFile:
    """A file of which only the footer has been read. Types that extend Arrow's are what they are stored as.

    Raises:
        pyarrow.ArrowException, OSError: it is no readable Parquet file.
    """
    # Not read_table, which would take columns from the names of the folders as well.
    return pq.ParquetFile(path, arrow_extensions_enabled=False)


def check_size(
    path: Path, file: pq.ParquetFile, columns: Sequence[str], allowed: int, numbers: Sequence[int] | None = None
) -> None:
    """Look at what the footer says that some columns come to before dictionaries are written out, in some row groups or all.

    Raises:
        UserError: it is more than the `allowed` bytes, or more than any text of people or models that has the file's size.
    """
    indices = [index for index, name in enumerate(_paths(file)) if name in columns]
    chosen = range(file.metadata.num_row_groups) if numbers is None else numbers
    groups = [file.metadata.row_group(number) for number in chosen]
    # What the footer tells is packed: in a run of equal values a row takes no room, and in memory at least its width.
    widths = [_width(file.schema_arrow.field(name).type) for name in columns]
    packed = sum(max(group.column(index).total_uncompressed_size, 0) for group in groups for index in indices)
    size = max(packed, sum(group.num_rows for group in groups) * sum(widths))
    most = min(allowed, max(UNPACKED, PACKED * path.stat().st_size))
    if size > most:
        raise UserError(
            f"{path}: its columns {', '.join(columns)} come to {megabytes(size)}; allowed for a file of "
            f"{megabytes(path.stat().st_size)}: {megabytes(most)}; leave out some rows"
        )


def row_groups(
    path: Path, file: pq.ParquetFile, columns: Sequence[str], numbers: Sequence[int] | None = None
) -> Iterator[pyarrow.Table]:
    """The rows of some row groups or all, in parts, with text as dictionaries.

    But plain in parts of a column of more than `LARGE` bytes.

    Raises:
        UserError: text is in an encoding that would be written out while it is read.
        pyarrow.ArrowException, OSError: it is damaged.
    """
    schema, metadata = file.schema_arrow, file.metadata
    texts = [name for name in columns if is_text(_value_type(schema.field(name).type))]
    places = {name: index for index, name in enumerate(_paths(file))}
    coded = pq.ParquetFile(path, metadata=metadata, read_dictionary=texts, arrow_extensions_enabled=False)
    for group in range(metadata.num_row_groups) if numbers is None else numbers:
        if not metadata.row_group(group).num_rows:
            continue
        chunks = {name: metadata.row_group(group).column(places[name]) for name in columns}
        for name in texts:
            if held := set(UNFOLDING).intersection(chunks[name].encodings):
                raise UserError(
                    f"{path}: its column {name} is in the encoding {held.pop()}, in which a small file can come to any size and "
                    "which is not read; write it again, for example with pandas (read_parquet, then to_parquet)"
                )
        if all(chunks[name].total_uncompressed_size <= LARGE for name in texts):
            # One after another: a page that the footer is silent about has 2 GiB at most, and only one such is held.
            read = {name: coded.read_row_group(group, columns=[name], use_threads=False)[name] for name in columns}
            yield pyarrow.table(read)
        else:
            for batch in file.iter_batches(BATCH, row_groups=[group], columns=list(columns), use_threads=False):
                yield pyarrow.Table.from_batches([batch]).select(list(columns))


def read(
    path: Path,
    file: pq.ParquetFile,
    columns: Sequence[str],
    allowed: int,
    longest: int | None = None,
    groups: Sequence[int] | None = None,
) -> pyarrow.Table:
    """Some columns, with text written out.

    Args:
        path: where the file is.
        file: `opened`.
        columns: which ones.
        allowed: bytes that they may come to in memory.
        longest: characters that a text may have; None for any number.
        groups: numbers of the row groups that are read; None for all.

    Raises:
        UserError: they come to more; or see `row_groups`.
        pyarrow.ArrowException, OSError: it is damaged.
    """
    schema = pyarrow.schema(
        [_written_out(file.schema_arrow.field(name)) for name in columns], file.schema_arrow.metadata
    )
    check_size(path, file, columns, allowed, groups)
    total, parts = 0, [schema.empty_table()]
    for part in row_groups(path, file, columns, groups):
        for name in columns:
            total += sum(map(_size, part[name].chunks))
            if longest is not None and is_text(schema.field(name).type):
                _check_length(path, name, part[name], longest)
        if total > allowed:
            raise UserError(
                f"{path}: comes to more than the {megabytes(allowed)} that are read of a file of "
                f"{megabytes(path.stat().st_size)}"
            )
        parts.append(part.cast(schema))
    return pyarrow.concat_tables(parts)


def _paths(file: pq.ParquetFile) -> list[str]:
    """The stored columns, by their dotted paths; one that is not nested has its own name."""
    return [file.schema.column(index).path for index in range(len(file.schema))]


def _width(kind: pyarrow.DataType) -> float:
    """Bytes of a value at least: of text, its place in a dictionary."""
    try:
        return float(kind.bit_width) / 8
    except ValueError:  # of no fixed width
        return 4.0


def _value_type(kind: pyarrow.DataType) -> pyarrow.DataType:
    return kind.value_type if pyarrow.types.is_dictionary(kind) else kind


def _written_out(field: pyarrow.Field) -> pyarrow.Field:
    return field.with_type(_value_type(field.type))


def _size(chunk: pyarrow.Array) -> int:
    """Bytes in memory, with dictionaries written out."""
    if not pyarrow.types.is_dictionary(chunk.type):
        return int(chunk.nbytes)
    lengths = pc.take(pc.binary_length(chunk.dictionary), chunk.indices)
    return int(pc.sum(pc.cast(lengths, "int64")).as_py() or 0) + 4 * len(chunk)


def _check_length(path: Path, name: str, column: pyarrow.ChunkedArray, longest: int) -> None:
    for chunk in column.chunks:
        texts = chunk.dictionary if pyarrow.types.is_dictionary(chunk.type) else chunk
        if (length := pc.max(pc.utf8_length(texts)).as_py() or 0) > longest:
            raise UserError(
                f"{path}: a value of its column {name} has {length:,} characters; allowed: {longest:,}; leave out or shorten "
                "such rows"
            )
