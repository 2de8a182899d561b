"""Import responses that were sampled elsewhere, in place of a run's own."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd
import pandera.errors
import pyarrow
from pyarrow.parquet import ParquetFile

from spurious_rewards.artifacts import parquet_files
from spurious_rewards.artifacts.limits import CELL, ROWS
from spurious_rewards.artifacts.tables import Responses, allowed, is_plain, write
from spurious_rewards.generation.tasks import Task
from spurious_rewards.runtime.errors import UserError, first_line


def take(file: Path, seed: int, steps: Collection[int], tasks: Sequence[Task], output: Path) -> None:
    """Write tables.Responses at `output` from a Parquet file with its columns; the file's own seeds are ignored.

    Raises:
        UserError: the file is not of this form, or larger than `artifacts.limits` allows; or it does not answer a task
            of one of `steps` exactly, with every problem as often as the task asks.
    """
    names = list(Responses.to_schema().columns)
    given = [name for name in names if name != "seed"]
    try:
        parquet = parquet_files.opened(file)
        found = _responses(file, parquet, given).assign(seed=seed)
        responses = Responses.validate(found[names])
    except (OSError, KeyError, ValueError, pyarrow.ArrowException, pandera.errors.SchemaError) as error:
        raise UserError(
            f"{file}: cannot be imported ({first_line(error)}); give a Parquet file with a row for each response and the "
            f"columns {', '.join(given)}"
        ) from error
    for task in tasks:
        for step in sorted(steps):
            _check(
                file, responses[(responses["benchmark"] == task.benchmark) & (responses["step"] == step)], step, task
            )
    asked = responses["benchmark"].isin([task.benchmark for task in tasks])
    write(responses[asked].sort_values(["step", "benchmark", "id", "sample"]), Responses, output)


def _responses(file: Path, parquet: ParquetFile, columns: Sequence[str]) -> pd.DataFrame:
    schema = parquet.schema_arrow
    for name in columns:
        if schema.names.count(name) != 1:
            raise KeyError(f"{schema.names.count(name)} columns are called {name}")
        if not is_plain(schema.field(name).type) and not pyarrow.types.is_dictionary(schema.field(name).type):
            raise ValueError(f"the column {name} is of type {schema.field(name).type}")
    if (rows := parquet.metadata.num_rows) > ROWS:
        raise UserError(
            f"{file}: has {rows:,} responses; allowed: {ROWS:,}; leave out those of other steps and benchmarks"
        )
    table = parquet_files.read(file, parquet, columns, allowed(file), longest=CELL)
    frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas()
    return frame


def _check(file: Path, answered: pd.DataFrame, step: int, task: Task) -> None:
    numbers = answered.groupby("id")["sample"].apply(sorted)
    for id_ in task.problems["id"]:
        if (there := numbers.get(id_, [])) != list(range(task.samples)):
            raise UserError(
                f"{file}: step {step}, {task.benchmark}, problem {id_}: samples {', '.join(map(str, there)) or 'none'}; "
                f"expected: samples 0 to {task.samples - 1}, each once, with the ids of the prepared problems "
                "(results/SUITE/problems)"
            )
    if unknown := sorted(set(answered["id"]) - set(task.problems["id"])):
        raise UserError(f"{file}: step {step}, {task.benchmark}: no problem {unknown[0]} is in this benchmark")
