"""Formatting of numbers: percent, percentage points, intervals, p values, and the paper's values beside them."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

Row = Mapping[Any, Any]

MISSING = "\N{EN DASH}"


def percent(rate: float) -> str:
    """Return a rate in percent: 51.0 for 0.51."""
    return MISSING if pd.isna(rate) else _minus(f"{100 * rate:z.1f}")


def percent_range(rates: "pd.Series[float]") -> str:
    """Return the range of rates in percent: 49.4 to 51.0, or 51.0 if all are equal after rounding."""
    least, most = percent(rates.min()), percent(rates.max())
    return least if least == most else f"{least} to {most}"


def points(rate: float) -> str:
    """Return a difference of rates in percentage points, with its sign: +30.1 for 0.301."""
    text = percent(rate)
    return "+" + text if text[0].isdigit() and text != "0.0" else text


def interval(low: float, high: float) -> str:
    """Return an interval in percent: [27.1, 33.5] for 0.271 and 0.335."""
    return "" if pd.isna(low) else f"[{percent(low)}, {percent(high)}]"


def points_interval(row: Row, name: str) -> str:
    """Return +30.1 [27.1, 33.5] from the columns `name`, `name_low` and `name_high`."""
    return f"{points(row[name])} {interval(row[f'{name}_low'], row[f'{name}_high'])}".strip()


def percent_interval(row: Row, name: str) -> str:
    """Return 51.0 [49.4, 52.6] from the columns `name`, `name_low` and `name_high`."""
    return f"{percent(row[name])} {interval(row[f'{name}_low'], row[f'{name}_high'])}".strip()


def by_seed(row: Row, name: str) -> list[float]:
    """Return each seed's value from the column `{name}_by_seed`, one cell of which holds them all."""
    cell = row.get(f"{name}_by_seed")
    return [] if pd.isna(cell) else [float(value) for value in str(cell).split()]


def each_seed(row: Row, name: str) -> str:
    """Return each seed's difference in percentage points: +0.1, +0.3, +25.0."""
    return ", ".join(map(points, by_seed(row, name)))


def shared_seeds(row: Row, name: str) -> str:
    """Return a comparison: +30.1 [27.1, 33.5] (2 seeds); the seeds only if they are not as many as the row's."""
    text, seeds = points_interval(row, name), row[f"{name}_seeds"]
    return (
        text if pd.isna(seeds) or seeds == row["seeds"] else f"{text} ({seeds:.0f} {'seed' if seeds == 1 else 'seeds'})"
    )


def share_of_gain(row: Row, name: str) -> str:
    """Return a share with its interval, 51.0 [40.1, 62.3], and how many separate parts the interval has if several."""
    pieces = row.get(f"{name}_pieces", 1)
    return percent_interval(row, name) + (f" (in {pieces:.0f} separate parts)" if pieces > 1 else "")


def p_value(p: float) -> str:
    """Return a p value: 0.012, or <0.001."""
    return MISSING if pd.isna(p) else "<0.001" if p < 0.0005 else f"{p:.3f}"


def signed(value: float) -> str:
    """Return a number with its sign and three decimals: +0.013 for 0.0131."""
    text = number(value, 3)
    return "+" + text if value >= 0.0005 else text


def paper(row: Row, name: str, text: Callable[[float], str] = percent) -> str:
    """Return +29.1 (Fig. 1) from `paper_{name}` and `paper_{name}_source`, or "" if the paper prints no value."""
    value, source = row.get(f"paper_{name}"), row.get(f"paper_{name}_source")
    return "" if pd.isna(value) else f"{text(float(value))} ({source})"


def ends(along: pd.DataFrame) -> str:
    """Return the values at the first and the last step, with the last interval: 0.712 → 0.655 [0.601, 0.709]."""
    first, last = along.sort_values("step").iloc[[0, -1]].to_dict("records")
    return f"{number(first['value'], 3)} → {number(last['value'], 3)} {plain_interval(last)}".strip()


def plain_interval(row: Row) -> str:
    """Return [0.601, 0.709] from the columns `low` and `high`."""
    return "" if pd.isna(row["low"]) else f"[{number(row['low'], 3)}, {number(row['high'], 3)}]"


def number(value: float, digits: int) -> str:
    """Return a number with `digits` decimals and separated thousands: 1,234.5."""
    return MISSING if pd.isna(value) else _minus(f"{value:z,.{digits}f}")


def _minus(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")
