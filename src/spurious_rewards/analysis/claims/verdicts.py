"""Verdicts on claims: what the intervals of measurements say of the rule that they are held against."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from spurious_rewards import statistics
from spurious_rewards.analysis.claims.measurement import Measurement
from spurious_rewards.config.claims import Rule, Where

Verdict = Literal["supported", "contradicted", "inconclusive", "not testable", "not run", "cannot run"]

VERDICTS: tuple[Verdict, ...] = ("supported", "contradicted", "inconclusive", "not testable", "not run", "cannot run")


def limit_of(rule: Rule | Where, smallest: float) -> float:
    """Where the interval must end or begin: the rule's threshold, or the smallest effect that matters, below 0 for "below"."""
    if rule.threshold is not None:
        return rule.threshold
    return -smallest if rule.expect == "below" else smallest


def verdict_of(
    of: Measurement, rule: Rule | Where, smallest: float, confidence: float, of_training: bool
) -> Literal["supported", "contradicted", "inconclusive", "not testable"]:
    """What the interval of one condition says of a claim; no interval says nothing.

    Nor does what one seed showed of training: its interval is over problems only, and says nothing of how another seed would
    have come out. "no gain" is the denial of "above": with the same interval never both are supported.
    """
    if not of.testable:
        return "not testable"
    low, high = of.interval(confidence)
    if np.isnan(low) or np.isnan(high) or alone(of, of_training):
        return "inconclusive"
    limit = limit_of(rule, smallest)
    if low > limit:
        return "supported" if rule.expect == "above" else "contradicted"
    if high < limit:
        return "contradicted" if rule.expect == "above" else "supported"
    return "inconclusive"


def corrected(conditions: int) -> float:
    """The confidence at which one of so many intervals is looked at, where one is enough (Bonferroni)."""
    return statistics.CONFIDENCE if conditions <= 1 else 1 - (1 - statistics.CONFIDENCE) / conditions


def alone(of: Measurement, of_training: bool) -> bool:
    """Whether a measurement of training has one seed."""
    return of_training and of.seeds <= 1


@dataclass(frozen=True)
class Judgement:
    """The verdict of all conditions together, and which of them decides; `confidence` is that of the interval that decided."""

    verdict: Verdict
    decisive: Measurement | None = None
    confidence: float = statistics.CONFIDENCE


def judge(found: Sequence[Measurement], rule: Rule, smallest: float, of_training: bool) -> Judgement:
    """The verdict of all conditions together, and the condition that decides (none where nothing was measured).

    all: contradicted if any contradicts, supported if all support. any: supported if any supports, contradicted if all
    contradict. Otherwise inconclusive. Where one of several is enough, chance has as many tries: its interval is corrected for
    their number (Bonferroni). Where no condition is testable, neither is the claim; a condition that is not testable beside
    others neither supports nor contradicts.
    """
    if not found:
        return Judgement("not run")
    stricter = corrected(len(found))
    plain, strict = (
        [verdict_of(each, rule, smallest, confidence, of_training) for each in found]
        for confidence in (statistics.CONFIDENCE, stricter)
    )
    eager: Verdict
    unanimous: Verdict
    eager, unanimous = ("contradicted", "supported") if rule.across == "all" else ("supported", "contradicted")
    if set(plain) == {"not testable"}:
        return Judgement("not testable", found[0])
    if eager in strict:
        return Judgement(eager, _deciding(found, strict, [eager], rule), stricter)
    overall: Verdict = unanimous if set(plain) == {unanimous} else "inconclusive"
    wanted = [overall] if overall in plain else [each for each in plain if each != "not testable"]
    # Where the correction decided against, the interval that it made is the one to show.
    decided = stricter if eager in plain else statistics.CONFIDENCE
    return Judgement(overall, _deciding(found, plain, wanted, rule), decided)


def _deciding(found: Sequence[Measurement], verdicts: Sequence[str], wanted: Sequence[str], rule: Rule) -> Measurement:
    """Of the conditions with these verdicts the one that supports the claim least, or most where one is enough."""
    deciding = [each for each, verdict in zip(found, verdicts, strict=True) if verdict in wanted]

    def supports(each: Measurement) -> tuple[float, float]:
        low, high = each.interval()
        # What has no interval supports nothing.
        near = (low, each.value) if rule.expect == "above" else (-high, -each.value)
        return tuple(-np.inf if np.isnan(end) else float(end) for end in near)  # type: ignore[return-value]

    return (min if rule.across == "all" else max)(deciding, key=supports)
