"""Each seed on its own: if there are few seeds, their single values say more than a mean."""

from typing import Any

import numpy as np
import pandas as pd

from spurious_rewards import statistics
from spurious_rewards.analysis.conditions import pairs
from spurious_rewards.artifacts.csv_files import Columns, cells
from spurious_rewards.config.endpoints import CONDITION, ends
from spurious_rewards.config.experiments import Experiment
from spurious_rewards.config.suite import Suite

SEEDS: Columns = {
    **cells("text", *CONDITION, "benchmark"),
    **cells("whole", "seed", "steps", "problems", "samples"),
    **cells("number", "before", "after", "difference", "gained", "lost", "mcnemar_p"),
}
"""Columns of `seeds`."""


def seeds(graded: pd.DataFrame, suite: Suite, experiment: Experiment) -> pd.DataFrame:
    """Return accuracy before training and after the last step, one row per (condition, benchmark, seed).

    Rates are fractions of 1, as means over problems. If a problem has one greedy response, `gained` and `lost` count
    the problems that became right and wrong, and `mcnemar_p` describes that one seed (`statistics.mcnemar`). Otherwise
    these three are NaN.

    Args:
        graded: tables.Grades, collected.
        suite: the suite of the experiment.
        experiment: the experiment whose runs are shown.

    Raises:
        UserError: runs that were not graded on the same problems as their base model.
    """
    last = ends(suite, experiment)
    rows: list[dict[str, Any]] = []
    for (condition, benchmark), pair in pairs(graded, last, suite.benchmarks_of(experiment)).items():
        asked = suite.benchmarks[benchmark]
        for seed, before, after in zip(pair.after.index, pair.before.to_numpy(), pair.after.to_numpy(), strict=True):
            row = {
                **dict(zip(CONDITION, condition, strict=True)),
                **{"benchmark": benchmark, "seed": seed, "steps": last[condition].step},
                **{"problems": len(after), "samples": pair.samples},
                **{"before": before.mean(), "after": after.mean(), "difference": (after - before).mean()},
            }
            if asked.samples == 1 and asked.temperature == 0:
                gained, lost = int(np.sum(after > before)), int(np.sum(after < before))
                row |= {"gained": gained, "lost": lost, "mcnemar_p": statistics.mcnemar(gained, lost)}
            rows.append(row)
    return pd.DataFrame(rows, columns=list(SEEDS))
