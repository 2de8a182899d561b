"""Comparison of each reward with the plain ones that a method has to beat, such as random and format."""

from typing import Any

import pandas as pd

from spurious_rewards.analysis.conditions import pairs
from spurious_rewards.analysis.headline import over_reward
from spurious_rewards.artifacts.csv_files import Columns, cells
from spurious_rewards.config.endpoints import CONDITION, ends, only_reward
from spurious_rewards.config.experiments import Experiment
from spurious_rewards.config.suite import Suite

FUNCTIONS = ("random", "format", "ground_truth", "majority_vote", "incorrect")
"""A reward that is one of these functions and nothing more is a baseline, if the experiment has exactly one of it."""

BASELINES: Columns = {
    **cells("text", *CONDITION, "benchmark", "baseline"),
    **cells("whole", "steps", "problems", "samples", "seeds"),
    **cells("number", "difference", "difference_low", "difference_high"),
    **{"difference_by_seed": "numbers"},
    **cells("number", "difference_split", "p", "minimum_detectable"),
}
"""Columns of the comparisons with plain rewards."""


def baselines(graded: pd.DataFrame, suite: Suite, experiment: Experiment) -> pd.DataFrame:
    """Return accuracy after the last step minus that of a baseline, one row per (condition, benchmark, baseline).

    The differences are paired by seed and problem. Both sides have the same model, prompt and variant, and only the
    `seeds` that both have count. The 95 % intervals and p come from `statistics.difference`. A condition is not
    compared with itself, nor with one that was trained for more or fewer steps.

    Args:
        graded: tables.Grades, collected.
        suite: the suite of the experiment.
        experiment: the experiment whose runs are compared.

    Raises:
        UserError: runs that were not graded on the same problems as their base model.
    """
    last = ends(suite, experiment)
    paired = pairs(graded, last, suite.benchmarks_of(experiment))
    rewards = [reward for function in FUNCTIONS if (reward := only_reward(suite, experiment, function))]
    rows: list[dict[str, Any]] = []
    for (condition, benchmark), pair in paired.items():
        for reward in rewards:
            if over := over_reward(paired, condition, benchmark, reward):
                rows.append(
                    {
                        **dict(zip(CONDITION, condition, strict=True)),
                        **{"benchmark": benchmark, "baseline": reward, "steps": last[condition].step},
                        **{"problems": over.problems, "samples": pair.samples, "seeds": over.seeds},
                        **over.columns_of_seeds("difference"),
                        **{"p": over.p, "minimum_detectable": over.minimum_detectable},
                    }
                )
    return pd.DataFrame(rows, columns=list(BASELINES))
