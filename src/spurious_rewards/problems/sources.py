"""Rows of problems from the hub, a file or a generator."""

import codecs
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow
import pyarrow.parquet as pq

from spurious_rewards.artifacts import arrow_rows
from spurious_rewards.artifacts.hub import dataset_rows, resolve
from spurious_rewards.config.models import Organism
from spurious_rewards.config.problems import ENDINGS, ProblemSet, ReasoningGym
from spurious_rewards.runtime.errors import UserError

FLOAT_DIGITS = 400
"""More than the largest and the smallest float have."""

ID_COLUMNS = ("id", "unique_id")
"""Columns that are taken for the source's own id where the suite maps none."""

NAMED_ROWS = 20
"""So many of the dropped rows of each kind stand in the card by their place; all are counted."""


class Row(NamedTuple):
    """A row as its source has it: where it stands, and its values by column, or what keeps it from being read."""

    place: str
    values: dict[str, Any] | str


class Source(NamedTuple):
    """All rows of a source. `label` names the data whatever copy is read, `name` says in messages what was read."""

    label: str
    name: str
    revision: str | None
    rows: list[Row]


def read(problem_set: ProblemSet, organism: Organism | None, sources: Mapping[str, Path], lock: Path) -> Source:
    """Rows of a problem set's source; `sources` has local files to read for a hub id, or for a `path`.

    Raises:
        UserError: it cannot be had, or is no file of problems.
    """
    if problem_set.generated is not None:
        from spurious_rewards.problems.arithmetic import problems

        if organism is None:
            raise UserError("problems: generated ones need the suite's section organism; add it")
        made = problem_set.generated
        # One label whatever the numbers and the wording, for the order depends on it: `limit` then keeps the same ids.
        label = f"organism {made.part} {made.operands}"
        changes = ("" if made.numbers == "own" else ", other numbers") + (
            "" if made.wording == "plain" else ", as stories"
        )
        return Source(label, label + changes, None, _numbered(problems(organism, made).to_dict("records")))
    if problem_set.reasoning_gym is not None:
        return _generate(problem_set.reasoning_gym)
    if problem_set.hub is not None and problem_set.hub not in sources:
        return read_hub(problem_set, problem_set.hub, lock)
    name = problem_set.hub or str(problem_set.path)  # a problem set has exactly one source
    path = sources.get(name, Path(name))
    return Source(problem_set.hub or Path(name).name, str(path), None, _read_file(path))


def _generate(wanted: ReasoningGym) -> Source:
    """Problems of the library reasoning-gym: the same for the same seed, size, options and version of it.

    Raises:
        UserError: it has no such data set, or the data set no such option.
    """
    import reasoning_gym  # two seconds, which only such problems cost

    label = f"reasoning-gym {wanted.dataset}, seed {wanted.seed}"
    try:
        made = list(reasoning_gym.create_dataset(wanted.dataset, seed=wanted.seed, size=wanted.size, **wanted.options))
    except (ValueError, TypeError, AssertionError) as error:
        raise UserError(
            f"{label}: {error}; the documentation of reasoning-gym has the names and their options"
        ) from error
    rows = [
        {"id": f"{wanted.dataset}-{index}", "problem": item["question"], "answer": str(item["answer"])}
        for index, item in enumerate(made)
    ]
    return Source(label, f"{label}, {json.dumps(wanted.options)}", None, _numbered(rows))


def read_hub(problem_set: ProblemSet, hub_id: str, lock: Path) -> Source:
    """Rows of all subsets at the commit that the lock file pins.

    Raises:
        UserError: the hub cannot be reached and no copy of that commit is cached, or it has no such thing.
    """
    if Path(hub_id).exists():
        raise UserError(
            f"{hub_id}: a folder here has the name of this hub dataset and would be read in its place; move it "
            "away, or name the file in it that is meant under `sources` in config.yaml"
        )
    commit = resolve("dataset", hub_id, problem_set.revision, lock)
    rows = []
    for subset in problem_set.subsets or (None,):
        loaded = dataset_rows(hub_id, subset, problem_set.split, commit)
        rows += _numbered(loaded, f" of {subset}" if subset else "")
    return Source(hub_id, hub_id, commit, rows)


def _read_file(path: Path) -> list[Row]:
    if path.suffix not in ENDINGS:
        raise UserError(f"{path}: the ending {path.suffix or '(none)'} says no format; allowed: {', '.join(ENDINGS)}")
    if path.is_dir():
        inside = next((each for each in sorted(path.rglob(f"*{path.suffix}")) if each.is_file()), None)
        such = f", such as {inside}" if inside else ""
        raise UserError(
            f"{path}: this is a folder; name one file{such}, after putting them together if there are several"
        )
    if not path.is_file():
        raise UserError(f"{path}: no such file; mend the path of the problem set, or `sources` in config.yaml")
    read = {".jsonl": _read_lines, ".json": _read_json, ".parquet": _read_parquet}[path.suffix]
    try:
        return list(read(path))
    except PermissionError:
        raise UserError(f"{path}: may not be read; mend its permissions") from None


def _read_lines(path: Path) -> Iterator[Row]:
    content = path.read_bytes()
    encoding = json.detect_encoding(content)
    # Lines of UTF-8 are decoded one by one, so that a broken one is left alone.
    lines = content.split(b"\n") if encoding.startswith("utf-8") else _decoded(path, content).encode().split(b"\n")
    for number, line in enumerate(lines, start=1):
        text = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
        if text.strip():
            try:
                yield _row(f"line {number}", _parse(text.strip().decode()))
            except UnicodeDecodeError as error:
                yield Row(f"line {number}", f"not UTF-8 (byte {error.start + 1} is {error.object[error.start]:#x})")
            except (ValueError, RecursionError) as error:
                yield Row(f"line {number}", f"broken JSON: {str(error).replace(': line 1', ',')}")


def _read_json(path: Path) -> list[Row]:
    try:
        items = _parse(_decoded(path, path.read_bytes()))
    except (ValueError, RecursionError) as error:
        lines = "; if each of its lines is an object, call it .jsonl" if "Extra data" in str(error) else ""
        raise UserError(f"{path}: broken JSON: {error}; mend the file{lines}") from error
    if not isinstance(items, list):
        what = "an object" if isinstance(items, dict) else "a single value"
        raise UserError(f"{path}: holds {what}; allowed: a list of objects, one a problem")
    return _numbered(items)


def _decoded(path: Path, content: bytes) -> str:
    encoding = json.detect_encoding(content)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"{path}: line {line} is not {encoding.upper()}; save the file as UTF-8") from None


def _read_parquet(path: Path) -> list[Row]:
    try:
        # Not read_table, which would take columns from the names of the folders as well.
        table = pq.ParquetFile(path).read()
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a readable Parquet file, perhaps cut short ({error}); make it again") from error
    try:
        return _numbered(arrow_rows.rows(table))
    except ValueError as error:
        raise UserError(f"{path}: {error}; rename or delete one") from None


class _KeyTwice(dict[str, Any]):
    """An object of JSON in which a key stands twice."""

    key: str


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = [name for name, _ in pairs]
    doubled = _KeyTwice(found)
    doubled.key = next(name for name in names if names.count(name) > 1)
    return doubled


def _constant(name: str) -> float | None:
    """What Python's json writes besides JSON: NaN where there is no value, and Infinity."""
    return None if name == "NaN" else float(name)


def _decimal(text: str) -> str | Decimal:
    """A number as it is in the file. One with an exponent is a Decimal, if it has not more digits than any float."""
    number = Decimal(text)
    return number if "e" in text.lower() and abs(number.adjusted()) < FLOAT_DIGITS else text


def _parse(text: str) -> Any:
    """JSON whose numbers stay the text that they are in the file, as far as that has no exponent."""
    return json.loads(text, parse_float=_decimal, parse_int=str, parse_constant=_constant, object_pairs_hook=_object)


def _row(place: str, item: Any) -> Row:
    if isinstance(item, _KeyTwice):
        return Row(place, f"the key {item.key} stands twice in it")
    return Row(place, item if isinstance(item, dict) else "not an object")


def _numbered(items: Iterable[Any], within: str = "") -> list[Row]:
    return [_row(f"row {number}{within}", item) for number, item in enumerate(items, start=1)]
