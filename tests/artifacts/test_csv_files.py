"""Small results come back from CSV as they were, and are no formulas to a spreadsheet."""

import csv
import os
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurious_rewards.artifacts import csv_files
from spurious_rewards.runtime.errors import UserError


def test_csv_keeps_every_digit_and_empty_texts_are_missing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"name": ["a", "NA"], "value": [0.1 + 0.2, float("nan")], "count": [1, 2]})
    csv_files.write(frame, tmp_path / "x.csv")
    pd.testing.assert_frame_equal(csv_files.read(tmp_path / "x.csv"), frame, check_exact=True)


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file_is_no_table(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.csv"
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    with pytest.raises(UserError, match=r"a\.csv: not a file"):
        csv_files.read(path)


FORMULAS = [
    "=1+1",
    "+1+cmd|' /C calc'!A0",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\N{FULLWIDTH EQUALS SIGN}1",
    "-",
    "-x",
]


@pytest.mark.parametrize("kind", ["str", "object", "category"])
def test_no_text_of_a_csv_is_a_formula_to_a_spreadsheet(kind: str, tmp_path: Path) -> None:
    """Titles of suites, answers of models and names of others stand in these files; and come back as they were."""
    others = ["a", "'", "it's", "1=1", "", "-5", "+24.5", "0", "'=1", "''-1", "'-5"]
    frame = pd.DataFrame({"said": pd.Series(FORMULAS + others, dtype=kind)})
    csv_files.write(frame, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    shown = [row[0] if row else "" for row in rows]
    assert shown[: len(FORMULAS)] == [f"'{formula}" for formula in FORMULAS]
    assert shown[len(FORMULAS) :] == ["a", "'", "it's", "1=1", "", "-5", "+24.5", "0", "''=1", "'''-1", "''-5"]
    back = csv_files.read(tmp_path / "x.csv", ["said"])
    assert back["said"].fillna("").tolist() == FORMULAS + others


def test_numbers_of_a_csv_get_no_apostrophe_and_other_columns_are_the_same_bytes(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "name": pd.Categorical(["=a", "b"]),
            "value": [-0.1, float("nan")],
            "count": [-1, 2],
            "right": [True, False],
            "mixed": [-1.5, "-1"],
        }
    )
    csv_files.write(frame, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == frame.to_csv(index=False).replace("=a", "'=a")


@given(st.lists(st.text("'=-+@\t\r\n1.a\uff1d"), min_size=1))
def test_every_text_comes_back_from_a_csv(texts: list[str]) -> None:
    frame = pd.DataFrame({"said": texts, "number": range(len(texts))})
    with tempfile.TemporaryDirectory() as folder:
        csv_files.write(frame, Path(folder) / "x.csv")
        back = csv_files.read(Path(folder) / "x.csv", ["said"])
    assert back["said"].fillna("").tolist() == texts
