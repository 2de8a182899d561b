"""Models before training, one row per model, prompt and benchmark (paper, Tab. 1, 3 and 5)."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd

from spurious_rewards import statistics
from spurious_rewards.analysis.conditions import RATES, grids, over, per_problem
from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.csv_files import Columns, cells
from spurious_rewards.config.experiments import Experiment, seeds_of
from spurious_rewards.config.suite import Suite

SHARES = ["accuracy", "code_rate", "box_rate", "accuracy_with_code", "accuracy_with_language"]

BEFORE: Columns = {
    **cells("text", "model", "prompt", "benchmark"),
    **cells("whole", "problems", "samples", "seeds", "responses_with_code", "responses_with_language"),
    **cells("number", *(f"{name}{end}" for name in (*SHARES, "over_own_prompt") for end in ("", "_low", "_high"))),
    **{"over_own_prompt_seeds": "number", "over_own_prompt_by_seed": "numbers", "over_own_prompt_split": "number"},
}
"""Columns of `before`."""


def before(graded: pd.DataFrame, suite: Suite, experiment: Experiment) -> pd.DataFrame:
    """Return how the experiment's models answer before training, one row per (model, prompt, benchmark) with grades.

    Rates are fractions of 1; `box_rate` is the paper's "parsable". Accuracy with code is over the responses with code,
    and accuracy with language over the others; it is NaN where there are none. The 95 % interval is Wilson's if there
    is one seed and one response a problem. Otherwise it is over problems and seeds, crossed (`statistics.mean`,
    `statistics.ratio`). `over_own_prompt` is the difference from the accuracy under the model's own prompt, over the
    same problems and the seeds that both prompts have; it is NaN if they share none. `over_own_prompt_seeds` is the
    number of these seeds, and `over_own_prompt_by_seed` has each seed's difference.

    Args:
        graded: tables.Grades, collected.
        suite: the suite of the experiment.
        experiment: the experiment whose models, prompts, seeds and benchmarks are used.
    """
    seeds: dict[tuple[str, str], set[int]] = {}
    for model, prompt, group in suite.bases_of(experiment):
        seeds.setdefault((model, prompt), {tables.SHARED_BASE}).update(seeds_of(group))
    base = graded[(graded["reward"] == "") & (graded["step"] == 0)]
    responses = dict(iter(base.groupby(["model", "prompt"], observed=True, sort=False)))
    rows = []
    right: dict[tuple[str, str, str], pd.DataFrame] = {}
    for (model, prompt), wanted in seeds.items():
        if (model, prompt) in responses:
            these = responses[model, prompt]
            these = these[these["seed"].isin(wanted)].assign(right_with_code=lambda of: of["correct"] & of["has_code"])
            rates = per_problem(these, {**RATES, "right_with_code": "right_with_code"}).astype({"id": str})
            for benchmark, grid in grids(rates, suite.benchmarks_of(experiment)):
                right[model, prompt, benchmark] = cast(pd.DataFrame, grid["accuracy"])
                rows.append({"model": model, "prompt": prompt, "benchmark": benchmark, **_quantities(grid)})
    for row in rows:
        model, prompt, benchmark = row["model"], row["prompt"], row["benchmark"]
        own = right.get((model, suite.models[model].prompt, benchmark))
        if own is None or prompt == suite.models[model].prompt:
            continue
        if difference := over(right[model, prompt, benchmark], own):
            row |= difference.columns_of_seeds("over_own_prompt")
    return pd.DataFrame(rows, columns=list(BEFORE))


def _quantities(grid: pd.DataFrame) -> dict[str, Any]:
    samples, right, code, right_with_code, box = (
        grid[name].to_numpy() for name in ("samples", "accuracy", "code_rate", "right_with_code", "box_rate")
    )
    problems, seeds = len(grid["samples"].columns), len(grid)
    every = np.ones((seeds, problems))
    parts = {
        "accuracy": (right, every),
        "code_rate": (code, every),
        "box_rate": (box, every),
        "accuracy_with_code": (right_with_code, code),
        "accuracy_with_language": (right - right_with_code, every - code),
    }
    row: dict[str, Any] = {
        "problems": problems,
        "samples": int(samples.max()),
        "seeds": seeds,
        "responses_with_code": round((samples * code).sum()),
        "responses_with_language": round((samples * (1 - code)).sum()),
    }
    for name, (part, whole) in parts.items():
        row |= _share(part, whole, one_response=samples.sum() == problems).columns(name)
    return row


def _share(part: statistics.Array, whole: statistics.Array, one_response: bool) -> statistics.Estimate:
    estimate = statistics.ratio(part, whole, proportion=True)
    if one_response and whole.sum():
        low, high = statistics.wilson(round(part.sum()), round(whole.sum()))
        return replace(estimate, low=low, high=high)
    return estimate
