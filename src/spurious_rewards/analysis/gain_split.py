"""Split of a gain: what a coin also gives, what the model's own votes add to it, and what the truth alone adds."""

from typing import Any

import pandas as pd

from spurious_rewards import statistics
from spurious_rewards.analysis.conditions import Pair, pairs
from spurious_rewards.artifacts.csv_files import Columns, cells
from spurious_rewards.config.endpoints import ends, only_reward
from spurious_rewards.config.experiments import Experiment
from spurious_rewards.config.reward_names import SPLIT
from spurious_rewards.config.suite import Suite

PARTS = ("null gain", "elicitation", "reward design", "all")  # pandas reads "null" alone as a missing cell
"""The three parts of ground truth's gain, and the whole gain.

The parts are random minus before training, majority vote minus random, and ground truth minus majority vote.
"""

SPLIT_RULE = (
    "The gain under ground truth is the sum of three parts (arXiv 2606.05932). Null: what the random reward gains. "
    "Elicitation: what the majority vote gains beyond that. Reward design: what ground truth gains beyond the majority vote. "
    "All three rewards are compared after the same number of steps, paired by seed and problem, over the seeds that all of "
    "them have."
)

GAIN_SPLIT: Columns = {
    **cells("text", "model", "prompt", "variant", "benchmark"),
    **{"part": PARTS},
    **cells("whole", "steps", "problems", "samples", "seeds"),
    **cells("number", "difference", "difference_low", "difference_high"),
    **{"difference_by_seed": "numbers"},
    **cells("number", "difference_split", "p", "minimum_detectable"),
}
"""Columns of the split."""


def gain_split(graded: pd.DataFrame, suite: Suite, experiment: Experiment) -> pd.DataFrame:
    """Return the parts of ground truth's gain (`SPLIT_RULE`), one row per (model, prompt, variant, benchmark, part).

    Values are differences of accuracies, as fractions of 1, with 95 % intervals (`statistics.difference`). There are no
    rows if the experiment does not have exactly one plain reward of each function, if the three share no seed, or if
    they were trained for different numbers of steps.

    Args:
        graded: tables.Grades, collected.
        suite: the suite of the experiment.
        experiment: the experiment whose runs are compared.

    Raises:
        UserError: runs that were not graded on the same problems as their base model.
    """
    paired = pairs(graded, ends(suite, experiment), suite.benchmarks_of(experiment))
    names = [only_reward(suite, experiment, function) for function in SPLIT]
    rows: list[dict[str, Any]] = []
    for (model, prompt, reward, variant), benchmark in paired:
        beside = [paired.get(((model, prompt, name, variant), benchmark)) for name in names]
        if reward == names[-1]:
            identity = {"model": model, "prompt": prompt, "variant": variant, "benchmark": benchmark}
            rows += [{**identity, **part} for part in _parts([pair for pair in beside if pair])]
    return pd.DataFrame(rows, columns=list(GAIN_SPLIT))


def _parts(beside: list[Pair]) -> list[dict[str, Any]]:
    """Return the rows of the three rewards, given in the order of `SPLIT`.

    There are none if a reward is missing, or if the three cannot be compared.
    """
    if len(beside) < len(SPLIT) or len({pair.step for pair in beside}) > 1:
        return []
    first, *others = (pair.after for pair in beside)
    seeds, problems = first.index, first.columns
    for other in others:
        seeds, problems = seeds.intersection(other.index), problems.intersection(other.columns)
    if seeds.empty or problems.empty:
        return []
    before, random, votes, truth = (
        grid.loc[seeds, problems].to_numpy(float) for grid in (beside[-1].before, *(pair.after for pair in beside))
    )
    steps, samples = beside[0].step, max(pair.samples for pair in beside)
    rows = []
    for part, (low, high) in zip(
        PARTS, ((before, random), (random, votes), (votes, truth), (before, truth)), strict=True
    ):
        found = statistics.difference(low, high)
        rows.append(
            {
                **{"part": part, "steps": steps, "problems": found.problems, "samples": samples, "seeds": found.seeds},
                **found.columns_of_seeds("difference"),
                **{"p": found.p, "minimum_detectable": found.minimum_detectable},
            }
        )
    return rows
