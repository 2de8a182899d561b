"""Read Parquet files from unknown sources within a memory limit.

Text is read as a dictionary: each distinct value once, however many rows contain it. Its expanded size is computed
before it is expanded. Encodings that Arrow expands while reading (delta encodings) are refused.
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
"""Encodings of text that Arrow does not read as a dictionary."""

LARGE = 1_500_000_000
"""Bytes of a column in a row group above which it may not fit into a dictionary, which Arrow limits to 2 GiB."""

BATCH = 1_024
"""Rows of such a column that are read at a time."""


def opened(path: Path) -> pq.ParquetFile:
    """Open a file and read only its footer. Extension types of Arrow are read as their storage types.

    Raises:
        pyarrow.ArrowException, OSError: the file is not a readable Parquet file.
    """
    # Not pyarrow's read_table, which would also infer partition columns from the names of the folders.
    return pq.ParquetFile(path, arrow_extensions_enabled=False)


def check_size(
    path: Path, file: pq.ParquetFile, columns: Sequence[str], allowed: int, numbers: Sequence[int] | None = None
) -> None:
    """Check the size of some columns, in some row groups or all, from the footer, before dictionaries are expanded.

    Raises:
        UserError: the size is above `allowed` bytes, or above what real text in a file of this size can unpack to.
    """
    indices = [index for index, name in enumerate(_paths(file)) if name in columns]
    chosen = range(file.metadata.num_row_groups) if numbers is None else numbers
    groups = [file.metadata.row_group(number) for number in chosen]
    # The footer states encoded sizes. A row in a run of equal values takes no space there, but its width in memory.
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
    """Yield the rows of some row groups or all, in parts, with text as dictionaries.

    In a row group where a text column is larger than `LARGE` bytes, text is not dictionary-encoded.

    Raises:
        UserError: text has an encoding that Arrow would expand while reading.
        pyarrow.ArrowException, OSError: the file is damaged.
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
            # One column at a time: a page whose size the footer conceals has 2 GiB at most, and only one is in memory.
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
    """Read some columns, with dictionaries expanded.

    Args:
        path: path of the file.
        file: the result of `opened`.
        columns: names of the columns.
        allowed: bytes that the columns may take in memory.
        longest: characters that a text may have; None for no limit.
        groups: numbers of the row groups to read; None for all.

    Raises:
        UserError: the columns take more bytes than allowed, or a text is too long; or see `row_groups`.
        pyarrow.ArrowException, OSError: the file is damaged.
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
    """Return the dotted paths of the stored columns; the path of a column that is not nested is its name."""
    return [file.schema.column(index).path for index in range(len(file.schema))]


def _width(kind: pyarrow.DataType) -> float:
    """Return the minimum bytes of a value; for text, those of its index into a dictionary."""
    try:
        return float(kind.bit_width) / 8
    except ValueError:  # a type without a fixed width
        return 4.0


def _value_type(kind: pyarrow.DataType) -> pyarrow.DataType:
    return kind.value_type if pyarrow.types.is_dictionary(kind) else kind


def _written_out(field: pyarrow.Field) -> pyarrow.Field:
    return field.with_type(_value_type(field.type))


def _size(chunk: pyarrow.Array) -> int:
    """Return the bytes in memory after dictionaries are expanded."""
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
