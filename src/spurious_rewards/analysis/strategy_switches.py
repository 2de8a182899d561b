"""Which problems changed their strategy in training, and what that did to accuracy (paper, Fig. 7 and Tab. 2)."""

from typing import Any

import numpy as np
import pandas as pd

from spurious_rewards import statistics
from spurious_rewards.analysis.conditions import Pair, pairs
from spurious_rewards.config.endpoints import CONDITION, End, ends
from spurious_rewards.config.experiments import Experiment
from spurious_rewards.config.suite import Suite

GROUPS = {
    "code_to_code": (True, True),
    "code_to_language": (True, False),
    "language_to_code": (False, True),
    "language_to_language": (False, False),
}
"""Group of problems -> whether their response had code before and after training."""

STEERED_RULE = (
    "A reward steered the strategy if the 95 % interval of the change in the share of responses with code, from before "
    "training to the step that is looked at, does not hold 0, and the change is larger than the share that the suite "
    "names (report.steered), up or down."
)

MEASURES = ["size", "before", "after", "net", "partial_contribution"]

SWITCHES = [
    *(*CONDITION, "benchmark", "group", "step", "problems", "seeds"),
    *(f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")),
    *("difference", "difference_low", "difference_high", "code_before", "code_after"),
    *("code_change", "code_change_low", "code_change_high", "steered"),
]

CONTRIBUTIONS = [
    *("model", "prompt", "variant", "benchmark", "group", "step", "problems", "seeds", "rewards", "without_gain"),
    *("partial_contribution", "partial_contribution_low", "partial_contribution_high"),
    *("difference", "difference_low", "difference_high"),
]


def switches(graded: pd.DataFrame, suite: Suite, experiment: Experiment, step: int | None = None) -> pd.DataFrame:
    """The four groups of problems by their strategy before and after, one row (condition, benchmark, group).

    Only benchmarks of one greedy response a problem. `size` is the group's share of the problems, `before` and `after`
    are the accuracies within it (NaN for an empty group), `net` are its newly right less its newly wrong, as a share of
    all problems, and `partial_contribution` is that over the `difference`, the net of all groups (paper's C_d); it is
    NaN where the difference is not above 0, for there is no gain to share. Shares are of all seeds together; 95 %
    intervals are over problems and seeds (`statistics`). Steered: `STEERED_RULE`.

    Args:
        graded: tables.Grades, collected.
        suite: the suite of the experiment.
        experiment: one of the suite's.
        step: the rollout step that is after training; None: each condition's last. Conditions without it have no rows.
    """
    looked_at = {
        condition: End(step or end.step, end.seeds)
        for condition, end in ends(suite, experiment).items()
        if end.step >= (step or 0)
    }
    greedy = [name for name in suite.benchmarks_of(experiment) if suite.benchmarks[name].temperature == 0]
    rows = []
    for (condition, benchmark), pair in pairs(graded, looked_at, greedy).items():
        shared = {
            **dict(zip(CONDITION, condition, strict=True)),
            "benchmark": benchmark,
            "step": looked_at[condition].step,
            **_of_all(pair, suite.report.steered),
        }
        rows += [{**shared, "group": name, **_of_group(pair, *group)} for name, group in GROUPS.items()]
    return pd.DataFrame(rows, columns=SWITCHES)


def contributions(switches: pd.DataFrame) -> pd.DataFrame:
    """Means over the rewards that steered the strategy, one row (model, prompt, variant, benchmark, group).

    `difference` is the mean over all that steered it, as the paper's is. `partial_contribution` is over `rewards`: those
    of them whose gain is clear, the 95 % interval of their difference above 0. A contribution to a gain that may be none is
    noise over noise, so that the others, in `without_gain`, do not count in it. Low and high are Student's 95 % interval
    over the rewards, NaN for fewer than two; `seeds` are the fewest that a reward has.

    Args:
        switches: what `switches` gives.
    """
    rows = []
    keys = ["model", "prompt", "variant", "benchmark", "group"]
    for key, group in switches.groupby(keys, observed=True, sort=False):
        steered = group[group["steered"].astype(bool)]
        clear = steered["difference_low"] > 0
        row: dict[str, Any] = {
            **dict(zip(keys, key, strict=True)),
            "step": group["step"].max(),
            "problems": group["problems"].max(),
            "seeds": group["seeds"].min(),
            "rewards": ", ".join(steered.loc[clear, "reward"]),
            "without_gain": ", ".join(steered.loc[~clear, "reward"]),
        }
        for name, over in (("partial_contribution", steered[clear]), ("difference", steered)):
            values = over[name].to_numpy(float)
            low, high = statistics.seed_band(values)
            row |= {name: values.mean() if len(values) else np.nan, f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return pd.DataFrame(rows, columns=CONTRIBUTIONS)


def _of_all(pair: Pair, least: float) -> dict[str, Any]:
    change = statistics.difference(pair.code_before.to_numpy(), pair.code_after.to_numpy())
    return {
        "problems": change.problems,
        "seeds": change.seeds,
        **statistics.difference(pair.before.to_numpy(), pair.after.to_numpy()).columns("difference"),
        "code_before": pair.code_before.to_numpy().mean(),
        "code_after": pair.code_after.to_numpy().mean(),
        **change.columns("code_change"),
        "steered": not change.low <= 0 <= change.high and abs(change.value) > least,
    }


def _of_group(pair: Pair, code_before: bool, code_after: bool) -> dict[str, float]:
    before, after = pair.before.to_numpy(), pair.after.to_numpy()
    inside = (pair.code_before.to_numpy() == code_before) & (pair.code_after.to_numpy() == code_after)
    share, change = inside.astype(float), after - before
    contribution = statistics.ratio(change * share, change if change.sum() > 0 else np.zeros_like(change))
    return {
        **statistics.mean(share).columns("size"),
        **statistics.ratio(before * share, share, proportion=True).columns("before"),
        **statistics.ratio(after * share, share, proportion=True).columns("after"),
        **statistics.difference(before * share, after * share).columns("net"),
        **contribution.columns("partial_contribution"),
    }
