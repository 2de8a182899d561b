"""Verdicts on claims: what the intervals of a measure's rows say of the rule that they are held against."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from spurious_rewards.config.claims import READS, Rule

VERDICTS = ("supported", "contradicted", "inconclusive", "not testable", "not run")


def verdict_of(row: Mapping[Any, Any], expect: str, margin: float) -> str:
    """What the interval of one condition says of a claim; no interval says nothing."""
    low, high = row["low"], row["high"]
    if not row["testable"]:
        return "not testable"
    if pd.isna(low) or pd.isna(high):
        return "inconclusive"
    if expect == "above":
        return "supported" if low > margin else "contradicted" if high < margin else "inconclusive"
    if expect == "below":
        return "supported" if high < margin else "contradicted" if low > margin else "inconclusive"
    return "supported" if high < margin else "contradicted" if low > 0 else "inconclusive"


def judge(rows: pd.DataFrame, rule: Rule, margin: float) -> tuple[str, dict[Any, Any]]:
    """The verdict of all conditions together, and the condition that decides (none where there are no rows).

    all: contradicted if any contradicts, supported if all support. any: supported if any supports, contradicted if all
    contradict. Otherwise inconclusive. Where no condition is testable, so is the claim; a condition that is not testable
    beside others neither supports nor contradicts. Nor does what one seed showed of training: its interval is over problems
    only, and says nothing of how another seed would have come out.
    """
    if rows.empty:
        return "not run", {}
    limit = rule.margin if rule.margin is not None else margin if rule.expect == "no gain" else 0.0
    verdicts = [
        "inconclusive" if alone and verdict != "not testable" else verdict
        for row, alone in zip(rows.to_dict("records"), of_one_seed(rows, rule), strict=True)
        for verdict in [verdict_of(row, rule.expect, limit)]
    ]
    eager, unanimous = ("contradicted", "supported") if rule.across == "all" else ("supported", "contradicted")
    if set(verdicts) == {"not testable"}:
        overall = "not testable"
    elif eager in verdicts:
        overall = eager
    else:
        overall = unanimous if set(verdicts) == {unanimous} else "inconclusive"
    wanted = [overall] if overall in verdicts else [verdict for verdict in verdicts if verdict != "not testable"]
    deciding = rows[np.isin(verdicts, wanted)]
    # Nearest to supporting first: with "above" the highest interval.
    ordered = deciding.sort_values(["low", "value"] if rule.expect == "above" else ["high", "value"], kind="stable")
    ordered = ordered[::-1] if rule.expect == "above" else ordered
    return overall, ordered.iloc[-1 if rule.across == "all" else 0].to_dict()


def of_one_seed(rows: pd.DataFrame, rule: Rule) -> "pd.Series[bool]":
    """Which rows are of training with one seed; a model before training that all seeds share has no other seed."""
    of_training = "variants" in READS[rule.measure] and "experiments" in READS[rule.measure]
    return rows["seeds"].eq(1) & rows["reward"].ne("") & of_training
