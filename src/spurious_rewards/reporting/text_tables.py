"""Frames of text: what the rows of all tables are made of, and a table as Markdown."""

import re
from collections.abc import Callable, Iterable, Mapping

import pandas as pd

from spurious_rewards.reporting.numerals import MISSING, Row


def text_rows(frame: pd.DataFrame, row: Callable[[Row], dict[str, str]]) -> pd.DataFrame:
    """A row of text for each of `frame`, without the columns that hold nothing in any row."""
    text = pd.DataFrame([row(record) for record in frame.to_dict("records")]).replace("", MISSING)
    return text.loc[:, [not (text[name] == MISSING).all() for name in text.columns]]


def identity_cells(frame: pd.DataFrame, of: Row, *further: str) -> dict[str, str]:
    """The model, and what else tells the rows of `frame` apart."""
    names = constant_left_out(frame, [name for name in ("prompt", "variant") if name in frame])
    return {name.capitalize(): str(of[name]) for name in ("model", *further, *names)}


def constant_left_out(frame: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """The columns with more than one value, of those that are named."""
    return [name for name in names if frame[name].nunique() > 1]


def size_cells(of: Row) -> dict[str, str]:
    """How many problems, responses to each, and seeds a row is of."""
    seeds = str(of["seeds"]) + (" (interval over problems only)" if of["seeds"] == 1 else "")
    return {"Problems": str(of["problems"]), "Responses each": str(of["samples"]), "Seeds": seeds}


def words(said: object) -> str:
    """Words of a frame that was perhaps read from a CSV, where none are NaN."""
    return "" if pd.isna(said) else str(said)  # type: ignore[call-overload]


def cell(value: object) -> str:
    """A value of a manifest or a data card."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {cell(inner)}" for key, inner in value.items()) or MISSING
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value)) or MISSING
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return MISSING if value is None else str(value)


def markdown(text: pd.DataFrame, title: str) -> str:
    """A Markdown table under its title; `text` holds strings."""
    rows = [list(text.columns), ["---"] * text.shape[1], *text.to_numpy().tolist()]
    lines = ["| " + " | ".join(in_markdown(str(cell)) for cell in row) + " |" for row in rows]
    return "\n".join([f"**{in_markdown(title)}**", "", *lines, ""])


_OWN_SIGN = re.compile(r"(?<!\\)(\\*+)(\||<(?=[A-Za-z/!?])|\]\()")
"""What would end a cell, begin a tag, or make a link or picture of brackets; and the backslashes before it."""


def in_markdown(text: str) -> str:
    """Text of a cell that is shown as it is: no tags, no links, in one line."""
    return _OWN_SIGN.sub(lambda found: rf"{2 * found[1]}\{found[2]}", " ".join(text.splitlines()))
