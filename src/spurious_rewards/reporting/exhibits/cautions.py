"""Warnings about intervals that readers should not fully trust: seeds in two groups, and few right answers."""

import pandas as pd

from spurious_rewards import statistics
from spurious_rewards.reporting.numerals import Row, each_seed, percent_interval, points_interval
from spurious_rewards.reporting.text_tables import constant_left_out

FEW_NOTE = (
    f" Few right: fewer than {statistics.FEW_RIGHT} problems are answered right, averaged over responses and seeds (few wrong: "
    "answered wrong). Such an interval can miss the true value far more often than 5 % of the time."
)

SPLIT_NOTE = (
    " The interval assumes that seeds vary around one mean. If a few gain much and the others little, it can miss the true mean "
    "far more often than 5 % of the time. Look at the single seeds, and run more of them."
)


def accuracy_interval(of: Row, name: str) -> str:
    """Return 51.0 [49.4, 52.6] from the columns of an accuracy; "few right" or "few wrong" follows where it applies."""
    return _marked(percent_interval(of, name), _few(of, name))


def difference_interval(of: Row, name: str, before: str, after: str) -> str:
    """Return +30.1 [27.1, 33.5] for a difference of accuracies; "few right" follows only if it applies to both."""
    few = _few(of, before)
    return _marked(points_interval(of, name), few if few == _few(of, after) else "")


def of_seeds(of: Row, name: str) -> str:
    """Return each seed's difference, +0.1, +0.3, +25.0, or "" for one seed, whose difference is the mean itself."""
    return each_seed(of, name) if len(each_seed(of, name).split(", ")) > 1 else ""


def cautions(rows: pd.DataFrame, difference: str = "difference") -> str:
    """Return the warnings that belong under a figure or table of these rows, or "" if there are none.

    Args:
        rows: rows of one benchmark with titles in place of keys (`naming.named`). They have the columns of
            `difference`, and `problems`, `before` and `after` if they are of accuracies.
        difference: the prefix of the columns of the difference.
    """
    said = ""
    split = rows[rows[f"{difference}_split"].fillna(0) > 0] if f"{difference}_split" in rows else rows.iloc[:0]
    if len(split):
        each = [
            f"{name} ({of[f'{difference}_split']:.0f} of {len(str(of[f'{difference}_by_seed']).split())} above the others)"
            for name, of in zip(_names(rows).loc[split.index], split.to_dict("records"), strict=True)
        ]
        said += f" Seeds fall into two groups: {'; '.join(each)}.{SPLIT_NOTE}"
    if {"problems", "before", "after"} <= set(rows) and any(
        _few(of, name) for of in rows.to_dict("records") for name in ("before", "after")
    ):
        few = [bool(_few(of, "before") and _few(of, "before") == _few(of, "after")) for of in rows.to_dict("records")]
        said += FEW_NOTE
        if any(few):
            said += f" This affects the change of: {'; '.join(_names(rows)[few])}."
    return said


def _names(rows: pd.DataFrame) -> "pd.Series[str]":
    """Return a name for each row, made of the columns in which the rows differ."""
    told = constant_left_out(
        rows, [name for name in ("comparison", "model", "prompt", "reward", "variant") if name in rows]
    )
    columns = [rows[name].astype(str) for name in told or ["model"]]
    names = columns[0]
    for column in columns[1:]:
        names = names + ", " + column
    return names


def _few(of: Row, name: str) -> str:
    if pd.isna(of[name]) or not statistics.few_right(of[name], of["problems"]):
        return ""
    return "few right" if of[name] < 0.5 else "few wrong"


def _marked(text: str, few: str) -> str:
    return f"{text} ({few})" if few else text
