"""Rows of problems from the hub, a file or a generator."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow
import pyarrow.parquet as pq

from spurious_rewards.artifacts.hub import dataset_rows, resolve
from spurious_rewards.config.models import Organism
from spurious_rewards.config.problems import ENDINGS, ProblemSet, ReasoningGym
from spurious_rewards.runtime.errors import UserError

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
    if not path.is_file():
        raise UserError(f"{path}: no such file; mend the path of the problem set, or `sources` in config.yaml")
    if path.suffix == ".jsonl":
        return list(_read_lines(path))
    return _read_parquet(path) if path.suffix == ".parquet" else _read_json(path)


def _read_lines(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield _row(f"line {number}", _parse(line.strip()))
                except (ValueError, RecursionError) as error:
                    yield Row(f"line {number}", f"broken JSON: {str(error).replace(': line 1', ',')}")


def _read_json(path: Path) -> list[Row]:
    try:
        items = _parse(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: broken JSON: {error}; mend the file") from error
    if not isinstance(items, list):
        raise UserError(f"{path}: holds a {type(items).__name__}; allowed: a list of objects, one a problem")
    return _numbered(items)


def _read_parquet(path: Path) -> list[Row]:
    try:
        # Not read_table, which would take columns from the names of the folders as well.
        return _numbered(pq.ParquetFile(path).read().to_pylist())
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a readable Parquet file, perhaps cut short ({error}); make it again") from error


def _parse(text: bytes) -> Any:
    """JSON whose numbers stay the text that they are in the file."""
    return json.loads(text, parse_float=str, parse_int=str)


def _row(place: str, item: Any) -> Row:
    return Row(place, item if isinstance(item, dict) else "not an object")


def _numbered(items: Iterable[Any], within: str = "") -> list[Row]:
    return [_row(f"row {number}{within}", item) for number, item in enumerate(items, start=1)]
