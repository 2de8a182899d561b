"""How much a file from elsewhere may hold.

A few hundred bytes can stand for gigabytes: compression, dictionaries and aliases repeat what is written once. So every reader of
such files counts what comes out of them. The numbers are far above what data sets of problems and models' responses have.
"""

ROWS = 2_000_000
"""Of a file or data set of problems, and of imported responses."""

COLUMNS = 1_000
"""Of a file or data set of problems: names that its rows have between them."""

TEXT = 10**9
"""Bytes of text (UTF-8) in the columns that are read of a file or data set of problems."""

UNPACKED = 10**8
"""Bytes that a small Parquet file may come to before its dictionaries are written out; a larger one, `PACKED` times its size."""

PACKED = 1_000
"""No text that people or models wrote is compressed so far."""

CELL = 1_000_000
"""Characters of a problem, of an answer, and of an imported response."""

LINE = 16 * 10**6
"""Bytes of a line of JSON, which can take twenty times as many in memory."""

DOCUMENT = 10**8
"""Bytes of a file of JSON that must be read as one."""


def megabytes(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1e6:,.0f} MB" if size >= 10**6 else f"{size / 1e3:,.1f} kB"
