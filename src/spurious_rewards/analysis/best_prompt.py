"""The prompt that serves a model best before training, chosen on problems that no result is of."""

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
    """Accuracy of a model before training under its best prompt, seeds x problems of one benchmark."""

    prompt: str
    accuracy: pd.DataFrame

    def over(self, after: pd.DataFrame) -> statistics.Estimate | None:
        """Accuracy of trained models, seeds x problems, minus this, over the seeds that both have; None without any.

        Raises:
            UserError: they were not graded on the same problems.
        """
        before = of_seeds(self.accuracy, after.index).dropna(how="all").reindex(columns=after.columns)
        if before.isna().to_numpy().any():
            raise UserError(
                f"grades under prompt {self.prompt}, the best before training: not the problems of the runs beside it; "
                "delete the grades of the experiment that report.best_prompt names and run again"
            )
        return over(after, before)


def untrained(graded: pd.DataFrame, suite: Suite) -> dict[tuple[str, str], Untrained]:
    """Each model and benchmark under the model's best prompt, of the suite's `report.best_prompt`.

    The best is the prompt with the highest accuracy on the benchmark `chosen_on`, all seeds together; of equal ones the
    model's own, else the first that the suite names.

    Args:
        graded: tables.Grades of the experiment's models before training, collected.
        suite: has `report.best_prompt`.
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
    """The best prompt; "" where none has answered the benchmark that chooses."""
    accuracy = {
        prompt: float(of[chosen_on].to_numpy().mean())
        for prompt in dict.fromkeys((suite.models[model].prompt, *suite.prompts))
        if (of := of_prompt.get(prompt)) and chosen_on in of
    }
    return max(accuracy, key=accuracy.__getitem__, default="")  # of equal ones, the first
