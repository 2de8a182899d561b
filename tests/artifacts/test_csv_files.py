"""Small results survive CSV unchanged, and no spreadsheet takes their texts for formulas."""

import csv
import math
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
    columns: csv_files.Columns = {"name": "text", "value": "number", "count": "whole"}
    pd.testing.assert_frame_equal(csv_files.read(tmp_path / "x.csv", columns), frame, check_exact=True)


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file_is_no_table(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.csv"
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    with pytest.raises(UserError, match=r"a\.csv: not a file"):
        csv_files.read(path, {"a": "words"})


COLUMNS: csv_files.Columns = {
    **{"name": "text", "said": "words", "count": "whole", "value": "number", "low": "end", "each": "numbers"},
    **{"right": "flag", "verdict": ("gain", "loss")},
}
GOOD = {
    **{"name": "007", "said": "", "count": "3", "value": "0.5", "low": "-inf", "each": "0.1 -2"},
    **{"right": "True", "verdict": "gain"},
}


def table(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_every_column_has_its_kind_and_others_are_left_out(tmp_path: Path) -> None:
    read = csv_files.read(table(tmp_path, GOOD | {"more": "1"}), COLUMNS)
    assert list(read.columns) == list(COLUMNS)
    [row] = read.fillna({"said": ""}).to_dict("records")
    assert row == {
        **{"name": "007", "said": "", "count": 3, "value": 0.5, "low": -math.inf, "each": "0.1 -2"},
        **{"right": True, "verdict": "gain"},
    }
    empty = csv_files.read(table(tmp_path, GOOD | {"value": "", "low": "", "each": ""}), COLUMNS)
    assert empty[["value", "low", "each"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("name", ""),
        *(("count", cell) for cell in ("", "x", "0.5", "nan", "inf", "True", "9" * 30, "9" * 5000)),
        *(("value", cell) for cell in ("x", "NaN", "inf", "-inf", "1e999", "1e308", "True", "0x10", "1_0")),
        *(("low", cell) for cell in ("x", "1e308", "True")),
        *(("each", cell) for cell in ("x", "1 x", "inf", "nan")),
        *(("right", cell) for cell in ("", "1", "yes")),
        *(("verdict", cell) for cell in ("", "evil")),
    ],
)
@pytest.mark.parametrize("everywhere", [False, True])
def test_a_cell_of_another_kind_is_named_with_its_column(
    column: str, cell: str, everywhere: bool, tmp_path: Path
) -> None:
    bad = GOOD | {column: cell}
    path = table(tmp_path, bad if everywhere else GOOD, bad)
    with pytest.raises(UserError, match=rf"a\.csv: column {column}: should hold .*; delete the file and run again"):
        csv_files.read(path, COLUMNS)


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"\n", b"a\n1\n", b"\x00\xff", b"name\n\xff\n", b"name\na\x00b\n", "name\n1\n".encode("utf-16")),
        *(
            b'name\n"',
            b"name,name\n1,2,3\n",
            b"name\na\na\n",
            b"name\na\rb\n",
        ),
    ],
)
def test_what_is_no_table_is_named(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(raw)
    with pytest.raises(UserError, match=r"a\.csv: .*delete the file and run again"):
        csv_files.read(tmp_path / "a.csv", {"name": "text"})


READ = pd.read_csv
COMMAS = b"," * csv_files.COLUMNS


@pytest.mark.parametrize(
    "raw",
    [
        *(
            b"name" + COMMAS,
            b"\n\nname" + COMMAS,
            b'"name\n"' + COMMAS,
            b"name\n" + COMMAS,
            b'name\n"' + b'\n"' + COMMAS,
        ),
        *(b"name\r" + COMMAS, b"\r\n" * 100 + b"name" + COMMAS),
    ],
)
def test_more_columns_than_any_table_has_are_refused_before_pandas_sees_them(
    raw: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files.pd, "read_csv", lambda *_, **__: pytest.fail("read before it was counted"))
    (tmp_path / "a.csv").write_bytes(raw)
    with pytest.raises(
        UserError, match=r"a\.csv: not a readable table \((it has more than 1,000 columns|new-line char)"
    ):
        csv_files.read(tmp_path / "a.csv", {"name": "text"})


@pytest.mark.parametrize(
    "head",
    [
        *(b"name,more\n", b"\nname,more\n", b'"name\n",more\n', b"name,more\r\n"),
        # If pandas got this text itself, it would see the start of a quoted cell; the csv module does not.
        *('\ufeff\ufeff",\n",b\n'.encode(), b" " * (2**18 - 2) + b'",\n",b\n'),
    ],
    ids=range(6),
)
def test_more_cells_than_any_table_has_are_refused(
    head: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "CELLS", 20)
    (tmp_path / "a.csv").write_bytes(head + b"".join(b"%d,1\n" % row for row in range(10)))
    frames = []
    monkeypatch.setattr(
        csv_files.pd, "read_csv", lambda *given, **how: frames.append(READ(*given, **how)) or frames[-1]
    )
    with pytest.raises(UserError, match=r"a\.csv: (not a readable table|has no column name)"):
        csv_files.read(tmp_path / "a.csv", {"name": "text"})
    assert all(frame.size <= 20 for frame in frames), "pandas read more cells than were counted"


def test_more_characters_than_any_table_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_files, "CHARACTERS", 20)
    (tmp_path / "a.csv").write_bytes(b"name\n" + b"," * 16)
    with pytest.raises(UserError, match="more than 20 characters"):
        csv_files.read(tmp_path / "a.csv", {"name": "text"})


def test_a_long_text_is_read(tmp_path: Path) -> None:
    csv_files.write(pd.DataFrame({"name": ['a, "b"\n' * 10**5]}), tmp_path / "a.csv")
    limit = csv.field_size_limit()
    assert csv_files.read(tmp_path / "a.csv", {"name": "text"})["name"].tolist() == ['a, "b"\n' * 10**5]
    assert csv.field_size_limit() == limit, "others read CSV files in this process too"


def test_a_name_that_nobody_knows_is_shown(tmp_path: Path) -> None:
    path = table(tmp_path, GOOD)
    assert len(csv_files.read(path, COLUMNS, {"name": ["007"], "elsewhere": ["x"]})) == 1
    with pytest.raises(UserError, match=r"a\.csv: column name: the suite has no 007; delete the file"):
        csv_files.read(path, COLUMNS, {"name": ["x"]})


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
    """These files hold suite titles, model answers and names chosen by others; all must come back unchanged."""
    others = ["a", "'", "it's", "1=1", "", "-5", "+24.5", "0", "'=1", "''-1", "'-5"]
    frame = pd.DataFrame({"said": pd.Series(FORMULAS + others, dtype=kind)})
    csv_files.write(frame, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    shown = [row[0] if row else "" for row in rows]
    assert shown[: len(FORMULAS)] == [f"'{formula}" for formula in FORMULAS]
    assert shown[len(FORMULAS) :] == ["a", "'", "it's", "1=1", "", "-5", "+24.5", "0", "''=1", "'''-1", "''-5"]
    back = csv_files.read(tmp_path / "x.csv", {"said": "words"})
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
        back = csv_files.read(Path(folder) / "x.csv", {"said": "words"})
    assert back["said"].fillna("").tolist() == texts
