"""The files that an exhibit leaves for the report, `page.json` and pictures; they may come from another machine."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from spurious_rewards.config.base import Name
from spurious_rewards.config.messages import validate
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import REMAKE, read_json, read_text, replacing

FILE = "page.json"


def _can_be_written(text: str) -> str:
    text.encode()  # half of a surrogate pair cannot be encoded
    return text


Text = Annotated[str, AfterValidator(_can_be_written)]


class _Part(BaseModel):
    """A part of a page: every key must be present with the right type, and nothing is converted."""

    model_config = ConfigDict(strict=True, extra="forbid")


class _Picture(_Part):
    stem: Name
    caption: Text
    text: Text


def _different(columns: list[str]) -> list[str]:
    if len(set(columns)) < len(columns):
        raise ValueError("two columns have one name")
    return columns


class _Table(_Part):
    title: Text
    columns: Annotated[list[Text], AfterValidator(_different)]
    rows: list[list[Text]]
    note: Text

    @model_validator(mode="after")
    def _is_a_rectangle(self) -> "_Table":
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError("rows: each should have as many cells as there are columns")
        return self


class _Said(_Part):
    """A response as pieces of text, each with its kind."""

    step: int
    pieces: list[Annotated[list[Text], Field(min_length=2, max_length=2)]]
    extracted: Text | None
    correct: bool
    has_code: bool
    has_box: bool
    truncated: bool


class _Case(_Part):
    """A problem with its responses before and after training (`exhibits.qualitative`)."""

    model: Text
    reward: Text
    id: Text
    number: int
    problem: Text
    answer: Text
    before: _Said
    after: _Said


class Page(_Part):
    """The content of an exhibit (`exhibits.exhibit.Made.page`).

    A picture's stem is the name of a file in the exhibit's folder, so it may not be a path.
    """

    name: Text
    title: Text
    kind: Text
    caption: Text
    pictures: list[_Picture]
    tables: list[_Table]
    cases: list[_Case] = []


def write_page(page: Mapping[str, Any], folder: Path) -> None:
    """Write the page of an exhibit into its folder.

    Raises:
        UserError: the page does not match `Page`.
    """
    text = json.dumps(page, ensure_ascii=False, indent=1)
    validate(Page, json.loads(text), folder / FILE)
    with replacing(folder / FILE) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_page(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the page of an exhibit, and the SVG of each of its pictures by stem.

    Raises:
        UserError: a file is missing, or is not as the stage `plot` leaves it.
    """
    path = folder / FILE
    page: dict[str, Any] = read_json(path)
    checked = validate(Page, page, path)
    if len({one.stem for one in checked.pictures}) < len(checked.pictures):
        raise UserError(f"{path}: names a picture twice; delete the folder and run again to remake it")
    if checked.name != folder.name:
        raise UserError(f"{path}: is of the exhibit {checked.name}; {REMAKE}")
    return page, {one.stem: read_text(folder / f"{one.stem}.svg").encode() for one in checked.pictures}
