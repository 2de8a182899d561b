"""Limits on what a file from elsewhere may contain.

A few hundred bytes can expand to gigabytes, because compression, dictionaries and aliases repeat what is stored once.
So every reader of such files counts what comes out of them. The limits are far above the sizes of real problem sets and
model responses.
"""

ROWS = 2_000_000
"""Rows of a file or data set of problems, or of a file of imported responses."""

COLUMNS = 1_000
"""Columns of a file or data set of problems: different names over all its rows."""

TEXT = 10**9
"""Bytes of text (UTF-8) in the columns that are read from a file or data set of problems."""

UNPACKED = 10**8
"""Bytes that a small Parquet file may unpack to, before dictionaries are expanded; for a larger file see `PACKED`."""

PACKED = 1_000
"""Times its own size that a larger Parquet file may unpack to; text by people or models is never compressed so far."""

CELL = 1_000_000
"""Characters of a problem, an answer, or an imported response."""

LINE = 16 * 10**6
"""Bytes of a line of JSON, which can take twenty times as many bytes in memory."""

DOCUMENT = 10**8
"""Bytes of a JSON file that must be read as a whole."""


def megabytes(size: int) -> str:
    """Return a number of bytes as text for people."""
    return f"{size / 1e6:,.0f} MB" if size >= 10**6 else f"{size / 1e3:,.1f} kB"
