"""The same problems with other numbers, or told as stories: does the strategy stay the same? (paper, Fig. 24 to 28)."""

from typing import Any

import pandas as pd

from spurious_rewards import statistics
from spurious_rewards.analysis.conditions import RATES, grids, per_problem
from spurious_rewards.analysis.scores import of_experiment
from spurious_rewards.config.endpoints import CONDITION
from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite

PERTURBATION = [
    *(*CONDITION, "benchmark", "step", "problems", "samples", "seeds"),
    *(f"{name}{end}" for name in ("accuracy", "code_rate", "same_strategy", "kappa") for end in ("", "_low", "_high")),
]


def perturbation(graded: pd.DataFrame, suite: Suite, exhibit: Exhibit) -> pd.DataFrame:
    """Return accuracy and strategy on problems and on their perturbed forms, one row per (condition, benchmark).

    The conditions are the exhibit's models before training, and at the last step under its rewards. The benchmarks are
    those of the exhibit (or of its experiment) that share problem ids with the last one. The first of them is the
    original.

    `same_strategy` is the share of responses that agree with the response to the original problem (same seed and
    sample) in having code or not; it is 1 for the original itself. Where nearly all responses have code, most pairs
    agree by chance. So there is also `kappa`, which is Cohen's, as in claims; it is NaN where all responses have code,
    or none has. 95 % intervals are over problems and seeds (`statistics.mean`, `statistics.kappa`).

    Args:
        graded: tables.Grades, collected.
        suite: the suite of the exhibit.
        exhibit: an exhibit of an experiment.
    """
    experiment = suite.experiments[exhibit.experiment or ""]
    benchmarks = exhibit.benchmarks or suite.benchmarks_of(experiment)
    rows = of_experiment(graded, suite, experiment)
    rows = rows[rows["model"].isin(exhibit.models or rows["model"].unique())]
    rows = rows[rows["reward"].isin(["", *exhibit.rewards] if exhibit.rewards else rows["reward"].unique())]
    found = []
    for condition, group in rows.groupby(CONDITION, observed=True, sort=False):
        last = group[group["step"] == group["step"].max()]
        beside = {"same_strategy": "same", "original_code_rate": "has_code_original"}
        rates = per_problem(_beside_original(last, benchmarks), RATES | beside).astype({"id": str})
        for benchmark, grid in grids(rates, benchmarks):
            row: dict[str, Any] = dict(zip(CONDITION, condition, strict=True)) | {
                "benchmark": benchmark,
                "step": last["step"].max(),
                "problems": grid["samples"].shape[1],
                "samples": int(grid["samples"].to_numpy().max()),
                "seeds": len(grid),
            }
            for name in ("accuracy", "code_rate", "same_strategy"):
                row |= statistics.mean(grid[name].to_numpy()).columns(name)
            of_code = (grid[name].to_numpy(float) for name in ("same_strategy", "original_code_rate", "code_rate"))
            row |= statistics.kappa(*of_code).columns("kappa")
            found.append(row)
    return pd.DataFrame(found, columns=PERTURBATION)


def _beside_original(graded: pd.DataFrame, benchmarks: tuple[str, ...]) -> pd.DataFrame:
    """Return the grades of one condition at one step on problems that have an original, with two more columns.

    `has_code_original` is the code of the response to the original, and `same` whether the strategy is the same.
    """
    ids = {name: set(graded.loc[graded["benchmark"] == name, "id"]) for name in benchmarks}
    related = [name for name in benchmarks if ids[name] & ids[benchmarks[-1]]]
    if not related:
        return graded.iloc[:0].assign(same=False, has_code_original=False)
    keys = ["seed", "id", "sample"]
    original = graded.loc[graded["benchmark"] == related[0], [*keys, "has_code"]]
    beside = graded[graded["benchmark"].isin(related)].merge(original, on=keys, suffixes=("", "_original"))
    return beside.assign(same=beside["has_code"] == beside["has_code_original"])
