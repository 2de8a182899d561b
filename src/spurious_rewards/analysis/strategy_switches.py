"""Problems whose strategy changed in training, and what that did to accuracy (paper, Fig. 7 and Tab. 2)."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from spurious_rewards import statistics
from spurious_rewards.analysis.conditions import Pair, pairs
from spurious_rewards.analysis.headline import testable
from spurious_rewards.artifacts.csv_files import Columns, cells
from spurious_rewards.config.endpoints import CONDITION, Condition, End, ends
from spurious_rewards.config.experiments import Experiment
from spurious_rewards.config.suite import Suite

GROUPS = {
    "code_to_code": (True, True),
    "code_to_language": (True, False),
    "language_to_code": (False, True),
    "language_to_language": (False, False),
}
"""Group of problems -> whether their response had code before training, and after it."""

STEERED_RULE = (
    "A reward steered the strategy if it changed the share of responses with code, up or down: the interval of the change "
    "leaves out 0, and the change is larger than report.steered of the suite. The interval is the 95 % interval after "
    "Bonferroni's correction for the number of rewards."
)

MEASURES = ["size", "before", "after", "net", "partial_contribution"]

SWITCHES = [
    *(*CONDITION, "benchmark", "group", "step", "problems", "seeds"),
    *(f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")),
    *("net_by_seed", "net_split"),
    *("difference", "difference_low", "difference_high", "difference_by_seed", "code_before", "code_after"),
    *("code_change", "code_change_low", "code_change_high", "steered"),
]

CONTRIBUTIONS: Columns = {
    **cells("text", "model", "prompt", "variant", "benchmark"),
    **{"group": tuple(GROUPS), "step": "whole", "problems": "whole", "seeds": "whole", "rewards": "words"},
    **{"partial_contribution": "number", "partial_contribution_low": "end", "partial_contribution_high": "end"},
    **cells("number", "partial_contribution_pieces", "difference", "difference_low", "difference_high"),
    **{"difference_by_seed": "numbers", "difference_split": "number"},
}
"""Columns of `contributions`."""


def switches(graded: pd.DataFrame, suite: Suite, experiment: Experiment, step: int | None = None) -> pd.DataFrame:
    """Return the four groups of problems by strategy before and after, one row per (condition, benchmark, group).

    Only benchmarks with one greedy response a problem count. `size` is the group's share of all problems. `before` and
    `after` are the accuracies within the group (NaN for an empty group). `net` is its newly right minus its newly wrong
    problems, as a share of all problems. `difference` is the net of all groups. `partial_contribution` is `net` over
    `difference` (the paper's C_d). It is NaN where the difference is not clearly above 0, because then there is no gain
    to share (`statistics.share`). Shares are over all seeds together. 95 % intervals are over problems and seeds
    (`statistics`). `steered` follows `STEERED_RULE`.

    Args:
        graded: tables.Grades, collected.
        suite: the suite of the experiment.
        experiment: one of the suite's experiments.
        step: the rollout step that counts as after training; None for each condition's last. Conditions without it have
            no rows.
    """
    rows = []
    for choice in _choices(graded, suite, experiment, step):
        for condition, pair in choice.pairs.items():
            shared = {
                **dict(zip(CONDITION, condition, strict=True)),
                **{"benchmark": choice.benchmark, "step": pair.step},
                **_of_all(pair),
                "steered": choice.steered(condition, suite),
            }
            rows += [{**shared, "group": name, **_of_group(pair, *group)} for name, group in GROUPS.items()]
    return pd.DataFrame(rows, columns=SWITCHES)


def contributions(
    graded: pd.DataFrame,
    suite: Suite,
    experiment: Experiment,
    metrics: pd.DataFrame,
    step: int | None = None,
    rewards: Collection[str] = (),
) -> pd.DataFrame:
    """Return what each switch adds to the gain of the rewards that steered.

    There is one row per (model, prompt, variant, benchmark, group). Rewards of one model share seeds and problems, so
    their contributions are not independent. They are pooled within each seed and problem, and the ratio is taken of the
    sums. `difference` is the mean gain of the pooled `rewards`, over the seeds that all of them have.
    `partial_contribution` is a group's part of it, with Fieller's interval (`statistics.share`); it is NaN where that
    gain is not clear. A reward is chosen by how it steered (`STEERED_RULE`) and never by its gain. A reward under which
    nothing could be learned is not among them.

    Args:
        graded: tables.Grades, collected.
        suite: the suite of the experiment.
        experiment: one of the suite's experiments.
        metrics: tables.Metrics of its runs, collected. A condition without metrics is taken to have learned.
        step: as in `switches`.
        rewards: the only rewards that may count; if empty, all may.
    """
    learned, rows = testable(metrics), []
    for choice in _choices(graded, suite, experiment, step):
        shown = {key: pair for key, pair in choice.pairs.items() if not rewards or key[2] in rewards}
        pooled = {key: pair for key, pair in shown.items() if learned.get(key, True) and choice.steered(key, suite)}
        for name, group in GROUPS.items() if shown else ():
            rows.append(
                {
                    **dict(zip(("model", "prompt", "variant"), choice.alike, strict=True)),
                    **{"benchmark": choice.benchmark, "group": name},
                    "step": max(pair.step for pair in shown.values()),
                    "problems": max(len(pair.after.columns) for pair in shown.values()),
                    "rewards": ", ".join(reward for _, _, reward, _ in pooled),
                    **_pooled(list(pooled.values()), *group),
                }
            )
    return pd.DataFrame(rows, columns=list(CONTRIBUTIONS))


@dataclass(frozen=True)
class _Choice:
    """The rewards of one model, prompt and variant on one benchmark, from which those that steered are chosen."""

    alike: tuple[str, str, str]
    benchmark: str
    planned: int
    """How many rewards the experiment has here, with or without grades."""
    pairs: dict[Condition, Pair]

    def steered(self, condition: Condition, suite: Suite) -> bool:
        """Whether a condition's reward steered the strategy according to `STEERED_RULE`."""
        of = _of_seeds(self.pairs[condition])
        change = statistics.difference(of.code_before, of.code_after)
        corrected = change.at(1 - (1 - statistics.CONFIDENCE) / self.planned)
        return not corrected.low <= 0 <= corrected.high and abs(change.value) > suite.report.steered


def _choices(graded: pd.DataFrame, suite: Suite, experiment: Experiment, step: int | None) -> list[_Choice]:
    looked_at = {
        condition: End(step or end.step, end.seeds)
        for condition, end in ends(suite, experiment).items()
        if end.step >= (step or 0)
    }
    planned = Counter((model, prompt, variant) for model, prompt, _, variant in looked_at)
    greedy = [name for name in suite.benchmarks_of(experiment) if suite.benchmarks[name].temperature == 0]
    found: dict[tuple[tuple[str, str, str], str], dict[Condition, Pair]] = {}
    for (condition, benchmark), pair in pairs(graded, looked_at, greedy).items():
        model, prompt, _, variant = condition
        found.setdefault(((model, prompt, variant), benchmark), {})[condition] = pair
    return [_Choice(alike, benchmark, planned[alike], those) for (alike, benchmark), those in found.items()]


def _pooled(pairs: Sequence[Pair], code_before: bool, code_after: bool) -> dict[str, Any]:
    """Return a group's part of the mean gain of several rewards, over the seeds that they share."""
    shared = [
        seed for seed in (pairs[0].after.index if pairs else ()) if all(seed in each.after.index for each in pairs)
    ]
    if not shared:
        return {"seeds": 0}
    of_seeds = [_of_seeds(pair, shared) for pair in pairs]
    before, after = (np.mean([getattr(of, name) for of in of_seeds], axis=0) for name in ("before", "after"))
    part = np.mean([(of.after - of.before) * _inside(of, code_before, code_after) for of in of_seeds], axis=0)
    contribution = statistics.share(part, after - before)
    return {
        "seeds": len(shared),
        **statistics.difference(before, after).columns_of_seeds("difference"),
        **contribution.columns("partial_contribution"),
        "partial_contribution_pieces": contribution.pieces,
    }


@dataclass(frozen=True)
class _Grids:
    """Rates of one reward, seeds x problems."""

    before: statistics.Array
    after: statistics.Array
    code_before: statistics.Array
    code_after: statistics.Array


def _of_seeds(pair: Pair, seeds: Sequence[int] | None = None) -> _Grids:
    frames = (pair.before, pair.after, pair.code_before, pair.code_after)
    return _Grids(*((frame.loc[list(seeds)] if seeds else frame).to_numpy() for frame in frames))


def _inside(of: _Grids, code_before: bool, code_after: bool) -> statistics.Array:
    """Return 1 for the problems whose response had code, or had none, before and after as asked; 0 for the others."""
    return np.asarray((of.code_before == code_before) & (of.code_after == code_after), dtype=float)


def _of_all(pair: Pair) -> dict[str, Any]:
    of = _of_seeds(pair)
    change = statistics.difference(of.code_before, of.code_after)
    return {
        "problems": change.problems,
        "seeds": change.seeds,
        **statistics.difference(of.before, of.after).columns_of_seeds("difference"),
        "code_before": of.code_before.mean(),
        "code_after": of.code_after.mean(),
        **change.columns("code_change"),
    }


def _of_group(pair: Pair, code_before: bool, code_after: bool) -> dict[str, Any]:
    of = _of_seeds(pair)
    inside = _inside(of, code_before, code_after)
    return {
        **statistics.mean(inside).columns("size"),
        **statistics.ratio(of.before * inside, inside, proportion=True).columns("before"),
        **statistics.ratio(of.after * inside, inside, proportion=True).columns("after"),
        **statistics.difference(of.before * inside, of.after * inside).columns_of_seeds("net"),
        **statistics.share((of.after - of.before) * inside, of.after - of.before).columns("partial_contribution"),
    }
