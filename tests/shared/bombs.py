"""Small files that expand to gigabytes, and work on them in a process with limited memory."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

MEGABYTE = "x" * 1_000_000

MORE = 150_000_000
"""Bytes that the work may take beyond what its imports have taken."""

CAPPED = """
import json, resource, sys
from pathlib import Path

{imports}

from spurious_rewards.runtime.errors import UserError

mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + {more}, mapped + {more}))
said = {{}}
for path in map(Path, sys.argv[1:]):
    try:
        said[path.name] = str({work})
    except UserError as error:
        said[path.name] = f"error: {{error}}"
    except MemoryError as error:
        said[path.name] = f"out of memory: {{error}}"
print(json.dumps(said))
"""


def capped(imports: str, work: str, paths: Sequence[Path]) -> dict[str, str]:
    """Evaluate the Python expression `work`, which uses `path`, for each file, and return its text or its error."""
    code = CAPPED.format(imports=imports, work=work, more=MORE)
    # Arrow's own allocator reserves a gigabyte of addresses at once, which would exceed the limit.
    environment = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    said: dict[str, str] = json.loads(done.stdout)
    return said


def repeated(rows: int, text: str = MEGABYTE) -> pa.Array:
    """Return an array with the same text in each row, which Parquet stores once."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))


def nothings() -> pa.Array:
    """Return a list of ten million missing texts, which take 200 MB in memory."""
    return pa.ListArray.from_arrays(pa.array([0, 10**7], pa.int32()), pa.nulls(10**7, pa.string()))


def parquet_of(columns: dict[str, Any], **options: Any) -> bytes:
    """Return a table as a Parquet file, compressed hard."""
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, **{"compression": "zstd", **options})
    return buffer.getvalue()


def parquet_bombs(column: str, **others: Any) -> dict[str, bytes]:
    """Return files of some tens of kilobytes whose `column` expands to hundreds of megabytes.

    Each column of `others` has one value in all rows.
    """

    def made(values: Any, **options: Any) -> bytes:
        return parquet_of(
            {column: values, **{name: [value] * len(values) for name, value in others.items()}}, **options
        )

    plain: dict[str, Any] = {"use_dictionary": False, "write_statistics": False}
    return {
        "one text in 2,000 rows": made(repeated(2_000), store_schema=False),
        "one text in 2,000 rows, as Arrow's dictionary": made(repeated(2_000)),
        "one text of 200 MB": made([200 * MEGABYTE], **plain),
        "one page of 200 MB": made([MEGABYTE] * 200, **plain, data_page_size=2**30, write_batch_size=10**6),
        "texts that begin alike": made(
            [f"{MEGABYTE}{number}" for number in range(200)], **plain, column_encoding={column: "DELTA_BYTE_ARRAY"}
        ),
        "a list of ten million nothings": made(nothings()),
        "bytes of a fixed length": made(pa.array([MEGABYTE.encode()] * 200, pa.binary(len(MEGABYTE)))),
    }
