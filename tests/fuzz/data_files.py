"""Files of problems with one thing wrong, through `snakemake -n` and the stage `prepare`."""

import datetime
import decimal
import functools
import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import commands
import damage
import numpy as np
import pyarrow
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq
import yaml
from case import REFUSED, Case, Verdict, Wrong, generator

from spurious_rewards.artifacts import tables

CASES = 500
CHUNK = 1
SECONDS = 60
MEMORY = 1_500_000_000
MEMORY_OF_WORKERS = MEMORY

READ = "read"

PREPARED = Path("results/mine/problems/mine.parquet")

Made = tuple[str, str, "Content"]
"""What is wrong, the file's name, and its content."""


class Content(NamedTuple):
    """What lies at the path of a data file, and what must come of it."""

    file: bytes | None
    """The bytes of the file, or None if `special` says what lies at the path."""
    special: str = ""
    keys: dict[str, Any] = {}  # noqa: RUF012  # a tuple's default, never changed
    """Further keys of the problem set."""
    floats: str = ""
    """The type of float answers, if any: each must become the shortest text for its number in this type."""


def warm_up(folder: Path) -> None:
    """Import the commands, and what the stage imports."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    commands.warm_up()
    from spurious_rewards.problems import preparation  # noqa: F401


def case(seed: int, number: int) -> Case:
    """Return a file, and the keys of the problem set that reads it."""
    random = generator("data_files", seed, number)
    make = random.choice([_lines, _lines, _lines, _json, _parquet, _parquet, _parquet, _path])
    wrong, name, content = make(random)
    replacing_hub = random.random() < 0.15
    return Case(number, f"{name}: {wrong}" + " (under `sources`)" * replacing_hub, (name, content, replacing_hub))


def judge(case: Case, shared: Path) -> Verdict:
    """Plan the problem set and prepare it."""
    name, content, replacing_hub = case.content
    commands.checkout(Path())
    suite = yaml.safe_load((commands.ROOT / "tests/workflow/tiny.yaml").read_text())
    suite["problems"]["mine"] = ({"hub": "who/what"} if replacing_hub else {"path": name}) | content.keys
    Path("mine.yaml").write_text(yaml.safe_dump(suite))
    if replacing_hub:
        Path("config.yaml").write_text(yaml.safe_dump({"suite": "mine.yaml", "sources": {"who/what": name}}))
    _place(Path(name), content)
    planned = commands.plan("--printshellcmds", str(PREPARED))
    if said := commands.refusal(planned):
        return Verdict(REFUSED, said)
    if said := commands.refusal(commands.stage("prepare", planned)):
        return Verdict(REFUSED, said)
    made = tables.read(PREPARED, tables.Problems)
    if content.floats:
        given = set(_columns()[content.floats].to_numpy().tolist())
        for text in made["answer"]:
            number = np.dtype(content.floats).type(text)
            if number not in given or _digits(text) > _digits(str(number)):
                raise Wrong("wrong result", f"the answer {text}\nan answer that the file does not hold")
    return Verdict(READ)


def _digits(number: str) -> int:
    """Return the number of digits of a number, without its exponent and the zeros at its ends."""
    return len(number.partition("e")[0].replace(".", "").strip("-0"))


def _place(path: Path, content: Content) -> None:
    if content.file is not None:
        path.write_bytes(content.file)
    elif content.special == "folder":
        path.mkdir()
    elif content.special == "folder of files":
        path.mkdir()
        (path / "part-0.parquet").write_bytes(_table(_rows()))
    elif content.special == "link to nowhere":
        path.symlink_to("nowhere")
    elif content.special == "link to itself":
        path.symlink_to(path.name)
    elif content.special == "link to a file":
        Path("real.jsonl").write_bytes(_written(_rows()))
        path.symlink_to("real.jsonl")


# ---------------------------------------------------------------- rows

OPTIONS: list[dict[str, Any]] = [
    *({}, {}, {}, {}, {}, {}),
    *({"on_unreadable": "drop"}, {"on_blank": "refuse"}, {"on_duplicate": "refuse"}, {"limit": 1}, {"skip": 100}),
    *({"limit": 10**9},),
    *({"columns": {"answer": "solution"}}, {"columns": {"id": "problem"}}, {"columns": {"answer": "problem"}}),
    *({"columns": {"id": "answer"}},),
    *({"only": ["0123456789ab"]}, {"decontaminate": ["sums"]}, {"columns": {"problem": ""}}),
    *({"columns": {"id": "none"}},),
]  # fmt: skip


def _rows() -> list[dict[str, Any]]:
    return [{"id": f"p{i}", "problem": f"What is {i} + {i}?", "answer": str(2 * i)} for i in range(1, 9)]


def _written(rows: list[Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _wrong_row(random: Random) -> tuple[str, list[Any]]:
    rows: list[Any] = _rows()
    at, column = random.randrange(len(rows)), random.choice(["id", "problem", "answer"])
    way = random.choice(["value", "value", "every value", "gone", "called", "row", "again", "no rows", "more"])
    if way == "value":
        rows[at][column] = damage.value(random, random.choice(["1", 1]))
        return f"row {at + 1}: {column} is {damage.shown(rows[at][column])}", rows
    if way == "every value":
        new = damage.value(random, random.choice(["1", 1]))
        return f"every {column} is {damage.shown(new)}", [row | {column: new} for row in rows]
    if way == "gone":
        some = random.choice([rows, rows[at : at + 1]])
        for row in some:
            del row[column]
        return f"{len(some)} rows without {column}", rows
    if way == "called":
        new = random.choice([column.title(), f" {column}", f"{column} ", "question", "", "solution", "unique_id"])
        for row in rows:
            row[new] = row.pop(column)
        return f"{column} is called {new!r}", rows
    if way == "row":
        rows[at] = random.choice([None, [], {}, 1, "text", True, [rows[at]], {"row": rows[at]}])
        return f"row {at + 1} is {damage.shown(rows[at])}", rows
    if way == "again":
        rows.append(rows[at] | random.choice([{}, {column: "other"}, {"answer": "other"}, {"id": "other"}]))
        return f"row {at + 1} again, with {damage.shown(rows[-1])}", rows
    if way == "no rows":
        return "no rows", []
    new = random.choice(damage.THINGS)
    return f"a column more of {damage.shown(new)}", [row | {"more": new} for row in rows]


def _options(random: Random) -> dict[str, Any]:
    return random.choice(OPTIONS)


# ---------------------------------------------------------------- JSON

LINES: dict[str, bytes] = {
    "nothing": b"",
    "blank lines": b"\n \n\t\n",
    "a list": json.dumps(_rows()).encode(),
    "CSV": b"id,problem,answer\n1,1+1,2\n",
    "HTML": b"<!DOCTYPE html><html>404</html>\n",
    "an LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "lines on lines": json.dumps(_rows()[0], indent=2).encode(),
    "two rows on a line": _written(_rows()).replace(b"}\n{", b"}{", 1),
    "commas at line ends": _written(_rows()).replace(b"}\n", b"},\n"),
    "single quotes": _written(_rows()).replace(b'"', b"'"),
    "NaN": _written(_rows()).replace(b'"2"', b"NaN"),
    "Infinity": _written(_rows()).replace(b'"2"', b"-Infinity"),
    "a number of 5000 digits": _written(_rows()).replace(b'"2"', b"1" * 5000),
    "a number of a million digits and one": _written(_rows()).replace(b'"2"', b"1" * 1_000_001),
    "an exponent of twenty digits": _written(_rows()).replace(b'"2"', b"1e99999999999999999999"),
    "1e999999": _written(_rows()).replace(b'"2"', b"1e999999"),
    "-0": _written(_rows()).replace(b'"2"', b"-0"),
    "01": _written(_rows()).replace(b'"2"', b"01"),
    "a key twice": _written(_rows()).replace(b'"answer"', b'"answer": "1", "answer"', 1),
    "deep lists": _written(_rows()).replace(b'"2"', b"[" * 100_000 + b"]" * 100_000),
    "deep objects": _written(_rows()).replace(b'"2"', b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "half a surrogate pair": _written(_rows()).replace(b'"2"', rb'"\ud83d"'),
    "a surrogate in UTF-8": _written(_rows()).replace(b'"2"', b'"\xed\xa0\xbd"'),
    "an escape that is none": _written(_rows()).replace(b'"2"', rb'"\x41"'),
    "LaTeX that was not escaped": _written(_rows()).replace(b'"2"', rb'"\frac12 \boxed{2}"'),
    "a tab in a text": _written(_rows()).replace(b'"2"', b'"a\tb"'),
    "NUL": _written(_rows()).replace(b'"2"', b'"\x00"'),
    "NUL spelled out": _written(_rows()).replace(b'"2"', rb'"\u0000"'),
    "a line of a megabyte": _written(_rows()).replace(b'"2"', b'"' + b"x" * 1_000_000 + b'"'),
    "a text of a million characters and one": _written(_rows()).replace(b'"2"', b'"' + b"x" * 1_000_001 + b'"'),
    "a line of 20 megabytes": _written(_rows()).replace(b'"2"', b'"' + b"x" * 20_000_000 + b'"'),
    "a million empty lists in a row": _written(_rows()).replace(b'"2"', b'"2", "more": [' + b"[]," * 10**6 + b"1]"),
    "100,000 rows": _written([{"problem": f"{i}", "answer": f"{i}"} for i in range(100_000)]),
    "100,000 equal rows": _written([{"problem": "1", "answer": "1"}] * 100_000),
    "a comment": b"// problems\n" + _written(_rows()),
    "gzip": gzip.compress(_written(_rows()), mtime=0),
    "bytes": bytes(range(256)) * 10,
    "null": b"null\n",
    "a row of a thousand columns": _written([_rows()[0] | {f"c{i}": i for i in range(1000)}]),
}


def _lines(random: Random) -> Made:
    name, keys = "data.jsonl", _options(random)
    way = random.choice(["row", "row", "text", "whole"])
    if way == "row":
        wrong, rows = _wrong_row(random)
        return wrong, name, Content(_written(rows), keys=keys)
    if way == "text":
        wrong, raw = damage.text(random, _written(_rows()).decode())
        return wrong, name, Content(raw, keys=keys)
    what = random.choice(list(LINES))
    return f"the file is, or has, {what}", name, Content(LINES[what], keys=keys)


def _json(random: Random) -> Made:
    name, keys = "data.json", _options(random)
    way = random.choice(["row", "text", "whole", "shape"])
    if way == "row":
        wrong, rows = _wrong_row(random)
        return wrong, name, Content(json.dumps(rows).encode(), keys=keys)
    if way == "text":
        wrong, raw = damage.text(random, json.dumps(_rows(), indent=1))
        return wrong, name, Content(raw, keys=keys)
    if way == "whole":
        what = random.choice(list(LINES))
        return f"the file is, or has, {what}", name, Content(LINES[what], keys=keys)
    shapes: dict[str, Any] = {
        "an object of lists": {key: [row[key] for row in _rows()] for key in _rows()[0]},
        "rows by id": {row["id"]: row for row in _rows()},
        "rows under data": {"data": _rows()},
        "a list of lists": [list(row.values()) for row in _rows()],
        "a text": "text",
        "rows in a list in a list": [_rows()],
        "an empty list": [],
        "an empty object": {},
    }
    what = random.choice(list(shapes))
    return f"the file is {what}", name, Content(json.dumps(shapes[what]).encode(), keys=keys)


# ---------------------------------------------------------------- Parquet


def _table(rows: list[dict[str, Any]]) -> bytes:
    return _parquet_of(pyarrow.Table.from_pylist(rows))


def _parquet_of(table: pyarrow.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def _repeated(rows: int) -> pyarrow.Table:
    """Return rows that share one answer of a megabyte, which Parquet stores once."""
    answers = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * rows, "int32"), pyarrow.array(["x" * 1_000_000]))
    return pyarrow.table({"problem": list(map(str, range(rows))), "answer": answers})


FLOATS = ("float16", "float32", "float64")


@functools.cache
def _columns() -> dict[str, pyarrow.Array]:
    """Return columns of eight values, one for each type that a file can have."""
    numbers, floats = range(8), [0.1, 2.5, -0.0, 1e-7, 1 / 3, 1e4, 12.0, 3.25]
    day = datetime.datetime(2025, 6, 12, 1, 2, 3)
    texts = [f"{number}" for number in numbers]
    return {
        **{kind: pyarrow.array(np.array(floats, dtype=kind)) for kind in FLOATS},
        **{f"{kind}": pyarrow.array(list(numbers), type=kind) for kind in ("int8", "int64", "uint8", "uint64")},
        "floats that are none": pyarrow.array([np.nan, np.inf, -np.inf, 1, 2, 3, 4, None]),
        "decimal": pyarrow.array([decimal.Decimal(f"{number}.50") for number in numbers]),
        "decimal256": pyarrow.array([decimal.Decimal(number) for number in numbers], pyarrow.decimal256(76, 2)),
        "bool": pyarrow.array([True, False] * 4),
        "null": pyarrow.nulls(8),
        "date32": pyarrow.array([day.date()] * 8),
        "date64": pyarrow.array([day.date()] * 8, pyarrow.date64()),
        "timestamp[ns]": pyarrow.array([day] * 8, pyarrow.timestamp("ns")),
        "a timestamp of the year 300,000": pyarrow.array([9_000_000_000_000_000_000] * 8).cast("timestamp[us]"),
        "a timestamp of an unknown zone": pyarrow.array([0] * 8, pyarrow.timestamp("us", "Mars/Olympus")),
        "time64": pyarrow.array([day.time()] * 8, pyarrow.time64("us")),
        "duration": pyarrow.array([datetime.timedelta(1)] * 8),
        "duration[ns]": pyarrow.array([1] * 8, pyarrow.duration("ns")),
        "binary": pyarrow.array([b"\xff\x00"] * 8),
        "text that is no UTF-8": pyarrow.Array.from_buffers(
            pyarrow.string(), 8, pyarrow.array([b"\xff\xfe"] * 8).buffers()
        ),
        "fixed binary": pyarrow.array([b"ab"] * 8, pyarrow.binary(2)),
        "large text": pyarrow.array(texts, pyarrow.large_string()),
        "text view": pyarrow.array(texts, pyarrow.string_view()),
        "dictionary": pyarrow.array(texts).dictionary_encode(),
        "list": pyarrow.array([[text] for text in texts]),
        "list of structs": pyarrow.array([[{"a": text}] for text in texts]),
        "struct": pyarrow.array([{"text": text} for text in texts]),
        "map": pyarrow.array([[("a", text)] for text in texts], pyarrow.map_(pyarrow.string(), pyarrow.string())),
        "missing": pyarrow.array([None, *texts[1:]]),
        "all missing": pyarrow.array([None] * 8, pyarrow.string()),
        "empty": pyarrow.array([""] * 8),
        "NUL": pyarrow.array(["a\0b"] * 8),
        "a text of a million characters and one": pyarrow.array(["x" * 1_000_001] * 8),
        "a list of many nothings": pyarrow.array([pyarrow.nulls(100_000)] * 8, pyarrow.list_(pyarrow.null())),
        "a megabyte": pyarrow.array(["x" * 1_000_000] * 8),
    }


def _parquet(random: Random) -> Made:
    name, keys = "data.parquet", _options(random)
    table = pyarrow.Table.from_pylist(_rows())
    way = random.choice(["type", "type", "type", "bytes", "cut", "shape", "other", "row", "way"])
    if way == "type":
        kind = random.choice([*_columns(), *FLOATS, *FLOATS])
        column, array = random.choice(["answer", "answer", "problem", "id", "more"]), _columns()[kind]
        if column == "more":
            table = table.append_column("more", array)
        else:
            table = table.set_column(table.column_names.index(column), column, array)
        floats = kind if kind in FLOATS and column == "answer" and "columns" not in keys else ""
        return f"{column} is of type {kind}", name, Content(_parquet_of(table), keys=keys, floats=floats)
    if way == "row":
        wrong, rows = _wrong_row(random)
        try:
            return wrong, name, Content(_table(rows), keys=keys)
        except (pyarrow.ArrowException, TypeError, AttributeError, OverflowError, UnicodeEncodeError):
            return "no rows and no columns", name, Content(_parquet_of(pyarrow.table({})), keys=keys)
    raw = _table(_rows())
    if way == "bytes":
        damaged = bytearray(raw)
        for _ in range(random.choice([1, 1, 3, 20])):
            damaged[random.randrange(len(raw))] = random.randrange(256)
        return "some bytes are others", name, Content(bytes(damaged), keys=keys)
    if way == "cut":
        length = random.randrange(len(raw))
        return f"cut after {length} of {len(raw)} bytes", name, Content(raw[:length], keys=keys)
    if way == "shape":
        shapes = {
            "no columns": pyarrow.table({}),
            "no rows": table.slice(0, 0),
            "a column twice": pyarrow.Table.from_arrays(
                [*table.columns, table["answer"]], [*table.column_names, "answer"]
            ),
            "a column without a name": table.rename_columns(["", "problem", "answer"]),
            "names with dots": table.rename_columns(["a.b", "problem", "answer"]),
            "names in capitals": table.rename_columns(["ID", "Problem", "Answer"]),
            "a thousand columns": pyarrow.table({f"c{i}": [1] for i in range(1000)}),
            **{f"a megabyte in each of {rows} rows": _repeated(rows) for rows in (100, 10_000)},
            "100,000 rows": pyarrow.table({"problem": list(map(str, range(100_000))), "answer": ["1"] * 100_000}),
        }
        what = random.choice(list(shapes))
        return what, name, Content(_parquet_of(shapes[what]), keys=keys)
    if way == "way":
        ways: dict[str, dict[str, Any]] = {
            "in row groups of one": {"row_group_size": 1},
            "compressed by zstd": {"compression": "zstd"},
            "compressed by brotli": {"compression": "brotli"},
            "of version 1.0": {"version": "1.0"},
            "without statistics": {"write_statistics": False},
            "in pages of version 2": {"data_page_version": "2.0"},
            "without Arrow's schema": {"store_schema": False},
            "in delta encoding": {"use_dictionary": False, "column_encoding": {"answer": "DELTA_BYTE_ARRAY"}},
        }
        what = random.choice(list(ways))
        return what, name, Content(_parquet_of(table, **ways[what]), keys=keys)
    others: dict[str, Callable[[io.BytesIO], Any]] = {
        "Feather": lambda buffer: pyarrow.feather.write_feather(table, buffer),
        "ORC": lambda buffer: pyarrow.orc.write_table(table, buffer),
        "a zip": lambda buffer: zipfile.ZipFile(buffer, "w").writestr(zipfile.ZipInfo("a"), raw),
        "JSON lines": lambda buffer: buffer.write(_written(_rows())),
        "nothing": lambda buffer: None,
        "its mark alone": lambda buffer: buffer.write(b"PAR1PAR1"),
        "encrypted": lambda buffer: buffer.write(b"PARE" + raw[4:-4] + b"PARE"),
        "an LFS pointer": lambda buffer: buffer.write(LINES["an LFS pointer"]),
    }
    what = random.choice(list(others))
    buffer = io.BytesIO()
    others[what](buffer)
    return f"it is {what}", name, Content(buffer.getvalue(), keys=keys)


# ---------------------------------------------------------------- paths

NAMES = [
    *("data.csv", "data.txt", "data", "data.JSONL", "data.jsonl.gz", "data.jsonl ", ".jsonl", "data.arrow"),
    *("a b.jsonl", "ä.jsonl"),
    *("a{b}.jsonl", "{set}.jsonl", "a'b.jsonl", 'a"b.jsonl', "$HOME.jsonl", "a;b.jsonl", "a*b.jsonl", "a\nb.jsonl"),
    *("数学.jsonl",),
    *("-x.jsonl", "--help.jsonl", "a=b.jsonl", "%s.jsonl", "a\\b.jsonl", "~.jsonl", "#.jsonl", "a,b.jsonl"),
    *("a:b.jsonl",),
]  # fmt: skip


def _path(random: Random) -> Made:
    """Return a good file with an odd name, or a path at which no regular file lies."""
    if random.random() < 0.6:
        return "a good file", random.choice(NAMES), Content(_written(_rows()))
    special = random.choice(
        ["folder", "folder of files", "link to nowhere", "link to itself", "link to a file", "nothing"]
    )
    name = random.choice(["data.jsonl", "data.json", "data.parquet"])
    return f"there is {special}", name, Content(None, special=special)
