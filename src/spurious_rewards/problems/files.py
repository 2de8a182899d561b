"""Read the rows of a file of problems: JSON lines, a JSON list, or Parquet."""

import codecs
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow

from spurious_rewards.artifacts import arrow_rows, parquet_files
from spurious_rewards.artifacts.limits import DOCUMENT, LINE, ROWS, TEXT, megabytes
from spurious_rewards.config.problems import ENDINGS
from spurious_rewards.runtime.errors import UserError, in_a_line

FLOAT_DIGITS = 400
"""A bound on the decimal exponent, above that of every float."""


class Row(NamedTuple):
    """A row of a source: its place, and its values by column, or the reason why it cannot be read."""

    place: str
    values: dict[str, Any] | str


class Part(NamedTuple):
    """The content of a file or subset: rows, read lazily, and `arrow_rows.columns` if known before reading."""

    rows: Iterable[Row]
    columns: Mapping[str, str] = {}  # safe as a mutable default, because it is never changed


def read(path: Path, wanted: Collection[str]) -> Part:
    """Return the rows of a file; from Parquet, only the `wanted` columns.

    Raises:
        UserError: the file is not a file of problems, or too large. Iterating over the rows may raise it too.
    """
    if path.suffix not in ENDINGS:
        raise UserError(f"{path}: unknown file format {path.suffix or '(no ending)'}; allowed: {', '.join(ENDINGS)}")
    if path.is_dir():
        inside = next((each for each in sorted(path.rglob(f"*{path.suffix}")) if each.is_file()), None)
        such = f", such as {inside}" if inside else ""
        raise UserError(
            f"{path}: this is a folder; name one file{such}, after putting them together if there are several"
        )
    if not path.is_file():
        raise UserError(f"{path}: no such file; fix the path of the problem set, or `sources` in config.yaml")
    try:
        with path.open("rb"):
            pass
    except PermissionError:
        raise UserError(f"{path}: may not be read; fix its permissions") from None
    if path.suffix == ".parquet":
        return _parquet(path, wanted)
    return Part(_lines(path) if path.suffix == ".jsonl" else _list(path))


def numbered(items: Iterable[Any], within: str = "") -> Iterator[Row]:
    """Yield items as rows, numbered from 1."""
    for number, item in enumerate(items, start=1):
        yield _row(f"row {number}{within}", item)


def _row(place: str, item: Any) -> Row:
    if isinstance(item, _KeyTwice):
        return Row(place, f"has the key {item.key} twice")
    return Row(place, item if isinstance(item, dict) else "not an object")


# ---------------------------------------------------------------- JSON


def _lines(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        encoding = json.detect_encoding(file.read(4))
        file.seek(0)
        # UTF-8 files are decoded line by line, so that a line that is not UTF-8 affects no other line.
        one_by_one = encoding.startswith("utf-8")
        lines = _lines_of(file) if one_by_one else iter(_decoded(path, _whole(path)).encode().split(b"\n"))
        for number, line in enumerate(lines, start=1):
            text = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if text.strip():
                yield _line(f"line {number}", text.strip())


def _lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines; a line that is too long is cut one byte after the limit."""
    while line := file.readline(LINE + 1):
        rest = line
        while len(rest) > LINE and not rest.endswith(b"\n"):
            rest = file.readline(LINE + 1)
        yield line


def _line(place: str, text: bytes) -> Row:
    if len(text) > LINE:
        return Row(place, f"longer than {megabytes(LINE)}")
    try:
        return _row(place, _parse(text.decode()))
    except UnicodeDecodeError as error:
        return Row(place, f"not UTF-8 (byte {error.start + 1} is {error.object[error.start]:#x})")
    except (ValueError, RecursionError) as error:
        return Row(place, f"broken JSON: {str(error).replace(': line 1', ',')}")


def _list(path: Path) -> Iterator[Row]:
    try:
        items = _parse(_decoded(path, _whole(path)))
    except (ValueError, RecursionError) as error:
        lines = "; if each of its lines is an object, call it .jsonl" if "Extra data" in str(error) else ""
        raise UserError(f"{path}: broken JSON: {error}; fix the file{lines}") from error
    if not isinstance(items, list):
        what = "an object" if isinstance(items, dict) else "a single value"
        raise UserError(f"{path}: holds {what}; allowed: a list of objects, one a problem")
    return numbered(items)


def _whole(path: Path) -> bytes:
    if (size := path.stat().st_size) > DOCUMENT:
        raise UserError(
            f"{path}: has {megabytes(size)}; allowed: {megabytes(DOCUMENT)} for .json, or for .jsonl that is not "
            "UTF-8; convert it to .jsonl in UTF-8, one object per line"
        )
    return path.read_bytes()


def _decoded(path: Path, content: bytes) -> str:
    encoding = json.detect_encoding(content)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"{path}: line {line} is not {encoding.upper()}; save the file as UTF-8") from None


class _KeyTwice(dict[str, Any]):
    """A JSON object that contains a key twice."""

    key: str


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    doubled = _KeyTwice(found)
    doubled.key = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
    return doubled


def _constant(name: str) -> float | None:
    """Convert a constant that Python's json accepts beyond JSON: NaN, a missing value, to None; Infinity to a float."""
    return None if name == "NaN" else float(name)


def _decimal(text: str) -> str | Decimal:
    """Return a number as its text; with an exponent, as a Decimal, unless the exponent is beyond every float."""
    if "e" not in text.lower():
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:  # raised for an exponent of 20 digits
        return text
    return number if abs(number.adjusted()) < FLOAT_DIGITS else text


def _parse(text: str) -> Any:
    """Parse JSON and keep numbers without an exponent as the text in the file."""
    return json.loads(text, parse_float=_decimal, parse_int=str, parse_constant=_constant, object_pairs_hook=_object)


# ---------------------------------------------------------------- Parquet


def _parquet(path: Path, wanted: Collection[str]) -> Part:
    try:
        file = parquet_files.opened(path)
        known = arrow_rows.columns(file.schema_arrow, str(path))
        columns = [name for name in wanted if known.get(name) == ""]
        parquet_files.check_size(path, file, columns, TEXT)
        rows = file.metadata.num_rows
    except (pyarrow.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    if rows > ROWS:
        raise UserError(f"{path}: has {rows:,} rows; allowed: {ROWS:,}; leave out some")

    def items() -> Iterator[dict[str, Any]]:
        try:
            if not columns:
                yield from ({} for _ in range(rows))
            for part in parquet_files.row_groups(path, file, columns) if columns else ():
                yield from arrow_rows.rows(part)
        except (pyarrow.ArrowException, OSError) as error:
            raise _unreadable(path, error) from error

    return Part(numbered(items()), known)


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: not a readable Parquet file, perhaps cut short ({in_a_line(error)}); make it again")
