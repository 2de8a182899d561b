"""A claim in words: its rule, the condition that decided, how its interval reads, and what limits its verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spurious_rewards import statistics
from spurious_rewards.analysis.claims.conditions import behaving
from spurious_rewards.analysis.claims.measurement import Measurement
from spurious_rewards.analysis.claims.measures import MEASURES
from spurious_rewards.analysis.claims.verdicts import Judgement, alone, limit_of
from spurious_rewards.config.claims import READS, Claim, Others, Rule, Unit, Where
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import OPTIMIZERS

IN_PERCENT: tuple[Unit, ...] = ("points", "probability", "share")
"""Units that are fractions of 1 and are shown times 100."""

# ---------------------------------------------------------------- the rule


def in_words(rule: Rule, smallest: Mapping[Unit, float]) -> str:
    """Return a rule as a sentence, made from its data: what is measured, where, and what decides."""
    measured = MEASURES[rule.measure]
    parts = [measured.words[0].upper() + measured.words[1:], *_conditions(rule)]
    if rule.against:
        parts.append(f"minus the same for {_others(rule.against)}")
    parts += [_presupposed(where, smallest) for where in rule.where]
    several = {
        "all": "every condition must support it",
        "any": "one condition that supports it is enough, with its interval corrected for the number of conditions",
    }
    return f"{', '.join(parts)}: {_decides(rule, smallest)}; {several[rule.across]}."


def _decides(rule: Rule, smallest: Mapping[Unit, float]) -> str:
    limit = _limit(rule, smallest)
    return {
        "above": f"supported if the 95 % interval is above {limit}, contradicted if it is below",
        "below": f"supported if the 95 % interval is below {limit}, contradicted if it is above",
        "no gain": f"supported if the 95 % interval ends below {limit}, contradicted if it begins above",
    }[rule.expect]


def _limit(rule: Rule | Where, smallest: Mapping[Unit, float]) -> str:
    unit = MEASURES[rule.measure].unit
    said = {"points": " points", "probability": " points", "share": " %", "r": ""}.get(unit, f" {unit}")
    return f"{(100 if unit in IN_PERCENT else 1) * limit_of(rule, smallest[unit]):g}{said}"


def _presupposed(where: Where, smallest: Mapping[Unit, float]) -> str:
    words = {"above": "above", "below": "below", "no gain": "not above"}[where.expect]
    of = f" of {_others(where)}" if where.changed else ""
    return f"only for conditions whose {where.measure}{of} is {words} {_limit(where, smallest)}"


def _others(others: Others) -> str:
    return " and ".join(_said(key, value) for key, value in others.changed.items())


def _said(key: str, value: Any) -> str:
    if key == "models":
        return f"models with {value}"
    return value if isinstance(value, str) else ", ".join(value)


def _conditions(rule: Rule) -> list[str]:
    reads = READS[rule.measure]
    said = []
    if rule.experiments:
        said.append("experiment " + " or else ".join(rule.experiments))
    if "models" in reads:
        said.append(f"models with {rule.models}" if rule.models else "all models")
    if rule.rewards:
        said.append("reward " + ", ".join(rule.rewards))
    if rule.prompts != "own":
        said.append("prompt " + ("any" if rule.prompts == "all" else ", ".join(rule.prompts)))
    if rule.variants != ("default",):
        said.append("variant " + " or ".join(rule.variants))
    if rule.optimizer:
        said.append(OPTIMIZERS[rule.optimizer])
    if "benchmark" in reads:
        said.append("the first benchmark that no corpus contains" if rule.benchmark == "generated" else rule.benchmark)
    if rule.before:
        said.append(f"counted from {rule.before.benchmark} of experiment {rule.before.experiment}")
    if rule.equal:
        said.append(f"at equal {rule.equal}")
    if rule.leaked is not None:
        said.append(f"{100 * rule.leaked:g} % of the evaluation problems in the corpus")
    if rule.group:
        said.append(rule.group.replace("_", " "))
    return said


# ---------------------------------------------------------------- the condition that decided


def measured_on(decisive: Measurement, conditions: int, rule: Rule, suite: Suite) -> str:
    """Return the condition that decided, and whether it is the least or the most favourable of several."""
    titles = _titles(suite)
    here, against = decisive.condition, decisive.condition.against
    words = []
    for name in ("model", "reward", "prompt", "variant", "benchmark"):
        value, other = getattr(here, name), getattr(against, name) if against else ""
        differs = against is not None and other != value
        if value and not (differs is False and _goes_without_saying(name, value, rule)):
            said = " and ".join(titles.get(each, each) for each in value.split(" and "))
            other = f" against {titles.get(other, other)}" if differs and other else ""
            words.append((said + other).replace("_", " "))
    if conditions > 1:
        words.append(f"{'the least' if rule.across == 'all' else 'the most'} favourable of {conditions} conditions")
    return ", ".join(words) or "no model"


def _goes_without_saying(name: str, value: str, rule: Rule) -> bool:
    return (name == "prompt" and rule.prompts == "own") or (name == "variant" and value == "default")


def _titles(suite: Suite) -> dict[str, str]:
    titles = {
        **{key: model.title for key, model in suite.models.items()},
        **{key: reward.title for key, reward in suite.rewards.items()},
        **{key: benchmark.title for key, benchmark in suite.benchmarks.items()},
    }
    return {key: title for key, title in titles.items() if title}


# ---------------------------------------------------------------- how it reads


def reading(found: Judgement, conditions: int, rule: Rule, smallest: Mapping[Unit, float]) -> str:
    """Return how the interval that decided reads: whether all it allows is too small to matter, and its correction."""
    if found.decisive is None or not found.decisive.testable:
        return ""
    unit = MEASURES[rule.measure].unit
    low, high = found.decisive.interval()
    least = smallest[unit]
    said = []
    if rule.threshold is None and -least <= low and high <= least:
        said.append(f"negligible: the interval is within {_number(least, unit)} of 0")
    if found.confidence != statistics.CONFIDENCE:
        low, high = found.decisive.interval(found.confidence)
        said.append(
            f"corrected for {conditions} conditions (Bonferroni): [{_number(low, unit)}, {_number(high, unit)}]"
        )
    return "; ".join(said)


def _number(value: float, unit: Unit) -> str:
    return f"{100 * value:.3g} {'%' if unit == 'share' else 'points'}" if unit in IN_PERCENT else f"{value:.3g}"


# ---------------------------------------------------------------- what limits a verdict


def remark(claim: Claim, found: Sequence[Measurement], suite: Suite, verdict: str) -> str:
    """Return why there is no verdict, or what limits it, and what the measurements leave out."""
    notes = dict.fromkeys(each.note for each in found)
    return "; ".join(filter(None, (_in_the_way(claim, found, suite, verdict), *notes)))


def _in_the_way(claim: Claim, found: Sequence[Measurement], suite: Suite, verdict: str) -> str:
    rule = claim.rule
    measured = MEASURES[rule.measure]
    whys = "; ".join(dict.fromkeys(each.why for each in found if each.why))
    if verdict == "not testable":
        return whys
    if verdict == "cannot run":
        return claim.cannot_run
    if verdict != "not run":
        ends = [each.interval() for each in found]
        remarks = {
            f"no interval: it needs two {measured.over}": all(np.isnan(low) for low, _ in ends),
            "one seed; another may differ": any(alone(each, measured.of_training) for each in found),
            f"some conditions were not testable: {whys}": not all(each.testable for each in found),
        }
        return "; ".join(remark for remark, holds in remarks.items() if holds)
    if rule.experiments and not set(rule.experiments) & suite.experiments.keys():
        return f"the suite has no experiment {' or '.join(rule.experiments)}"
    if rule.models and not behaving(suite, rule.models):
        return f"the suite has no model with {rule.models}"
    where = f"experiment {' or '.join(rule.experiments)}" if rule.experiments else "the suite"
    return f"{where} has no such conditions, or they were not measured"
