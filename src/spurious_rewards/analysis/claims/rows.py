"""The rows of a suite's numbers that a claim's rule looks at, and the differences between two such choices."""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from spurious_rewards.config.claims import READS, Rule
from spurious_rewards.config.endpoints import CONDITION
from spurious_rewards.config.suite import Suite

ROWS = ["experiment", *CONDITION, "benchmark", "value", "low", "high", "n", "k", "seeds", "testable"]
"""Columns of a measure: a row a condition; `n` problems (or what `Measured.of` says) with `k` responses to each."""

Frames = Mapping[str, pd.DataFrame]
"""The numbers of a suite by what they are, each with a column `experiment`; what was not made is not there.

headline, comparisons, before: as the stage `score` leaves them; scores: tables.Scores; labels: `analysis.labels`; training:
`analysis.training.training_change`; switches, contributions, perturbation, clipping: the numbers of the exhibits of these
kinds; memorization: `analysis.contamination.memorization`.
"""


def select(frame: pd.DataFrame, rule: Rule, suite: Suite) -> pd.DataFrame:
    """The rows of the first of the rule's experiments that has all its conditions; none if no experiment has them."""
    for experiment in rule.experiments:
        here = frame[frame["experiment"] == experiment]
        if experiment in suite.experiments and len(here):
            chosen = _of_conditions(here, experiment, rule, suite)
            if _has_all(chosen, experiment, rule, suite):
                return chosen
    return frame.iloc[:0]


def _of_conditions(frame: pd.DataFrame, experiment: str, rule: Rule, suite: Suite) -> pd.DataFrame:
    wanted: dict[str, Any] = {}
    if rule.models:
        wanted["model"] = behaving(suite, rule.models)
    if rule.rewards:
        wanted["reward"] = rule.rewards
    if "variant" in frame:
        wanted["variant"] = ["", *variants(rule, suite)]  # before training there is none
    if "benchmark" in frame and "benchmark" in READS[rule.measure]:
        wanted["benchmark"] = [_benchmark(experiment, rule, suite)]
    if isinstance(rule.prompts, tuple):
        wanted["prompt"] = rule.prompts
    for column, values in wanted.items():
        if column in frame:
            frame = frame[frame[column].isin(values)]
    if rule.prompts == "own" and "prompt" in frame:
        frame = frame[frame["prompt"] == frame["model"].map({key: model.prompt for key, model in suite.models.items()})]
    return frame


def _has_all(rows: pd.DataFrame, experiment: str, rule: Rule, suite: Suite) -> bool:
    """Whether the rewards and prompts that the rule names are there, and with a model all that the suite has of them for it."""
    named = {"reward": rule.rewards, "prompt": rule.prompts if isinstance(rule.prompts, tuple) else ()}
    there = {column: set(rows[column]) if column in rows else set(keys) for column, keys in named.items()}
    if not len(rows) or not all(set(keys) <= there[column] for column, keys in named.items()):
        return False
    if not rule.rewards or not set(CONDITION) <= set(rows.columns):
        return True
    runs = suite.runs_of(suite.experiments[experiment])
    planned = pd.DataFrame([{name: getattr(run, name) for name in CONDITION} for run in runs], columns=CONDITION)
    planned = _of_conditions(planned[planned["model"].isin(rows["model"])], experiment, rule, suite)
    return set(planned.itertuples(index=False, name=None)) <= set(rows[CONDITION].itertuples(index=False, name=None))


def behaving(suite: Suite, behaviour: str) -> list[str]:
    """The models of a behaviour; one that starts from the end of a run is RL-trained already, and none of them."""
    return [key for key, model in suite.models.items() if model.behaviour == behaviour and model.source != "run"]


def variants(rule: Rule, suite: Suite) -> list[str]:
    """The variants that a rule names and the suite has, with the optimizer that the rule names."""
    return [
        name
        for name, training in suite.algorithms.items()
        if name in rule.variants and rule.optimizer in (None, training.optimizer)
    ]


def _benchmark(experiment: str, rule: Rule, suite: Suite) -> str:
    if rule.benchmark != "generated":
        return rule.benchmark
    asked = suite.benchmarks_of(suite.experiments[experiment])
    return next((name for name in asked if cannot_be_known(suite, suite.benchmarks[name].problems)), "")


def cannot_be_known(suite: Suite, problems: str) -> bool:
    """Whether no pretraining corpus can hold a problem set: it is drawn from a seed, and not for pretraining."""
    found = suite.problems[problems]
    return bool(found.reasoning_gym) or (found.generated is not None and found.generated.part != "pretraining")


def difference(rows: pd.DataFrame, others: pd.DataFrame, changed: Collection[str] = ()) -> pd.DataFrame:
    """The rows less the others, matched by the conditions that are not `changed` (the keys of `config.claims.Others`).

    The interval reaches from the one's lower end less the other's upper end to the reverse. Since no standard error of a
    difference is larger than the sum of the two, it is wide enough however the two hang together.
    """
    keys = [name for name in ("experiment", *CONDITION, "benchmark") if f"{name}s" not in changed]
    if "models" in changed:
        keys.remove("prompt")  # each model has its own
    both = rows.merge(others, on=keys, suffixes=("", "_other"))
    seeds = both[["seeds", "seeds_other"]].min(axis=1)
    return both.assign(
        value=both["value"] - both["value_other"],
        low=both["low"] - both["high_other"],
        high=both["high"] - both["low_other"],
        seeds=seeds,
        testable=both["testable"].astype(bool) & both["testable_other"].astype(bool),
        model=both["model"] + " against " + both["model_other"] if "models" in changed else both["model"],
    )[ROWS]
