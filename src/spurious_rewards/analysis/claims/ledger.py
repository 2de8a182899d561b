"""The claims ledger: what each rule of `config.claims` makes of the numbers of a suite, one row per claim.

A measure (`measures`) gives one measurement per condition, with its interval. `verdicts` turns intervals into verdicts,
and `words` describes both.
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
    """Return the ledger, one row per claim, in the order of the claims.

    - `verdict` is the verdict within the suite.
    - `paper_claim` is the same verdict, if it was judged on all that the paper's suite has for the rule, defined as
      there (`paper_conditions`). Otherwise it is "not run". It is empty for what the paper does not claim.
    - The effect, interval, n (of `n_of`), k and seeds belong to the condition that decides (`measured_on`). Of several
      it is the one furthest from supporting the claim, or the nearest if one is enough. They are empty where nothing
      was measured.
    - `exhibit` is a key of the suite; it is empty for what was not run.
    - `reading` says where an effect is too small to matter, and what the interval was corrected for.
    - `by_construction` is set if a suite with an organism supports a claim that the organism was made to show.
    - `same_as` is the first claim that compares the same measurements with the same limit: the two are one finding.
    - `remark` says why there is no verdict, or what limits it.

    Args:
        claims: the claims and their rules.
        suite: the suite as it ran.
        frames: the suite's numbers.
        paper: the paper's suite.
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
    """Say how many claims have each verdict, and how many distinct findings those are.

    Supported claims that an organism was made to show are counted apart.
    """
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
    """Return a key that two claims share if they are one finding: the measurements, and what they are compared with.

    The experiment is not part of it, because several experiments may have the same runs.
    """
    rule = claim.rule

    def of(condition: Condition) -> Hashable:
        return tuple((*each.run, each.benchmark) for each in condition.both)

    def told(value: float) -> float | None:
        return None if pd.isna(value) else value  # NaN does not equal itself

    rows = frozenset((of(each.condition), *map(told, (each.value, *each.interval())), each.testable) for each in found)
    limit = rule.threshold if rule.threshold is not None else claims.smallest[MEASURES[rule.measure].unit]
    return rule.measure, rule.expect, limit, rule.across, rule.group, rows


def _paper_claim(claim: Claim, verdict: str, found: Sequence[Measurement], suite: Suite, paper: Suite) -> str:
    if not claim.of_paper:
        return ""
    return verdict if are_the_papers(claim.rule, found, suite, paper) else "not run"


def _exhibit(claim: Claim, found: Sequence[Measurement], suite: Suite) -> str:
    """Return the first of the claim's exhibits that the suite has and that shows the models measured; "" if none."""
    models = {of.model for each in found for of in each.condition.both} & suite.models.keys()
    for name in claim.exhibits:
        if name in suite.exhibits and (
            not suite.exhibits[name].models or not models or models & set(suite.exhibits[name].models)
        ):
            return name
    return ""
