"""Responses that were drawn elsewhere, taken in the place of a run's own."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd
import pandera.errors

from spurious_rewards.artifacts.tables import Responses, write
from spurious_rewards.generation.tasks import Task
from spurious_rewards.runtime.errors import UserError


def take(file: Path, seed: int, steps: Collection[int], tasks: Sequence[Task], output: Path) -> None:
    """Write tables.Responses at `output` from a Parquet file of its columns, whose seed, if it has one, is not read.

    Raises:
        UserError: not such a file; or a task of one of `steps` is not answered in it as often as asked, problem by problem.
    """
    try:
        found = pd.read_parquet(file).assign(seed=seed)
        responses = Responses.validate(found[list(Responses.to_schema().columns)])
    except (OSError, KeyError, ValueError, pandera.errors.SchemaError) as error:
        columns = ", ".join(name for name in Responses.to_schema().columns if name != "seed")
        raise UserError(
            f"{file}: cannot be imported ({str(error).strip().splitlines()[0]}); give a Parquet file with a row for each "
            f"response and the columns {columns}"
        ) from error
    for task in tasks:
        for step in sorted(steps):
            _check(
                file, responses[(responses["benchmark"] == task.benchmark) & (responses["step"] == step)], step, task
            )
    asked = responses["benchmark"].isin([task.benchmark for task in tasks])
    write(responses[asked].sort_values(["step", "benchmark", "id", "sample"]), Responses, output)


def _check(file: Path, answered: pd.DataFrame, step: int, task: Task) -> None:
    numbers = answered.groupby("id")["sample"].apply(sorted)
    for id_ in task.problems["id"]:
        if (there := numbers.get(id_, [])) != list(range(task.samples)):
            raise UserError(
                f"{file}: step {step}, {task.benchmark}, problem {id_}: samples {', '.join(map(str, there)) or 'none'}; "
                f"asked for are those from 0 to {task.samples - 1}, each once, and the ids are those of the prepared problems "
                "(results/SUITE/problems)"
            )
    if unknown := sorted(set(answered["id"]) - set(task.problems["id"])):
        raise UserError(f"{file}: step {step}, {task.benchmark}: no problem {unknown[0]} is in this benchmark")
