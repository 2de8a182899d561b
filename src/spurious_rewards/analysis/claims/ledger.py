"""The claims ledger: what each rule of `config.claims` makes of the numbers of a suite, one row a claim.

A measure (`measures`) gives one measurement a condition, with its interval; `verdicts` turns intervals into verdicts, and `words`
says both in words.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from spurious_rewards.analysis.claims.evidence import Evidence, Frames
from spurious_rewards.analysis.claims.measurement import Condition, Measurement
from spurious_rewards.analysis.claims.measures import MEASURES, measure
from spurious_rewards.analysis.claims.paper_conditions import are_the_papers
from spurious_rewards.analysis.claims.verdicts import VERDICTS, Judgement, judge
from spurious_rewards.analysis.claims.words import in_words, measured_on, reading, remark
from spurious_rewards.artifacts.csv_files import Columns, cells
from spurious_rewards.config.claims import Claim, Ledger
from spurious_rewards.config.suite import Suite

LEDGER: Columns = {
    **{"id": "text", "claim": "text", "source": "words"},
    **{"verdict": VERDICTS, "paper_claim": "words", "effect": "number", "low": "end", "high": "end", "unit": "text"},
    **{"n": "number", "n_of": "words", "k": "number", "seeds": "number"},
    **cells("words", "measured_on", "exhibit", "rule", "reading", "by_construction", "same_as", "remark"),
}
"""Columns of the ledger."""


def ledger(claims: Ledger, suite: Suite, frames: Frames, paper: Suite) -> pd.DataFrame:
    """One row a claim, in the ledger's order.

    `verdict` is that within the suite. `paper_claim` is the same where it was judged on all that the paper's suite has for the
    rule, defined as there (`paper_conditions`), else "not run"; empty for what the paper does not claim. Effect, interval, n (of
    `n_of`), k and seeds are of the condition that decides (`measured_on`): with several, the one furthest from supporting the
    claim, or the nearest where one is enough; empty where nothing was measured. `exhibit` is a key of the suite, empty for what
    was not run. `reading` says where an effect is too small to matter, and what the interval was corrected for.
    `by_construction` stands beside what an organism supports. `same_as` is the first claim that has the same measurements held
    against the same limit: both are one finding. `remark` says why there is no verdict, or what stands in its way.

    Args:
        claims: the claims and their rules.
        suite: as it ran.
        frames: its numbers.
        paper: the suite that is the paper's.
    """
    evidence = Evidence(suite, frames, {str(unit): effect for unit, effect in claims.smallest.items()})
    first: dict[Hashable, str] = {}
    rows = []
    for claim in claims.claims:
        found = measure(claim.rule, evidence)
        row = _judged(claim, claims, evidence, found, paper)
        if row["verdict"] in ("supported", "contradicted", "inconclusive"):
            one = first.setdefault(_finding(claim, found, claims), claim.id)
            row["same_as"] = one if one != claim.id else ""
        rows.append(row)
    return pd.DataFrame(rows, columns=list(LEDGER)).fillna({"same_as": ""})


def counts(ledger: pd.DataFrame) -> str:
    """How many claims have each verdict, what an organism was made to show apart, and how many distinct findings they are."""
    verdicts = ledger["verdict"].value_counts()
    made = ledger["by_construction"].fillna("").ne("")
    said = []
    for verdict in VERDICTS:
        if verdict in verdicts:
            of = int((made & ledger["verdict"].eq(verdict)).sum())
            apart = f" ({of} by construction, {verdicts[verdict] - of} not)" if verdict == "supported" else ""
            said.append(f"{verdicts[verdict]} {verdict}{apart}")
    judged = ledger["verdict"].isin(["supported", "contradicted", "inconclusive"])
    findings = int((judged & ledger["same_as"].fillna("").eq("")).sum())
    return f"{', '.join(said)}. Those with a verdict are {findings} distinct findings."


def _judged(
    claim: Claim, claims: Ledger, evidence: Evidence, found: Sequence[Measurement], paper: Suite
) -> dict[str, Any]:
    rule, measured, suite = claim.rule, MEASURES[claim.rule.measure], evidence.suite
    judgement = judge(found, rule, claims.smallest[measured.unit], measured.of_training)
    verdict = "cannot run" if judgement.verdict == "not run" and claim.cannot_run else judgement.verdict
    row: dict[str, Any] = {
        **{"id": claim.id, "claim": claim.claim, "source": claim.source, "verdict": verdict},
        **{"paper_claim": _paper_claim(claim, verdict, found, suite, paper), "unit": measured.unit},
        "exhibit": _exhibit(claim, found, suite) if found else "",
        "rule": in_words(rule, claims.smallest),
        "reading": reading(judgement, len(found), rule, claims.smallest),
        "by_construction": claim.by_construction if suite.organism and verdict == "supported" else "",
        "remark": remark(claim, found, suite, verdict),
    }
    if verdict in ("supported", "contradicted", "inconclusive"):
        row |= _effect(judgement, measured.of)
        assert judgement.decisive is not None
        row["measured_on"] = measured_on(judgement.decisive, len(found), rule, suite)
    return row


def _effect(judgement: Judgement, n_of: str) -> dict[str, Any]:
    of = judgement.decisive
    assert of is not None
    low, high = of.interval()
    return {"effect": of.value, "low": low, "high": high, "n": of.n, "n_of": n_of, "k": of.k, "seeds": of.seeds}


def _finding(claim: Claim, found: Sequence[Measurement], claims: Ledger) -> Hashable:
    """What is the same of two claims that are one finding: measurements, and what they are held against.

    The experiment is not of it: several may have the same runs.
    """
    rule = claim.rule

    def of(condition: Condition) -> Hashable:
        return tuple((*each.run, each.benchmark) for each in condition.both)

    def told(value: float) -> float | None:
        return None if pd.isna(value) else value  # no NaN equals another

    rows = frozenset((of(each.condition), *map(told, (each.value, *each.interval())), each.testable) for each in found)
    limit = rule.threshold if rule.threshold is not None else claims.smallest[MEASURES[rule.measure].unit]
    return rule.measure, rule.expect, limit, rule.across, rule.group, rows


def _paper_claim(claim: Claim, verdict: str, found: Sequence[Measurement], suite: Suite, paper: Suite) -> str:
    if not claim.of_paper:
        return ""
    return verdict if are_the_papers(claim.rule, found, suite, paper) else "not run"


def _exhibit(claim: Claim, found: Sequence[Measurement], suite: Suite) -> str:
    """The first of the claim's exhibits that the suite has and that shows the models measured."""
    models = {of.model for each in found for of in each.condition.both} & suite.models.keys()
    for name in claim.exhibits:
        if name in suite.exhibits and (
            not suite.exhibits[name].models or not models or models & set(suite.exhibits[name].models)
        ):
            return name
    return ""
