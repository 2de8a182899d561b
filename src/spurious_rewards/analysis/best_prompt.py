"""The prompt under which a model is most accurate before training, chosen on problems that no result uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import pandas as pd

from spurious_rewards import statistics
from spurious_rewards.analysis.conditions import grids, of_seeds, over, per_problem
from spurious_rewards.config.suite import Suite
from spurious_rewards.runtime.errors import UserError


@dataclass(frozen=True)
class Untrained:
    """Accuracy of a model before training under its best prompt, on one benchmark: seeds x problems."""

    prompt: str
    accuracy: pd.DataFrame

    def over(self, after: pd.DataFrame) -> statistics.Estimate | None:
        """Return the accuracy of trained models, seeds x problems, minus this one, over the seeds that both have.

        Returns None if they share no seed.

        Raises:
            UserError: the two were not graded on the same problems.
        """
        before = of_seeds(self.accuracy, after.index).dropna(how="all").reindex(columns=after.columns)
        if before.isna().to_numpy().any():
            raise UserError(
                f"grades under prompt {self.prompt}, the best before training: not the problems of the runs beside it; "
                "delete the grades of the experiment that report.best_prompt names and run again"
            )
        return over(after, before)


def untrained(graded: pd.DataFrame, suite: Suite) -> dict[tuple[str, str], Untrained]:
    """Return the accuracy of each model on each benchmark under the model's best prompt, as `report.best_prompt` asks.

    The best prompt is the one with the highest accuracy on the benchmark `chosen_on`, over all seeds. Among equal
    prompts it is the model's own one, or else the first that the suite names.

    Args:
        graded: tables.Grades of the experiment's models before training, collected.
        suite: the suite; it must have `report.best_prompt`.
    """
    best = suite.report.best_prompt
    assert best is not None
    benchmarks = suite.benchmarks_of(suite.experiments[best.experiment])
    base = graded[(graded["reward"] == "") & (graded["step"] == 0)]
    rates = per_problem(base, {"accuracy": "correct"}).astype({"id": str})
    found: dict[str, dict[str, dict[str, pd.DataFrame]]] = {}
    for (model, prompt), rows in rates.groupby(["model", "prompt"], observed=True):
        grid_of = {benchmark: cast(pd.DataFrame, grid["accuracy"]) for benchmark, grid in grids(rows, benchmarks)}
        found.setdefault(str(model), {})[str(prompt)] = grid_of
    return {
        (model, benchmark): Untrained(chosen, accuracy)
        for model, of_prompt in found.items()
        if (chosen := _best(of_prompt, best.chosen_on, suite, model))
        for benchmark, accuracy in of_prompt[chosen].items()
    }


def _best(of_prompt: Mapping[str, Mapping[str, pd.DataFrame]], chosen_on: str, suite: Suite, model: str) -> str:
    """Return the best prompt; "" if no prompt has answers to the benchmark `chosen_on`."""
    accuracy = {
        prompt: float(of[chosen_on].to_numpy().mean())
        for prompt in dict.fromkeys((suite.models[model].prompt, *suite.prompts))
        if (of := of_prompt.get(prompt)) and chosen_on in of
    }
    return max(accuracy, key=accuracy.__getitem__, default="")  # the first of equal ones
