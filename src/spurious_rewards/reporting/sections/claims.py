"""The section on the claims: the verdicts, and the rules behind them."""

import pandas as pd

from spurious_rewards.analysis.claims.verdicts import VERDICTS
from spurious_rewards.reporting.numerals import Row, interval, number, percent, plain_interval, points, signed
from spurious_rewards.reporting.page import Section, Table
from spurious_rewards.reporting.text_tables import text_rows, words

CLAIMS_NOTE = (
    "Each claim has a rule that was written before the runs. The verdict is that within this suite. The paper's own claim is "
    "judged on its own models alone, trained for as long as there. The effect is that of the condition that decides: of "
    "several, the least favourable, or the most favourable where one is enough. Differences are in percentage points. "
    "Intervals are not corrected for the number of claims. What one seed shows of training is inconclusive, whatever its "
    "interval: another may come out otherwise."
)


def section(ledger: pd.DataFrame, mark: str) -> Section:
    """How many claims have each verdict, and `analysis.claims.ledger` as tables."""
    verdicts = ledger["verdict"].value_counts()
    counted = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in VERDICTS if verdict in verdicts)
    exhibits = ledger["exhibit"].dropna().unique()
    return Section(
        "about-claims",
        "Claims",
        "Summary",
        paragraphs=(*filter(None, [mark]), f"Of {len(ledger)} claims: {counted}.", CLAIMS_NOTE),
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
            "The paper's claim": words(of["paper_claim"]),
            "Effect [95 %]": _effect(of),
            "n": number(of["n"], 0) + ("" if of["n_of"] == "problems" else f" {words(of['n_of'])}".rstrip()),
            "Seeds": number(of["seeds"], 0),
            "By construction": "yes" if words(of["by_construction"]) else "",
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
            "Measured on": "; ".join(filter(None, (words(of["measured_on"]), words(of["remark"])))),
            "Shown by construction": words(of["by_construction"]),
        }

    return text_rows(ledger, row)


def _effect(of: Row) -> str:
    """An effect and its interval, in its unit; percentage points and percent as everywhere."""
    value, low, high = (of[name] for name in ("effect", "low", "high"))
    if pd.isna(value):
        return ""
    if of["unit"] in ("points", "share"):
        number = points(value) if of["unit"] == "points" else f"{percent(value)} %"
        return f"{number} {interval(low, high)}".strip()
    return f"{signed(value)} {plain_interval(of)} {of['unit']}".replace("  ", " ")
