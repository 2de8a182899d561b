"""Reading what an exhibit left for the report: `page.json` and its pictures, which may have come from elsewhere."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from spurious_rewards.config.base import Name
from spurious_rewards.config.messages import validate
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import read_json, read_text


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Picture(_Part):
    stem: Name
    caption: str
    text: str


class _Table(_Part):
    title: str
    columns: list[str]
    rows: list[list[Any]]
    note: str


class _Page(_Part):
    """`exhibits.exhibit.Made.page`. A stem names a file of the folder, so it is a name and no path."""

    name: str
    title: str
    kind: str
    caption: str
    pictures: list[_Picture]
    tables: list[_Table]
    cases: list[dict[str, Any]] = []


def read_page(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What an exhibit shows, and the SVG of each of its pictures by stem.

    Raises:
        UserError: a file that is not there, or is not what the stage `plot` leaves.
    """
    path = folder / "page.json"
    page: dict[str, Any] = read_json(path)
    checked = validate(_Page, page, path)
    if checked.name != folder.name:
        raise UserError(f"{path}: is of the exhibit {checked.name}; delete the file and run again to remake it")
    return page, {one.stem: read_text(folder / f"{one.stem}.svg").encode() for one in checked.pictures}
