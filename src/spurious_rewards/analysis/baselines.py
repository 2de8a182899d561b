"""Each reward against the plain ones that a method has to beat: does it do better than a coin, than the format?"""

from typing import Any

import pandas as pd

from spurious_rewards.analysis.conditions import pairs
from spurious_rewards.analysis.headline import over_reward
from spurious_rewards.artifacts.csv_files import Columns, cells
from spurious_rewards.config.endpoints import CONDITION, ends, only_reward
from spurious_rewards.config.experiments import Experiment
from spurious_rewards.config.suite import Suite

FUNCTIONS = ("random", "format", "ground_truth", "majority_vote", "incorrect")
"""Rewards that are one of these and nothing more are baselines, where an experiment has exactly one of each."""

BASELINES: Columns = {
    **cells("text", *CONDITION, "benchmark", "baseline"),
    **cells("whole", "steps", "problems", "samples", "seeds"),
    **cells("number", "difference", "difference_low", "difference_high"),
    **{"difference_by_seed": "numbers"},
    **cells("number", "difference_split", "p", "minimum_detectable"),
}
"""Columns of the comparisons with plain rewards."""


def baselines(graded: pd.DataFrame, suite: Suite, experiment: Experiment) -> pd.DataFrame:
    """Accuracy after the last step minus that of a baseline's runs, one row (condition, benchmark, baseline).

    Paired by seed and problem, with the same model, prompt and variant, over the `seeds` that both have. 95 % intervals and
    p: `statistics.difference`. A condition is not compared with itself, nor with one that was
    trained for more or fewer steps.

    Args:
        graded: tables.Grades, collected.
        suite: the suite of the experiment.
        experiment: its runs are looked at.

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
