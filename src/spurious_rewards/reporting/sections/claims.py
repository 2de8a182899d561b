"""The section on the claims: the verdicts, and the rules behind them."""

import pandas as pd

from spurious_rewards.analysis.claims.ledger import counts
from spurious_rewards.analysis.claims.words import IN_PERCENT
from spurious_rewards.reporting.numerals import Row, interval, number, percent, plain_interval, points, signed
from spurious_rewards.reporting.page import Section, Table
from spurious_rewards.reporting.text_tables import text_rows, words

CLAIMS_NOTE = (
    "Each claim has a rule that was written before the runs. The verdict is that within this suite: supported if the whole "
    "interval lies beyond the smallest effect that matters, contradicted if it ends before it. What is supported by construction "
    "an organism was made to show. Claims with the same measurements are one finding. The paper's own claim is judged where all "
    "is as in the paper's suite. The effect is that of the condition that decides: of several, the least favourable, or the "
    "most favourable where one is enough. Differences are in percentage points. Intervals are not corrected for the number of "
    "claims. What one seed shows of training is inconclusive, whatever its interval: another may come out otherwise."
)


def section(ledger: pd.DataFrame, mark: str) -> Section:
    """How many claims have each verdict, and `analysis.claims.ledger` as tables."""
    exhibits = ledger["exhibit"].dropna().unique()
    return Section(
        "about-claims",
        "Claims",
        "Summary",
        paragraphs=(*filter(None, [mark]), f"Of {len(ledger)} claims: {counts(ledger)}", CLAIMS_NOTE),
        tables=(
            Table("Verdicts", claims_text(ledger), links={"Shown in": {name: f"#{name}" for name in exhibits}}),
            Table(
                "Rules, and where the effects were measured",
                claim_rules_text(ledger),
                folded=True,
            ),
        ),
    )


def claims_text(ledger: pd.DataFrame) -> pd.DataFrame:
    """`analysis.claims.ledger`, as a table of verdicts."""

    def row(of: Row) -> dict[str, str]:
        return {
            "Claim": of["claim"],
            "Verdict here": of["verdict"],
            "Supported by": _supported_by(of),
            "The paper's claim": words(of["paper_claim"]),
            "Effect [95 %]": _effect(of),
            "n": number(of["n"], 0) + ("" if of["n_of"] == "problems" else f" {words(of['n_of'])}".rstrip()),
            "Seeds": number(of["seeds"], 0),
            "Shown in": words(of["exhibit"]),
        }

    return text_rows(ledger, row)


def claim_rules_text(ledger: pd.DataFrame) -> pd.DataFrame:
    """`analysis.claims.ledger`, what stands behind the verdicts."""

    def row(of: Row) -> dict[str, str]:
        return {
            "Claim": of["claim"],
            "Source": of["source"],
            "Rule": of["rule"],
            "Measured on": "; ".join(filter(None, (words(of[name]) for name in ("measured_on", "reading", "remark")))),
            "Same finding as": words(of["same_as"]),
            "Shown by construction": words(of["by_construction"]),
        }

    return text_rows(ledger, row)


def _supported_by(of: Row) -> str:
    """Whether an organism was made to show what is supported."""
    if of["verdict"] != "supported":
        return ""
    return "construction" if words(of["by_construction"]) else "measurement"


def _effect(of: Row) -> str:
    """An effect and its interval, in its unit; percentage points and percent as everywhere."""
    value, low, high = (of[name] for name in ("effect", "low", "high"))
    if pd.isna(value):
        return ""
    if of["unit"] in IN_PERCENT:
        number = f"{percent(value)} %" if of["unit"] == "share" else points(value)
        return f"{number} {interval(low, high)}".strip()
    return f"{signed(value)} {plain_interval(of)} {of['unit']}".replace("  ", " ")
