"""Measures that do not come from the suite's runs: what models know by heart, one rollout batch, and the bandit."""

import math
from typing import Any

import pandas as pd

from spurious_rewards import statistics
from spurious_rewards.analysis.claims.conditions import behaving, cannot_be_known, select, variants
from spurious_rewards.analysis.claims.evidence import Evidence
from spurious_rewards.analysis.claims.measurement import Condition, Measurement, of_seeds, ready
from spurious_rewards.config.claims import Rule
from spurious_rewards.config.training import OPTIMIZERS

CORPUS_KNOWN = "its corpus is known, so this test does not apply; use measure alarms"
NOT_KNOWABLE = "the benchmark is generated, so no corpus can contain it"
NO_CONTROL = "partial_prompt has no generated problems to compare with"
NOT_ASKED = "partial_prompt does not ask for this benchmark's problems"


def memorization(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """Measure how much more often a model completes a benchmark's problems than problems that it cannot know."""
    suite, found = evidence.suite, evidence.frames["memorization"]
    benchmark = suite.benchmarks.get(rule.benchmark)
    if benchmark is None:
        return []
    if rule.models:
        found = found[found["model"].isin(behaving(suite, rule.models))]
    measured = []
    for model, rows in found.groupby("model", sort=False, observed=True):
        of_set = {
            row["problem_set"]: _of_problem_set(str(model), rule.benchmark, row) for row in rows.to_dict("records")
        }
        others = [each for name, each in of_set.items() if name != benchmark.problems and cannot_be_known(suite, name)]
        known = of_set.get(benchmark.problems)
        if known is None:
            measured.append(next(iter(of_set.values())).untestable(NOT_ASKED))
        elif cannot_be_known(suite, benchmark.problems):
            measured.append(known.untestable(NOT_KNOWABLE))
        elif suite.models[str(model)].family:
            measured.append(known.untestable(CORPUS_KNOWN))
        elif not others:
            measured.append(known.untestable(NO_CONTROL))
        else:
            measured += [known.less(other) for other in others]
    return measured


def _of_problem_set(model: str, benchmark: str, row: dict[Any, Any]) -> Measurement:
    value, low, high = (row[f"word_for_word{end}"] for end in ("", "_low", "_high"))
    condition = Condition(model=model, benchmark=benchmark)
    return ready(condition, value, low, high, row["problems"], 1, row["seeds"], freedom=row["problems"] - 1)


def probe(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """Measure the bias of one rollout batch, for each model and variant."""
    found = evidence.frames["clipping"]
    models = behaving(evidence.suite, rule.models) if rule.models else list(evidence.suite.models)
    here = (found["part"] == "probe") & found["variant"].isin(variants(rule, evidence.suite))
    rows = found[here & found["model"].isin(models)].to_dict("records")
    return [_of_batches(row) for row in rows]


def _of_batches(row: dict[Any, Any]) -> Measurement:
    """Return the mean of one value per seed; if there is one seed, the mean over its pairs, as the exhibit has it."""
    condition = Condition(model=row["model"], variant=row["variant"])
    if row["seeds"] > 1:
        seeds = [int(seed) for seed in str(row["seed_numbers"]).split()]
        values = pd.Series([float(value) for value in str(row["value_by_seed"]).split()], seeds)
        return of_seeds(condition, values, row["pairs"])
    freedom = max(row["pairs"] - 1, 1)
    return ready(condition, row["value"], row["low"], row["high"], row["pairs"], seeds=row["seeds"], freedom=freedom)


def alarms(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """Measure how many of an organism's models have a clear gain, at the share of the benchmark in their corpus.

    The rule's `leaked` says which share.
    """
    found = evidence.frames["control"].rename(columns={"test": "reward"})
    found = found[(found["part"] == "rates") & (found["leaked"] == rule.leaked)]
    return [_of_models(row) for row in select(found, rule, evidence.suite).to_dict("records")]


def _of_models(row: dict[Any, Any]) -> Measurement:
    gains, models = int(row["gains"]), int(row["models"])

    def ends(confidence: float) -> tuple[float, float]:
        return statistics.wilson(gains, models, confidence)

    return Measurement(Condition.of(row), row["rate"], models, math.nan, models, ends)


def bandit(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """Measure the change of the bandit's mean log odds from the start, which is the same in every run, to the end."""
    found = evidence.frames["clipping"]
    found = found[(found["part"] == "bandit") & found["variant"].isin(rule.variants)]
    found = found[found["optimizer"] == rule.optimizer] if rule.optimizer else found
    return [
        _of_path(str(variant), str(optimizer), path.sort_values("step"))
        for (variant, optimizer), path in found.groupby(["variant", "optimizer"], sort=False, observed=True)
    ]


def _of_path(variant: str, optimizer: str, path: pd.DataFrame) -> Measurement:
    start, last = path["value"].iloc[0], path.iloc[-1]
    value, low, high = (float(last[name] - start) for name in ("value", "low", "high"))
    condition = Condition(model=f"no model (bandit, {OPTIMIZERS[optimizer]})", variant=variant)
    return ready(condition, value, low, high, n=last["runs"], seeds=math.nan, freedom=last["runs"] - 1)
