"""A claim's rule, the condition that decided it, and what stands in the way of a verdict, in words."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from spurious_rewards.analysis.claims.measures import MEASURES, POINTS, SHARE
from spurious_rewards.analysis.claims.rows import behaving
from spurious_rewards.analysis.claims.verdicts import of_one_seed
from spurious_rewards.config.claims import READS, Rule
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import OPTIMIZERS


def in_words(rule: Rule, margin: float) -> str:
    """A rule as a sentence, made from its data: what is measured, where, and what decides."""
    scale = 100 if MEASURES[rule.measure].unit in (POINTS, SHARE) else 1
    limit = scale * (rule.margin if rule.margin is not None else margin if rule.expect == "no gain" else 0)
    parts = [MEASURES[rule.measure].words[0].upper() + MEASURES[rule.measure].words[1:], *_where(rule)]
    if rule.against:
        parts.append(
            f"less the same of {' and '.join(map(_said, rule.against.changed.values()))} (its interval is as wide as those "
            "of both sides together)"
        )
    several = {
        "all": "every condition must support it",
        "any": "one condition that supports it is enough, however many there are",
    }
    decides = {
        "above": f"supported if the 95 % interval lies above {limit:g}, contradicted if below",
        "below": f"supported if the 95 % interval lies below {limit:g}, contradicted if above",
        "no gain": f"supported if the 95 % interval ends below {limit:g}, else contradicted if it begins above 0",
    }
    return f"{', '.join(parts)}: {decides[rule.expect]}; {several[rule.across]}."


def _where(rule: Rule) -> list[str]:
    reads = READS[rule.measure]
    said = []
    if rule.experiments:
        said.append("experiment " + " or else ".join(rule.experiments))
    if "models" in reads:
        said.append(f"models with {rule.models}" if rule.models else "all models")
    if rule.rewards:
        said.append("reward " + _said(rule.rewards))
    if rule.prompts != "own":
        said.append("prompt " + ("any" if rule.prompts == "all" else _said(rule.prompts)))
    if rule.variants != ("default",):
        said.append("variant " + " or ".join(rule.variants))
    if rule.optimizer:
        said.append(OPTIMIZERS[rule.optimizer])
    if "benchmark" in reads:
        said.append("the first benchmark that no corpus holds" if rule.benchmark == "generated" else rule.benchmark)
    if rule.equal:
        said.append(f"at equal {rule.equal}")
    if rule.group:
        said.append(rule.group.replace("_", " "))
    return said


def measured_on(row: Mapping[Any, Any], conditions: int, rule: Rule, suite: Suite) -> str:
    """The condition that decided, and of how many it is the worst or the best."""
    titles = {
        **{key: model.title for key, model in suite.models.items() if model.title},
        **{key: reward.title for key, reward in suite.rewards.items() if reward.title},
        **{key: benchmark.title for key, benchmark in suite.benchmarks.items() if benchmark.title},
    }
    named = {
        name: str(row[name]) for name in ("model", "reward", "prompt", "variant", "benchmark") if pd.notna(row[name])
    }
    if rule.prompts == "own":
        named.pop("prompt", None)
    if named.get("variant") == "default":
        named.pop("variant")
    words = [_titled(value, titles).replace("_", " ") for value in named.values() if value]
    if rule.against:
        changed = [value for key, value in rule.against.changed.items() if key != "models"]  # which stand in `model`
        words += [f"against {_titled(_said(value), titles).replace('_', ' ')}" for value in changed]
    if conditions > 1:
        words.append(f"{'the worst' if rule.across == 'all' else 'the best'} of {conditions} conditions")
    return ", ".join(words) or "no model"


def _said(value: Any) -> str:
    return f"models with {value}" if isinstance(value, str) else ", ".join(value)


def _titled(keys: str, titles: Mapping[str, str]) -> str:
    for separator in (" against ", " and "):
        if separator in keys:
            return separator.join(_titled(key, titles) for key in keys.split(separator))
    return titles.get(keys, keys)


def remark(rule: Rule, rows: pd.DataFrame, suite: Suite, verdict: str) -> str:
    """Why there is no verdict, or what stands in its way."""
    if verdict == "not testable":
        return MEASURES[rule.measure].untestable
    if verdict != "not run":
        remarks = {
            f"no interval: it needs two {MEASURES[rule.measure].over}": rows["low"].isna().all(),
            "one seed, and another may come out otherwise": (of_one_seed(rows, rule) & rows["low"].notna()).any(),
            "some conditions were not testable": not rows["testable"].astype(bool).all(),
        }
        return "; ".join(remark for remark, holds in remarks.items() if holds)
    if rule.experiments and not set(rule.experiments) & suite.experiments.keys():
        return f"the suite has no experiment {' or '.join(rule.experiments)}"
    if rule.models and not behaving(suite, rule.models):
        return f"the suite has no model with {rule.models}"
    where = f"experiment {' or '.join(rule.experiments)}" if rule.experiments else "the suite"
    return f"{where} has no such conditions, or they were not measured"
