"""The section on the claims: the verdicts, and the rules behind them."""

import pandas as pd

from spurious_rewards.analysis.claims.ledger import counts
from spurious_rewards.analysis.claims.words import IN_PERCENT
from spurious_rewards.reporting import questions
from spurious_rewards.reporting.numerals import Row, interval, number, percent, plain_interval, points, signed
from spurious_rewards.reporting.page import Section, Table
from spurious_rewards.reporting.text_tables import text_rows, words

CLAIMS_NOTE = (
    "Each claim has a rule that was written before the runs. The verdict is for this suite. A claim is supported if its whole "
    "interval is beyond the smallest effect that matters, contradicted if the interval ends before that effect, and otherwise "
    "inconclusive. A claim is supported by construction if a model organism was built to show it. Claims with the same "
    "measurements count as one finding. The paper's own claim gets a verdict only if everything is as in the paper's suite. "
    "If a rule covers several conditions, the table shows the one that decides: the least favourable, or the most favourable if "
    "one is enough. Differences are in percentage points. Intervals are not corrected for the number of claims. "
    "A result of training with one seed is always inconclusive, because another seed may differ."
)


def section(ledger: pd.DataFrame, mark: str) -> Section:
    """Return the section: how many claims have each verdict, and `analysis.claims.ledger` as tables."""
    exhibits = ledger["exhibit"].dropna().unique()
    return Section(
        "about-claims",
        "Claims",
        "Summary",
        paragraphs=(*filter(None, [mark]), f"Of {len(ledger)} claims: {counts(ledger)}", CLAIMS_NOTE),
        questions=(questions.CLAIMS,),
        tables=(
            Table("Verdicts", claims_text(ledger), links={"Shown in": {name: f"#{name}" for name in exhibits}}),
            Table(
                "Rules and where the effects were measured",
                claim_rules_text(ledger),
                folded=True,
            ),
        ),
    )


def claims_text(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts of `analysis.claims.ledger` as a table of text."""

    def row(of: Row) -> dict[str, str]:
        return {
            "Claim": of["claim"],
            "Verdict": of["verdict"],
            "Supported by": _supported_by(of),
            "Verdict in the paper's setting": words(of["paper_claim"]),
            "Effect [95 % interval]": _effect(of),
            "Sample size": f"{number(of['n'], 0)} {words(of['n_of'])}".rstrip(),
            "Seeds": number(of["seeds"], 0),
            "Shown in": words(of["exhibit"]),
        }

    return text_rows(ledger, row)


def claim_rules_text(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return the rules of `analysis.claims.ledger`, and where they were measured, as a table of text."""

    def row(of: Row) -> dict[str, str]:
        return {
            "Claim": of["claim"],
            "Source": of["source"],
            "Rule": of["rule"],
            "Measured on": "; ".join(filter(None, (words(of[name]) for name in ("measured_on", "reading", "remark")))),
            "Same finding as": words(of["same_as"]),
            "Why by construction": words(of["by_construction"]),
        }

    return text_rows(ledger, row)


def _supported_by(of: Row) -> str:
    """Return "construction" if a claim is supported because an organism was built to show it, else "measurement".

    Return "" for a claim that is not supported.
    """
    if of["verdict"] != "supported":
        return ""
    return "construction" if words(of["by_construction"]) else "measurement"


def _effect(of: Row) -> str:
    """Return an effect with its interval: shares in percent, accuracies and probabilities in percentage points."""
    value, low, high = (of[name] for name in ("effect", "low", "high"))
    if pd.isna(value):
        return ""
    if of["unit"] in IN_PERCENT:
        number = f"{percent(value)} %" if of["unit"] == "share" else points(value)
        return f"{number} {interval(low, high)}".strip()
    return f"{signed(value)} {plain_interval(of)} {of['unit']}".replace("  ", " ")
