"""Frames of text: the cells that many tables share, and tables as Markdown."""

import re
from collections.abc import Callable, Iterable, Mapping

import pandas as pd

from spurious_rewards.reporting.numerals import MISSING, Row


def text_rows(frame: pd.DataFrame, row: Callable[[Row], dict[str, str]]) -> pd.DataFrame:
    """Return a row of text for each row of `frame`, without the columns that are empty in every row."""
    text = pd.DataFrame([row(record) for record in frame.to_dict("records")]).replace("", MISSING)
    return text.loc[:, [not (text[name] == MISSING).all() for name in text.columns]]


def identity_cells(frame: pd.DataFrame, of: Row, *further: str) -> dict[str, str]:
    """Return the cells that identify a row: the model, the `further` columns, and prompt and variant if they differ."""
    names = constant_left_out(frame, [name for name in ("prompt", "variant") if name in frame])
    return {name.capitalize(): str(of[name]) for name in ("model", *further, *names)}


def constant_left_out(frame: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Return those of the named columns that have more than one value."""
    return [name for name in names if frame[name].nunique() > 1]


def size_cells(of: Row) -> dict[str, str]:
    """Return the cells with a row's numbers of problems, responses to each problem, and seeds."""
    seeds = str(of["seeds"]) + (" (interval over problems only)" if of["seeds"] == 1 else "")
    return {"Problems": str(of["problems"]), "Responses per problem": str(of["samples"]), "Seeds": seeds}


def words(said: object) -> str:
    """Return the text of a cell, or "" for NaN: a CSV file read back has NaN in place of empty text."""
    return "" if pd.isna(said) else str(said)  # type: ignore[call-overload]


def cell(value: object) -> str:
    """Return a value of a manifest or a data card as text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {cell(inner)}" for key, inner in value.items()) or MISSING
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value)) or MISSING
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return MISSING if value is None else str(value)


def markdown(text: pd.DataFrame, title: str) -> str:
    """Return a frame of text as a Markdown table under its title."""
    rows = [list(text.columns), ["---"] * text.shape[1], *text.to_numpy().tolist()]
    lines = ["| " + " | ".join(in_markdown(str(cell)) for cell in row) + " |" for row in rows]
    return "\n".join([f"**{in_markdown(title)}**", "", *lines, ""])


_OWN_SIGN = re.compile(r"(?<!\\)(\\*+)(\||<(?=[A-Za-z/!?])|\]\()")
"""Characters that would end a cell, begin a tag or make a link or image, with the backslashes before them."""


def in_markdown(text: str) -> str:
    """Return text on one line, escaped so that Markdown shows it as it is: no tags, no links."""
    return _OWN_SIGN.sub(lambda found: rf"{2 * found[1]}\{found[2]}", " ".join(text.splitlines()))
