"""The report as HTML: sections with tables and pictures, in one file that works from disk.

The file needs no network, because the pictures and the few small scripts are inside it. `render` turns sections into
HTML and writes no file.
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
"""Verdicts whose table cells have a style of their own."""


@dataclass(frozen=True)
class Table:
    """A frame of text and its title; a `folded` table opens on a click."""

    title: str
    frame: pd.DataFrame
    note: str = ""
    folded: bool = False
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Column -> text of a cell -> address that the cell links to."""

    @functools.cached_property
    def numbers(self) -> set[str]:
        """The columns that sort by number: every cell begins with a number or is missing."""
        found = set()
        for name in self.frame:
            cells = [str(cell) for cell in self.frame[name] if cell != MISSING]
            if cells and all(STARTS_WITH_NUMBER.match(cell) for cell in cells):
                found.add(str(name))
        return found

    @functools.cached_property
    def wrapped(self) -> set[str]:
        """The columns whose cells may wrap: those with a cell of more than 60 characters."""
        return {str(name) for name in self.frame if any(len(str(cell)) > 60 for cell in self.frame[name])}

    def mark(self, column: int, cell: str) -> str | None:
        """Return the CSS class of a cell, or None."""
        name = str(self.frame.columns[column])
        if name in self.numbers:
            return "number"
        if cell in SAID:
            return cell.replace(" ", "-")
        return "long" if name in self.wrapped else None

    def term(self, column: str) -> glossary.Term | None:
        """Return the glossary entry that explains a column, or None."""
        return glossary.of_column(column)

    def link(self, column: int, cell: str) -> str | None:
        """Return the address that a cell links to, or None."""
        return self.links.get(str(self.frame.columns[column]), {}).get(cell)


@dataclass(frozen=True)
class Picture:
    """An SVG with its caption; `text` is for screen readers, and `files` are (address, name) as in `Section`."""

    svg: bytes
    caption: str
    text: str
    files: Sequence[tuple[str, str]] = ()

    @property
    def address(self) -> str:
        """The picture as a data: address, so that the page needs no other file.

        Percent-encoded text without line breaks is a fifth smaller than base64.
        """
        return "data:image/svg+xml," + quote(SPACE.sub(b" ", self.svg), safe=" !$()*+,-./:;=?@[]{}|^`~")

    @property
    def size(self) -> dict[str, int]:
        """Width and height in pixels, so that the page reserves the room; empty if the SVG states no size."""
        points = SIZE.search(self.svg)
        if points is None:
            return {}
        width, height = (round(4 / 3 * float(size)) for size in points.groups())
        return {"width": width, "height": height}


@dataclass(frozen=True)
class Section:
    """A heading and its content, in the order of the fields; `key` is its anchor, `group` its part of the contents.

    `cases` are the cases of `exhibits.qualitative`, for the browser. `rule` says how the content above it was decided,
    and opens on a click. `target` is the section's name as a workflow target, `command` makes it again, and `files` are
    (address, name) of the files with its numbers. `questions` are those that the section answers, for the contents.
    `terms` are the glossary entries that the section shows.
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
    """Return the page's Content-Security-Policy: only its own style and script, by hash, and data: images."""
    of_style, of_script = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)
    )
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{of_style}'; script-src 'sha256-{of_script}'; "
        "base-uri 'none'; form-action 'none'"
    )


def render(title: str, note: str, sections: Sequence[Section], facts: Sequence[str] = ()) -> str:
    """Return the page as HTML, with everything in the arguments escaped. `facts` stand under its title."""
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
                "By section": groups,
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
    """Return a tuple of one table, or an empty tuple if the frame has no rows."""
    return () if frame.empty else (Table(title, frame, folded=folded),)
