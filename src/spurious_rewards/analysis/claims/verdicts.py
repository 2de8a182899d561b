"""Verdicts on claims: what the intervals of measurements say about a rule."""

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
    """Return the limit for the interval: the rule's threshold, or the smallest effect that matters.

    The limit is below 0 if the rule expects "below".
    """
    if rule.threshold is not None:
        return rule.threshold
    return -smallest if rule.expect == "below" else smallest


def verdict_of(
    of: Measurement, rule: Rule | Where, smallest: float, confidence: float, of_training: bool
) -> Literal["supported", "contradicted", "inconclusive", "not testable"]:
    """Return what the interval of one condition says about a claim.

    Without an interval, the condition is inconclusive. So is one seed of training: its interval is over problems only,
    and does not say how another seed would have come out. "no gain" is the denial of "above", so the same interval
    never supports both.
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
    """Return the confidence for one of so many intervals, if one of them is enough (Bonferroni)."""
    return statistics.CONFIDENCE if conditions <= 1 else 1 - (1 - statistics.CONFIDENCE) / conditions


def alone(of: Measurement, of_training: bool) -> bool:
    """Whether a measurement of training has only one seed."""
    return of_training and of.seeds <= 1


@dataclass(frozen=True)
class Judgement:
    """The verdict of all conditions together, the condition that decides, and the confidence of its interval."""

    verdict: Verdict
    decisive: Measurement | None = None
    confidence: float = statistics.CONFIDENCE


def judge(found: Sequence[Measurement], rule: Rule, smallest: float, of_training: bool) -> Judgement:
    """Return the verdict of all conditions together, and the condition that decides (none if nothing was measured).

    - across "all": contradicted if any condition contradicts, supported if all support.
    - across "any": supported if any condition supports, contradicted if all contradict.

    Otherwise the claim is inconclusive. Where one condition of several is enough for a verdict, chance has as many
    tries, so its interval is corrected for their number (Bonferroni). If no condition is testable, the claim is not. If
    only some are not testable, those neither support nor contradict.
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
    # If only the correction prevented this verdict, the corrected interval is the one to show.
    decided = stricter if eager in plain else statistics.CONFIDENCE
    return Judgement(overall, _deciding(found, plain, wanted, rule), decided)


def _deciding(found: Sequence[Measurement], verdicts: Sequence[str], wanted: Sequence[str], rule: Rule) -> Measurement:
    """Return the condition with one of these verdicts that supports the claim least, or most if one is enough."""
    deciding = [each for each, verdict in zip(found, verdicts, strict=True) if verdict in wanted]

    def supports(each: Measurement) -> tuple[float, float]:
        low, high = each.interval()
        # A condition without an interval supports nothing.
        near = (low, each.value) if rule.expect == "above" else (-high, -each.value)
        return tuple(-np.inf if np.isnan(end) else float(end) for end in near)  # type: ignore[return-value]

    return (min if rule.across == "all" else max)(deciding, key=supports)
