"""The report as HTML: sections with their tables and pictures, and the one file that works from disk.

It needs no network, for pictures and the few little scripts are inside. `render` turns sections into HTML and writes no file.
"""

import base64
import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import pandas as pd

from spurious_rewards.reporting import glossary
from spurious_rewards.reporting.numerals import MISSING
from spurious_rewards.reporting.questions import QUESTIONS

STARTS_WITH_NUMBER = re.compile(r"[<>≤≥]?\s*[-+\N{MINUS SIGN}]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?(?![\w.-])")

SPACE = re.compile(rb"\s+")
SIZE = re.compile(rb'<svg\b[^<>]*?\swidth="(\d{1,5}(?:\.\d{1,9})?)pt"\s+height="(\d{1,5}(?:\.\d{1,9})?)pt"')

SCRIPTS = ("tables.js", "contents.js", "browser.js")

SAID = {"gain", "loss", "not testable", "supported", "contradicted", "not run"}
"""Verdicts whose cells have a style of their own."""


@dataclass(frozen=True)
class Table:
    """A frame of text and its title; `folded` ones open on a click."""

    title: str
    frame: pd.DataFrame
    note: str = ""
    folded: bool = False
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Column -> text of a cell -> where it leads."""

    @functools.cached_property
    def numbers(self) -> set[str]:
        """The columns that sort by their cells' first number: each cell begins with it, or is missing."""
        found = set()
        for name in self.frame:
            cells = [str(cell) for cell in self.frame[name] if cell != MISSING]
            if cells and all(STARTS_WITH_NUMBER.match(cell) for cell in cells):
                found.add(str(name))
        return found

    @functools.cached_property
    def wrapped(self) -> set[str]:
        """The columns whose cells may break into lines: those with a cell of more than 60 characters."""
        return {str(name) for name in self.frame if any(len(str(cell)) > 60 for cell in self.frame[name])}

    def mark(self, column: int, cell: str) -> str | None:
        """The cell's class."""
        name = str(self.frame.columns[column])
        if name in self.numbers:
            return "number"
        if cell in SAID:
            return cell.replace(" ", "-")
        return "long" if name in self.wrapped else None

    def term(self, column: str) -> glossary.Term | None:
        """The entry of the glossary that explains a column."""
        return glossary.of_column(column)

    def link(self, column: int, cell: str) -> str | None:
        """Where the cell leads."""
        return self.links.get(str(self.frame.columns[column]), {}).get(cell)


@dataclass(frozen=True)
class Picture:
    """An SVG and what stands under it; `text` is read to those who cannot see it, `files` as in a section."""

    svg: bytes
    caption: str
    text: str
    files: Sequence[tuple[str, str]] = ()

    @property
    def address(self) -> str:
        """The picture itself as an address, so that the page needs no other file.

        Text instead of base64, and without line breaks: a fifth smaller.
        """
        return "data:image/svg+xml," + quote(SPACE.sub(b" ", self.svg), safe=" !$()*+,-./:;=?@[]{}|^`~")

    @property
    def size(self) -> dict[str, int]:
        """Width and height in pixels, so that a page keeps the room before it shows the picture; none if the SVG has none."""
        points = SIZE.search(self.svg)
        if points is None:
            return {}
        width, height = (round(4 / 3 * float(size)) for size in points.groups())
        return {"width": width, "height": height}


@dataclass(frozen=True)
class Section:
    """A heading and what is below it, in this order; `key` is its anchor, `group` its place in the contents.

    `cases` are those of `exhibits.qualitative`, for the browser; `rule` says how what is above it was decided, and opens on a
    click. `target` is its name as a target of the workflow, `command` makes it again, `files` are (address, name) of its numbers.
    `questions` are those that it answers, for the contents; `terms` are entries of the glossary that it has.
    """

    key: str
    title: str
    group: str
    paragraphs: Sequence[str] = ()
    points: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    cases: Sequence[Mapping[str, Any]] = ()
    rule: str = ""
    target: str = ""
    command: str = ""
    files: Sequence[tuple[str, str]] = ()
    questions: Sequence[str] = ()
    terms: Sequence[glossary.Term] = ()


@functools.cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("spurious_rewards.reporting", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _policy(style: str, script: str) -> str:
    """What a browser lets the page do: its own style and script, by their hashes, and pictures that stand in it."""
    of_style, of_script = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)
    )
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{of_style}'; script-src 'sha256-{of_script}'; "
        "base-uri 'none'; form-action 'none'"
    )


def render(title: str, note: str, sections: Sequence[Section], facts: Sequence[str] = ()) -> str:
    """The page; everything in the arguments is escaped. `facts` stand under its title."""
    questions = {asked: [section for section in sections if asked in section.questions] for asked in QUESTIONS}
    groups: dict[str, list[Section]] = {}
    for section in sections:
        groups.setdefault(section.group, []).append(section)
    style, script = ("\n".join(_source(name) for name in names) for names in (("report.css",), SCRIPTS))
    return (
        _templates()
        .get_template("report.html")
        .render(
            title=title,
            note=note,
            facts=facts,
            sections=sections,
            contents={
                "By question": {asked: members for asked, members in questions.items() if members},
                "By figure": groups,
            },
            explained={term.key for section in sections for term in section.terms},
            style=style,
            script=script,
            policy=_policy(style, script),
        )
    )


def _source(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def unless_empty(title: str, frame: pd.DataFrame, folded: bool = False) -> tuple[Table, ...]:
    """One table, or none where the frame has no rows."""
    return () if frame.empty else (Table(title, frame, folded=folded),)
