"""The section on the claims: the verdicts, and the rules behind them."""

import pandas as pd

from spurious_rewards.analysis.claims.ledger import counts
from spurious_rewards.analysis.claims.words import IN_PERCENT
from spurious_rewards.reporting import questions
from spurious_rewards.reporting.numerals import Row, interval, number, percent, plain_interval, points, signed
from spurious_rewards.reporting.page import Section, Table, unless_empty
from spurious_rewards.reporting.text_tables import text_rows, words

CLAIMS_NOTE = (
    "The rule of each claim was written before the runs and names the smallest effect that matters. A claim of an "
    "effect is supported if the whole interval is beyond that effect, and contradicted if the whole interval falls "
    "short of it. For a claim of no gain it is the other way round. Otherwise the claim is inconclusive. A result of "
    "training with one seed is always inconclusive, because another seed may differ. A claim is supported by "
    "construction if a model organism was built to show it. Claims with the same measurements count as one finding. "
    'The verdict is for this suite. The verdict in the paper\'s setting is "not run" unless all settings that affect '
    "results are as in the paper's suite. If a rule covers several conditions, the table shows the one that decides: the least "
    "favourable, or the most favourable if one is enough. Differences are in percentage points. Intervals are not "
    "corrected for the number of claims."
)


def section(ledger: pd.DataFrame, mark: str) -> Section:
    """Return the section: how many claims have each verdict, and `analysis.claims.ledger` as tables.

    Claims that the suite does not test have a table of their own, so that nobody must look for the others among them.
    """
    exhibits = ledger["exhibit"].dropna().unique()
    links = {"Shown in": {name: f"#{name}" for name in exhibits}}
    tested = ~ledger["verdict"].isin(["not run", "cannot run"])
    return Section(
        "about-claims",
        "Claims",
        "Summary",
        paragraphs=(*filter(None, [mark]), f"Of {len(ledger)} claims: {counts(ledger)}"),
        questions=(questions.CLAIMS,),
        tables=(
            *([Table("Verdicts", claims_text(ledger[tested]), links=links)] if tested.any() else []),
            *unless_empty("Claims that this suite does not test", untested_text(ledger[~tested]), folded=True),
            Table("Rules and where the effects were measured", claim_rules_text(ledger), folded=True),
        ),
        rule=CLAIMS_NOTE,
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


def untested_text(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return claims without a measurement, and why they have none, as a table of text."""

    def row(of: Row) -> dict[str, str]:
        return {"Claim": of["claim"], "Verdict": of["verdict"], "Why": words(of["remark"])}

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
