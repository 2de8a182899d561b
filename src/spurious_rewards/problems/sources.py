"""Read rows of problems from the hub, a file or a generator."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from spurious_rewards.artifacts.hub import dataset_rows, resolve
from spurious_rewards.artifacts.limits import COLUMNS, ROWS, TEXT, megabytes
from spurious_rewards.config.models import Organism
from spurious_rewards.config.problems import ProblemSet, ReasoningGym
from spurious_rewards.problems import files
from spurious_rewards.problems.files import Part, Row, numbered
from spurious_rewards.runtime.errors import UserError

ID_COLUMNS = ("id", "unique_id")
"""Columns that are used as the source's ids if the suite maps none."""

NAMED_ROWS = 20
"""Number of dropped rows of each kind whose places the data card lists; all are counted."""


class Source(NamedTuple):
    """All rows of a source.

    `label` names the data independently of the copy that is read; `name` tells in messages what was read. Rows hold the
    columns that problems are made of. `columns` maps every column of the source to "", or to its type if it cannot hold
    text or numbers and was therefore not read.
    """

    label: str
    name: str
    revision: str | None
    rows: list[Row]
    columns: dict[str, str]


def read(problem_set: ProblemSet, organism: Organism | None, sources: Mapping[str, Path], lock: Path) -> Source:
    """Read the rows of a problem set's source; `sources` has local files to read in place of a hub id or a `path`.

    Raises:
        UserError: the source cannot be found, is not a file of problems, or is larger than `artifacts.limits` allows.
    """
    if problem_set.generated is not None:
        from spurious_rewards.problems.arithmetic import problems

        if organism is None:
            raise UserError("problems: generated ones need the suite's section organism; add it")
        made = problem_set.generated
        # One label for all numbers and wordings, because the order depends on it: so `limit` keeps the same ids.
        label = f"organism {made.part} {made.operands}"
        changes = ("" if made.numbers == "own" else ", other numbers") + (
            "" if made.wording == "plain" else ", as stories"
        )
        return _made(label, label + changes, problems(organism, made).to_dict("records"))
    if problem_set.reasoning_gym is not None:
        return _generate(problem_set.reasoning_gym)
    wanted = dict.fromkeys([*problem_set.columns.values(), *ID_COLUMNS, "problem", "answer"])
    if problem_set.hub is not None and problem_set.hub not in sources:
        return read_hub(problem_set, problem_set.hub, lock, wanted)
    name = problem_set.hub or str(problem_set.path)  # a problem set has exactly one source
    path = sources.get(name, Path(name))
    rows, columns = _gathered(str(path), [files.read(path, wanted)], wanted)
    return Source(problem_set.hub or Path(name).name, str(path), None, rows, columns)


def _generate(wanted: ReasoningGym) -> Source:
    """Generate problems with the library reasoning-gym; its version, seed, size and options determine them.

    Besides problem and answer, rows hold the text values of an item's metadata, such as the bare expression.

    Raises:
        UserError: the library has no such data set, or the data set has no such option.
    """
    import reasoning_gym  # takes two seconds, so only if it is needed

    label = f"reasoning-gym {wanted.dataset}, seed {wanted.seed}"
    try:
        made = list(reasoning_gym.create_dataset(wanted.dataset, seed=wanted.seed, size=wanted.size, **wanted.options))
    except (ValueError, TypeError, AssertionError) as error:
        raise UserError(
            f"{label}: {error}; the documentation of reasoning-gym has the names and their options"
        ) from error
    rows = [
        {key: value for key, value in item["metadata"].items() if isinstance(value, str)}
        | {"id": f"{wanted.dataset}-{index}", "problem": item["question"], "answer": str(item["answer"])}
        for index, item in enumerate(made)
    ]
    return _made(label, f"{label}, {json.dumps(wanted.options)}", rows)


def _made(label: str, name: str, items: Sequence[Mapping[Any, Any]]) -> Source:
    return Source(
        label, name, None, list(numbered(items)), dict.fromkeys((name for item in items for name in item), "")
    )


def read_hub(problem_set: ProblemSet, hub_id: str, lock: Path, wanted: Collection[str]) -> Source:
    """Read the rows of all subsets at the commit that the lock file pins, with those `wanted` columns that exist.

    Raises:
        UserError: the hub cannot be reached and that commit is not cached, the hub has no such data set, or the data
            set is larger than `artifacts.limits` allows.
    """
    if Path(hub_id).exists():
        raise UserError(
            f"{hub_id}: a folder here has the name of this hub dataset and would be read in its place; move it "
            "away, or name the file in it that is meant under `sources` in config.yaml"
        )
    commit = resolve("dataset", hub_id, problem_set.revision, lock)
    parts = []
    for subset in problem_set.subsets or (None,):
        columns, loaded = dataset_rows(hub_id, subset, problem_set.split, commit, wanted)
        parts.append(Part(numbered(loaded, f" of {subset}" if subset else ""), columns))
    rows, columns = _gathered(hub_id, parts, wanted)
    return Source(hub_id, hub_id, commit, rows, columns)


def _gathered(name: str, parts: Iterable[Part], wanted: Collection[str]) -> tuple[list[Row], dict[str, str]]:
    """Return all rows with their `wanted` columns, and all columns if there is a row; see `Source`.

    Raises:
        UserError: the parts are larger than `artifacts.limits` allows.
    """
    rows: list[Row] = []
    columns: dict[str, str] = {}
    size = 0
    for part in parts:
        columns.update({column: columns.get(column) or kind for column, kind in part.columns.items()})
        for row in part.rows:
            if isinstance(row.values, dict):
                for column in row.values:
                    columns.setdefault(column, "")
                held = {column: row.values[column] for column in wanted if column in row.values}
                size += sum(_size(value) for value in held.values() if isinstance(value, str))
                rows.append(Row(row.place, held))
            else:
                rows.append(row)
            if len(rows) > ROWS:
                raise UserError(f"{name}: has more than {ROWS:,} rows; leave out some")
            if len(columns) > COLUMNS:
                raise UserError(
                    f"{name}: its rows have more than {COLUMNS:,} columns; leave out those that no problem needs"
                )
            if size > TEXT:
                raise UserError(
                    f"{name}: its problems and answers have more than {megabytes(TEXT)} of text; leave out some rows"
                )
    return rows, columns if rows else {}


def _size(text: str) -> int:
    """Return the number of bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
