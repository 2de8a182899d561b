"""The claims ledger: what each rule of `config.claims` makes of the numbers of a suite, one row a claim.

A measure (`measures`) gives one row a condition, with a value and its 95 % interval; `verdicts` turns intervals into
verdicts, and `words` says both in words.
"""

from typing import Any

import pandas as pd

from spurious_rewards.analysis.claims.measures import MEASURES, rows_of
from spurious_rewards.analysis.claims.paper_conditions import are_the_papers
from spurious_rewards.analysis.claims.rows import Frames
from spurious_rewards.analysis.claims.verdicts import judge
from spurious_rewards.analysis.claims.words import in_words, measured_on, remark
from spurious_rewards.config.claims import Claim, Ledger
from spurious_rewards.config.suite import Suite

LEDGER = [
    *("id", "claim", "source", "verdict", "paper_claim", "effect", "low", "high", "unit", "n", "n_of", "k", "seeds"),
    *("measured_on", "exhibit", "rule", "by_construction", "remark"),
]


def ledger(claims: Ledger, suite: Suite, frames: Frames) -> pd.DataFrame:
    """One row a claim, in the ledger's order.

    `verdict` is that within the suite. `paper_claim` is the same where every model is the paper's own, trained with the paper's
    algorithm for as long and tested on whole benchmarks, else "not run"; empty for what the paper does not claim. Effect,
    interval, n (of `n_of`), k and seeds are of the condition that decides (`measured_on`): with several, the one furthest from
    supporting the claim, or the nearest where one is enough; empty where nothing was measured. `exhibit` is a key of the suite,
    empty for what was not run. `by_construction` stands beside what an organism supports. `remark` says why there is no verdict,
    or what stands in its way.

    Args:
        claims: the claims and their rules.
        suite: as it ran.
        frames: its numbers.
    """
    return pd.DataFrame([_judged(claim, claims, suite, frames) for claim in claims.claims], columns=LEDGER)


def _judged(claim: Claim, claims: Ledger, suite: Suite, frames: Frames) -> dict[str, Any]:
    rule, measured = claim.rule, MEASURES[claim.rule.measure]
    rows = rows_of(rule, suite, frames)
    verdict, decisive = judge(rows, rule, claims.margin)
    row: dict[str, Any] = {
        **{"id": claim.id, "claim": claim.claim, "source": claim.source, "verdict": verdict},
        **{"paper_claim": _paper_claim(claim, verdict, rows, suite, claims), "unit": measured.unit},
        "exhibit": "" if verdict == "not run" else _exhibit(claim, rows, suite),
        "rule": in_words(rule, claims.margin),
        "by_construction": claim.by_construction if suite.organism and verdict == "supported" else "",
        "remark": remark(rule, rows, suite, verdict),
    }
    if verdict not in ("not run", "not testable"):
        row |= {
            "effect": decisive["value"],
            "n_of": measured.of,
            **{name: decisive[name] for name in ("low", "high", "n", "k", "seeds")},
        }
        row["measured_on"] = measured_on(decisive, len(rows), rule, suite)
    return row


def _paper_claim(claim: Claim, verdict: str, rows: pd.DataFrame, suite: Suite, claims: Ledger) -> str:
    if not claim.of_paper:
        return ""
    return verdict if are_the_papers(rows, suite, claims) else "not run"


def _exhibit(claim: Claim, rows: pd.DataFrame, suite: Suite) -> str:
    """The first of the claim's exhibits that the suite has and that shows the models measured."""
    models = set(rows["model"]) & suite.models.keys()
    for name in claim.exhibits:
        if name in suite.exhibits and (
            not suite.exhibits[name].models or not models or models & set(suite.exhibits[name].models)
        ):
            return name
    return ""
