"""Results before and after training, one row per condition and benchmark: the numbers of the main tables and bars."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import pandas as pd

from spurious_rewards import statistics
from spurious_rewards.analysis import best_prompt
from spurious_rewards.analysis.conditions import Pair, aligned, over, pairs
from spurious_rewards.analysis.scores import window
from spurious_rewards.artifacts.csv_files import Columns, cells
from spurious_rewards.config.endpoints import CONDITION, Condition, End, at_equal, ends, measures, only_reward
from spurious_rewards.config.experiments import Experiment
from spurious_rewards.config.suite import Suite

Paired: TypeAlias = Mapping[tuple[Condition, str], Pair]
"""(condition, benchmark) -> its grids before and after training (`conditions.pairs`)."""

VERDICT_RULE = (
    "The change is accuracy after the last training step minus accuracy before training. The last step is fixed in the suite "
    'before the run. The verdict is "gain" if the whole 95 % interval is above 0, "loss" if it is below 0, and otherwise '
    '"no clear change". It is "not testable" if the rewards within a rollout group never differed, in any seed: then there was '
    "nothing to learn from. A reward beats the random reward if the interval of the difference between the two, paired by seed "
    "and problem, is above 0 and they share more than one seed. Rewards are only compared after the same number of steps. "
    "Intervals treat seeds and problems as random samples (crossed two-way random effects, Cochran's quantile); with one seed "
    "they are over problems only. p belongs to the same test: it is below 0.05 exactly if the interval leaves out 0. Intervals "
    "and verdicts are not corrected for the number of comparisons. The p in brackets is corrected with Holm's method, "
    "over the testable rows of the table."
)

VERDICTS = ("gain", "no clear change", "loss", "not testable")

HEADLINE: Columns = {
    **cells("text", *CONDITION, "benchmark"),
    **cells("whole", "steps", "updates", "problems", "samples", "seeds"),
    **cells("number", "before", "before_low", "before_high", "after", "after_low", "after_high"),
    **cells("number", "difference", "difference_low", "difference_high"),
    **{"difference_by_seed": "numbers", "difference_split": "number"},
    **cells("number", "p", "minimum_detectable", "interquartile_mean"),
    **{"verdict": VERDICTS},
    **cells("number", "gained", "lost", "code_before", "code_after", "highest_code_rate", "after_smoothed"),
    **cells("number", "over_random", "over_random_low", "over_random_high", "over_random_seeds"),
    **{"over_random_by_seed": "numbers", "share_of_ground_truth": "number"},
    **cells("end", "share_of_ground_truth_low", "share_of_ground_truth_high"),
    **cells("number", "share_of_ground_truth_seeds", "share_of_ground_truth_pieces"),
    **{"best_prompt": "words"},
    **cells("number", "over_best_prompt", "over_best_prompt_low", "over_best_prompt_high", "over_best_prompt_seeds"),
    **{"over_best_prompt_by_seed": "numbers"},
}
"""Columns of the headline."""

COMPARISONS: Columns = {"comparison": "text", **HEADLINE}
"""Columns of `comparisons`: variants at equal numbers of steps or updates."""


def headline(
    graded: pd.DataFrame,
    suite: Suite,
    experiment: Experiment,
    metrics: pd.DataFrame,
    prompts: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the results before and after training, one row per (condition, benchmark) of the experiment with grades.

    Rates are fractions of 1. `*_low` and `*_high` are the ends of 95 % intervals (`statistics`). `steps` are rollout
    steps, `updates` optimiser steps. All numbers are of the last step, but for two: `highest_code_rate` is the highest
    of all evaluations after the start, as a mean over seeds. `after_smoothed` is the mean over seeds and the
    evaluations of the last `report.smoothing_steps` steps, which is what the paper reports.

    `p` and `minimum_detectable` belong to `difference` (`statistics.Estimate`). p is NaN where nothing is testable.
    `interquartile_mean` is that of the seeds' differences. `gained` and `lost` count problems, as means over seeds, for
    benchmarks with one response a problem. The verdicts follow `VERDICT_RULE`.

    Three comparisons are over the seeds that both sides have:

    - `over_random`: the difference from the runs of the experiment's random reward with the same model, prompt and
      variant.
    - `share_of_ground_truth`: the difference divided by ground truth's, where that one is a gain (`statistics.share`).
    - `over_best_prompt`: accuracy after training minus accuracy before it under the model's `best_prompt`.

    The first two are NaN if the experiment has several plain rewards of that function, because then none of them is the
    one to compare with. `*_seeds` is the number of seeds that both sides have, which may be fewer than `seeds`.
    `*_by_seed` has each seed's difference, in the order of seeds, separated by blanks. `difference_split` and
    `*_pieces` are explained in `statistics.Estimate`.

    Args:
        graded: tables.Grades, collected.
        suite: names the benchmarks and algorithms.
        experiment: one of the suite's experiments.
        metrics: tables.Metrics of its runs, collected. A condition without metrics is taken to be testable.
        prompts: tables.Grades of models before training, collected, under the prompts from which `report.best_prompt`
            chooses.

    Raises:
        UserError: runs that were not graded on the same problems as their base model.
    """
    return _compare(graded, suite, experiment, metrics, ends(suite, experiment), prompts)


def with_adjusted_p(headline: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a column `p_adjusted`: p after Holm's correction over the rows of one benchmark."""
    adjusted = headline.groupby("benchmark", observed=True)["p"].transform(lambda p: statistics.holm(p.to_numpy(float)))
    return headline.assign(p_adjusted=adjusted)


def comparisons(graded: pd.DataFrame, suite: Suite, experiment: Experiment, metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the experiment's variants at equal numbers of rollout steps, and at equal numbers of optimiser updates.

    The rows are those of `headline`, with a column `comparison` before them. Variants of the same model, prompt and
    reward are compared at the latest point at which all of them were evaluated. If there is no such point, there are no
    rows.
    """
    frames = []
    for comparison, measure in measures(suite).items():
        found = _compare(graded, suite, experiment, metrics, at_equal(suite, experiment, measure))
        found.insert(0, "comparison", comparison)
        frames.append(found)
    return pd.concat(frames, ignore_index=True)


def verdict(low: float, high: float) -> str:
    """Return the verdict on an interval according to `VERDICT_RULE`."""
    return "gain" if low > 0 else "loss" if high < 0 else "no clear change"


def _compare(
    graded: pd.DataFrame,
    suite: Suite,
    experiment: Experiment,
    metrics: pd.DataFrame,
    ends: Mapping[Condition, End],
    prompts: pd.DataFrame | None = None,
) -> pd.DataFrame:
    paired = pairs(graded, ends, suite.benchmarks_of(experiment))
    random, truth = (only_reward(suite, experiment, function) for function in ("random", "ground_truth"))
    could_learn = testable(metrics)
    keys = [*CONDITION, "benchmark", "seed", "step"]
    rates = graded.groupby(keys, observed=True)[["correct", "has_code"]].mean()
    best = best_prompt.untrained(prompts, suite) if prompts is not None else {}

    rows = []
    for (condition, benchmark), pair in paired.items():
        end = ends[condition]
        along = rates.xs((*condition, benchmark)).loc[list(pair.after.index)].groupby("step").mean().loc[: end.step]
        row = {
            **dict(zip(CONDITION, condition, strict=True)),
            "benchmark": benchmark,
            "steps": end.step,
            "updates": end.step * suite.algorithms[condition[3]].optimizer_steps,
            **_change(pair, suite.benchmarks[benchmark].samples == 1),
            "highest_code_rate": along["has_code"].max(),
            "after_smoothed": along.loc[window(end.step, suite.report.smoothing_steps) :, "correct"].mean(),
        }
        if not could_learn.get(condition, True):
            row |= {"verdict": "not testable", "p": math.nan}
        if over_random := over_reward(paired, condition, benchmark, random):
            row |= over_random.columns_of_seeds("over_random")
        if share := _share(paired, condition, benchmark, truth):
            row |= {
                **share.columns("share_of_ground_truth"),
                **{"share_of_ground_truth_seeds": share.seeds, "share_of_ground_truth_pieces": share.pieces},
            }
        if (chosen := best.get((condition[0], benchmark))) and (over_best := chosen.over(pair.after)):
            row |= {"best_prompt": chosen.prompt, **over_best.columns_of_seeds("over_best_prompt")}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(HEADLINE))


def over_reward(paired: Paired, condition: Condition, benchmark: str, reward: str) -> statistics.Estimate | None:
    """Return accuracy after training minus that of another reward's runs, paired by seed and problem.

    Only the seeds that both have count. Returns None if there are none, if the other one was trained for more or fewer
    steps, or if it is the condition itself.
    """
    found = _beside(paired, condition, benchmark, reward)
    if found is None or reward == condition[2]:
        return None
    here, other = found
    return over(here.after, other.after)


def _share(paired: Paired, condition: Condition, benchmark: str, truth: str) -> statistics.Estimate | None:
    """Return the condition's difference over ground truth's after as many steps.

    Ground truth's own share is 1, without an interval.
    """
    found = _beside(paired, condition, benchmark, truth)
    if found is None:
        return None
    both = aligned(*(pair.after for pair in found))
    if both is None:
        return None
    seeds = both[0].index
    share = statistics.share(*((pair.after.loc[seeds] - pair.before.loc[seeds]).to_numpy() for pair in found))
    return replace(share, low=math.nan, high=math.nan) if condition[2] == truth else share


def _beside(paired: Paired, condition: Condition, benchmark: str, reward: str) -> tuple[Pair, Pair] | None:
    """Return the condition's pair, and that of another reward after as many steps; None if there is no such other."""
    model, prompt, _, variant = condition
    here, other = paired[condition, benchmark], paired.get(((model, prompt, reward, variant), benchmark))
    return None if other is None or other.step != here.step else (here, other)


def testable(metrics: pd.DataFrame) -> dict[Condition, bool]:
    """Return, for each condition, whether rewards differed within any rollout group of its training.

    If they did not, there was nothing to learn from.

    Args:
        metrics: tables.Metrics, collected.
    """
    least = metrics.groupby(CONDITION, observed=True)["zero_variance_groups"].min()
    return {condition: share < 1 for condition, share in least.items()}  # type: ignore[misc]


def _change(pair: Pair, one_response: bool) -> dict[str, Any]:
    """Return the columns of a headline row that depend on no other row."""
    before, after = pair.before.to_numpy(), pair.after.to_numpy()
    difference = statistics.difference(before, after)
    row: dict[str, Any] = {
        "problems": difference.problems,
        "samples": pair.samples,
        "seeds": difference.seeds,
        **statistics.mean(before).columns("before"),
        **statistics.mean(after).columns("after"),
        **difference.columns_of_seeds("difference"),
        "p": difference.p,
        "minimum_detectable": difference.minimum_detectable,
        "interquartile_mean": statistics.interquartile_mean((after - before).mean(axis=1)),
        "verdict": verdict(difference.low, difference.high),
        "code_before": pair.code_before.to_numpy().mean(),
        "code_after": pair.code_after.to_numpy().mean(),
    }
    if one_response:
        row |= {"gained": (after > before).sum(axis=1).mean(), "lost": (after < before).sum(axis=1).mean()}
    return row
