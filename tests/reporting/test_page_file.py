"""Reading an exhibit's page file, which may come from an untrusted source."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from invented_report import SVG, exhibit_page

from spurious_rewards.reporting.page_file import read_page, write_page
from spurious_rewards.runtime.errors import UserError

RAGGED: list[list[Any]] = [
    [["1"]],
    [["1", "2", "3"]],
    [["1", 2]],
    [["1", None]],
    [["1", {}]],
    ["12"],
    [["1", "\ud800"]],
]
"""Invalid rows for a table of two columns."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "exhibits/fig1"
    folder.mkdir(parents=True)
    page = exhibit_page("fig1", "gains")
    (folder / "page.json").write_text(json.dumps(page))
    for picture in page["pictures"]:
        (folder / f"{picture['stem']}.svg").write_bytes(SVG)
    return folder


def test_a_page_comes_with_its_pictures(folder: Path) -> None:
    page, pictures = read_page(folder)
    assert page == exhibit_page("fig1", "gains")
    assert set(pictures) == {picture["stem"] for picture in page["pictures"]}
    assert set(pictures.values()) == {SVG}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "fig2"),
        ("title", None),
        ("pictures", [{"stem": "../../private", "caption": "", "text": ""}]),
        ("pictures", [{"stem": "/private", "caption": "", "text": ""}]),
        ("pictures", {}),
        ("tables", [{"title": "", "columns": "a", "rows": [], "note": ""}]),
        ("tables", [5]),
        *(("tables", [{"title": "", "columns": ["A", "B"], "rows": rows, "note": ""}]) for rows in RAGGED),
        ("tables", [{"title": "", "columns": ["A", "A"], "rows": [["1", "2"]], "note": ""}]),
        ("title", "\ud800"),
        ("cases", 5),
        ("cases", [{}]),
        ("more", 1),
    ],
)
def test_a_page_of_another_shape_is_named(folder: Path, key: str, value: Any) -> None:
    (folder.parent.parent / "private.svg").write_text("<svg>PRIVATE</svg>")
    path = folder / "page.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(UserError, match=r"fig1/page\.json: "):
        read_page(folder)


def test_a_page_is_written_as_it_is_read_or_not_at_all(tmp_path: Path) -> None:
    page = exhibit_page("fig1", "health")
    write_page(page, tmp_path / "fig1")
    assert read_page(tmp_path / "fig1") == (page, {})
    with pytest.raises(UserError, match=r"fig2/page\.json: tables\.0: rows: each should have as many cells"):
        write_page(page | {"tables": [{"title": "", "columns": ["A"], "rows": [[]], "note": ""}]}, tmp_path / "fig2")
    assert not (tmp_path / "fig2").exists()


@pytest.mark.parametrize("name", ["page.json", "math500.svg"])
def test_what_is_no_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(UserError, match=rf"fig1/{name}: this is a pipe"):
        read_page(folder)
