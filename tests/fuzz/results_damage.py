"""Damage to a file of results: by its type, for any file, and to what lies in its place or beside it."""

import functools
import itertools
import json
import os
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import damage
import pandas as pd
import pyarrow
import pyarrow.parquet as pq

DEEP = "deep"
"""Name of the folders that are nested very deeply."""

CELLS = [
    *(
        "",
        "text",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "1e308",
        "-1e308",
        "1e999",
        "-1",
        "-0.5",
        "0",
        "0.5",
        "1",
        "2",
        "1000000",
    ),
    *(
        "9" * 30,
        "9" * 5000,
        "1_000",
        "0x10",
        "1,5",
        "True",
        "False",
        "None",
        "null",
        "=1+1",
        "'",
        "''",
        '"',
        "0 0",
        "1 x",
    ),
    *("\u0663", "a\nb", "a\r\nb", "\ud800", "<b>", "x" * 100_000, "../..", "default", "evil", " organism", "supported"),
]

Damage = Callable[[Random, bytes], bytes]


def _csv_cell(random: Random, raw: bytes) -> bytes:
    head, *rows = raw.decode().splitlines()
    at = random.randrange(head.count(",") + 1)
    new = random.choice(CELLS).replace("\ud800", "\x00")
    quoted = '"' + new.replace('"', '""') + '"' if set(new) & set(',"\n\r') else new
    for number in range(len(rows)) if random.random() < 0.5 else range(min(len(rows), 1)):
        cells = _cells(rows[number])
        rows[number] = ",".join([*cells[:at], quoted, *cells[at + 1 :]])
    return "\n".join([head, *rows, ""]).encode()


def _cells(row: str) -> list[str]:
    """Return the cells of a row as they are written."""
    quotes = itertools.accumulate(letter == '"' for letter in row)
    return "".join(
        "\n" if letter == "," and not count % 2 else letter for letter, count in zip(row, quotes, strict=True)
    ).split("\n")


def _csv_columns(change: Callable[[Random, list[str]], list[str]]) -> Damage:
    def made(random: Random, raw: bytes) -> bytes:
        table = [_cells(row) for row in raw.decode().splitlines()]
        seed = random.random()
        return "\n".join([*(",".join(change(Random(seed), row)) for row in table), ""]).encode()

    return made


def _without_one(random: Random, row: list[str]) -> list[str]:
    at = random.randrange(len(row))
    return row[:at] + row[at + 1 :]


def _lines(change: Callable[[list[str]], list[str]]) -> Damage:
    return lambda random, raw: ("\n".join(change(raw.decode().splitlines())) + "\n").encode()


CSV: dict[str, Damage] = {
    **{f"a cell or a column of others ({number})": _csv_cell for number in range(12)},
    **{f"a column less ({number})": _csv_columns(_without_one) for number in range(2)},
    "its columns in another order": _csv_columns(lambda _, row: row[::-1]),
    "a column twice": _csv_columns(lambda _, row: [*row, row[0]]),
    "a thousand columns more": _csv_columns(lambda _, row: [*row, *["1"] * 1001]),
    "no head": _lines(lambda lines: lines[1:] or ["1,2"]),
    "a head alone": _lines(lambda lines: lines[:1]),
    "two heads": _lines(lambda lines: lines[:1] + lines),
    "the same rows twice": _lines(lambda lines: lines + lines[1:]),
    "a short row": _lines(lambda lines: [*lines, "a,b"]),
    "a long row": _lines(lambda lines: [*lines, (lines[-1] + ",1") * 2]),
    "rows with one cell more": _lines(lambda lines: [lines[0], *(f"{line},1" for line in lines[1:])]),
    "an open quote": _lines(lambda lines: [*lines, '"']),
    "blank lines": _lines(lambda lines: ["", "", *lines, ""]),
    "semicolons": lambda random, raw: raw.replace(b",", b";"),
    "a line of ten million commas": _lines(lambda lines: [*lines, "," * 10_000_000]),
    "a head of ten million commas": _lines(lambda lines: ["," * 10_000_000, *lines]),
}


def _changed_node(random: Random, raw: bytes) -> bytes:
    whole = json.loads(raw)
    path, old = random.choice([node for node in damage.nodes(whole) if node[0]])
    damage.at(whole, path[:-1])[path[-1]] = damage.value(random, old)
    return json.dumps(whole).encode()


def _less_a_node(random: Random, raw: bytes) -> bytes:
    whole = json.loads(raw)
    path, _ = random.choice([node for node in damage.nodes(whole) if node[0]])
    del damage.at(whole, path[:-1])[path[-1]]
    return json.dumps(whole).encode()


def _every(key: str, value: Any) -> Damage:
    """Return damage that replaces every value under a key."""

    def made(random: Random, raw: bytes) -> bytes:
        whole = json.loads(raw)
        for path, _ in list(damage.nodes(whole)):
            if path and path[-1] == key:
                damage.at(whole, path[:-1])[key] = value
        return json.dumps(whole).encode()

    return made


def _in_a_circle(random: Random, raw: bytes) -> bytes:
    whole = json.loads(raw)
    if isinstance(whole, dict) and "parents" in whole:
        whole["parents"] = [{"artifact": whole["artifact"], "sha256": None}]
    for job in whole.get("unfinished", []) if isinstance(whole, dict) else []:
        job["inputs"], job["failed"] = job["outputs"], False
    return json.dumps(whole).encode()


def _a_long_chain(random: Random, raw: bytes) -> bytes:
    whole = json.loads(raw)
    if isinstance(whole, dict) and "unfinished" in whole:
        jobs = whole["unfinished"]
        chain = [
            {"name": str(n), "inputs": [f"x{n}"], "outputs": [f"x{n + 1}"], "log": None, "failed": False}
            for n in range(3000)
        ]
        whole["unfinished"] = [*chain[::-1], *jobs]
    return json.dumps(whole).encode()


def _only(new: bytes, random: Random, raw: bytes) -> bytes:
    return new


JSON: dict[str, Damage] = {
    **{f"another value ({number})": _changed_node for number in range(12)},
    **{f"a key or value less ({number})": _less_a_node for number in range(6)},
    **{f"damaged text ({number})": lambda random, raw: damage.text(random, raw.decode())[1] for number in range(4)},
    **{f"nothing but {text}": functools.partial(_only, text.encode()) for text in ("null", "[]", "{}", "1")},
    "deep lists": lambda random, raw: b"[" * 100_000 + b"]" * 100_000,
    "deep objects": _every("request", eval("[" * 40 + "]" * 40)),
    "a number of 5000 digits": lambda random, raw: raw.replace(b"1", b"1" * 5000, 1),
    "half a surrogate pair": lambda random, raw: raw.replace(b': "', rb': "\ud800'),
    "bytes of a name that is not UTF-8": lambda random, raw: raw.replace(b': "', rb': "\udcff'),
    "twelve million characters": lambda random, raw: raw.replace(b': "', b': "' + b"x" * 12_000_000, 1),
    "a circle": _in_a_circle,
    "a long chain": _a_long_chain,
    "no suite": _every("request", {}),
    "a suite that is text": _every("suite", "mine"),
    "no request": _every("request", None),
    "ragged rows": _every("rows", [["1"], ["1", "2", "3", "4", "5", "6", "7"]]),
    "rows of numbers": _every("rows", [[1, None]]),
    "columns of one name": _every("columns", ["A"] * 5),
    "no card": _every("card", {}),
    "cards of text": _every("card", "card"),
    "an artifact at the root": _every("artifact", "/"),
    "an artifact above": _every("artifact", "../" * 30),
    "a time long gone": _every("created", "0001-01-01"),
    "a time to come": _every("created", "9999-12-31T23:59:59Z"),
    "no files": _every("files", {}),
    "strange files": _every("files", {"a\0b": None, "\udcff": "x", "y" * 300: None}),
    "stages of one name": _every("stage", "\x1b[31m/../"),
}


def _other_values(random: Random, raw: bytes) -> bytes:
    """Fill a column of a table with a value that its schema allows, or nearly allows."""
    table = pq.read_table(BytesIO(raw))
    name = random.choice(table.column_names)
    kind = table.schema.field(name).type
    new = random.choice([0, 1, -1, 10**9, float("nan"), float("inf"), "evil", "", "\x00", "a" * 100_000, None, True])
    try:
        column = pd.Series([new] * len(table)).astype(kind.to_pandas_dtype() if str(kind) != "string" else "str")
        changed = table.set_column(table.column_names.index(name), table.schema.field(name), [column.to_numpy()])
    except (ValueError, TypeError, OverflowError, pyarrow.ArrowException):
        changed = table.slice(0, 1)
    sink = BytesIO()
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), sink)
    return bytes(sink.getvalue())


PARQUET: dict[str, Damage] = {
    **{f"other values ({number})": _other_values for number in range(6)},
    "cut short": lambda random, raw: raw[: len(raw) // 2],
    "a byte changed": lambda random, raw: raw[:50] + bytes([raw[50] ^ 255]) + raw[51:],
}

ANY: dict[str, Damage] = {
    "nothing in it": lambda random, raw: b"",
    "every byte": lambda random, raw: bytes(range(256)),
    "NUL": lambda random, raw: raw + b"\x00",
    "UTF-16": lambda random, raw: raw.decode(errors="replace").encode("utf-16"),
    "Latin-1": lambda random, raw: raw + b"\xe9",
    "a byte-order mark": lambda random, raw: b"\xef\xbb\xbf" + raw,
    "carriage returns": lambda random, raw: raw.replace(b"\n", b"\r"),
}


def _gone(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _unreadable_name(path: Path) -> None:
    shutil.copy(path, path.parent / os.fsdecode(b"\xff\x9b31m" + os.fsencode(path.name)))


def _of_a_folder(path: Path) -> None:
    """Copy the folder of the file to a name that is not UTF-8."""
    shutil.copytree(path.parent, os.fsdecode(os.fsencode(path.parent) + b"\xff"))


def _deep(path: Path) -> None:
    os.chdir(path.parent)
    for _ in range(1100):
        os.mkdir(DEEP)
        os.chdir(DEEP)


SPECIAL: dict[str, Callable[[Path], None]] = {
    "gone": _gone,
    "a folder": _folder,
    "a pipe": _pipe,
    "a link": _link,
    "a link to itself": _circle,
    "a copy beside it whose name is not UTF-8": _unreadable_name,
    "a copy of its folder whose name is not UTF-8": _of_a_folder,
    "1,100 folders in one another beside it": _deep,
}

WAYS: dict[str, dict[str, Damage]] = {".csv": CSV, ".json": JSON, ".parquet": PARQUET}


def ways(file: str) -> dict[str, Damage]:
    """Return the ways in which the content of a file can be damaged."""
    return {**WAYS.get(Path(file).suffix, {}), **ANY}
