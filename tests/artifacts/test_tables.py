"""Tables are checked on write and on read."""

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bombs import capped, nothings, repeated

from spurious_rewards.artifacts import parquet_files, tables
from spurious_rewards.runtime.errors import UserError

FRAME = pd.DataFrame({"id": ["a", "b"], "problem": ["1 + 1", "2 + 2"], "answer": ["2", "4"], "source": ["s", "s"]})


@pytest.mark.parametrize("table", tables.Table.__subclasses__(), ids=lambda table: table.__name__)
def test_every_table_has_an_empty_form_that_survives_the_round_trip(table: type[tables.Table], tmp_path: Path) -> None:
    tables.write(tables.empty(table), table, tmp_path / "t.parquet")
    assert tables.read(tmp_path / "t.parquet", table).empty


def test_round_trip_and_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        tables.write(FRAME, tables.Problems, tmp_path / name)
    pd.testing.assert_frame_equal(tables.read(tmp_path / "one", tables.Problems), FRAME)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    "wrong",
    [
        FRAME.drop(columns="answer"),
        FRAME.assign(more=1),
        FRAME.assign(id="a"),
        FRAME.assign(answer=[1, 2]),
        FRAME.assign(answer=None),
    ],
    ids=["missing column", "extra column", "same id", "wrong type", "null"],
)
def test_a_frame_that_breaks_the_schema_is_not_written(wrong: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"column|Column|series|unique"):
        tables.write(wrong, tables.Problems, tmp_path / "t.parquet")
    assert os.listdir(tmp_path) == []


def test_rates_have_one_row_a_key(tmp_path: Path) -> None:
    key = {"model": "m", "prompt": "p", "reward": "", "variant": "", "seed": 0, "step": 0, "benchmark": "b", "id": "i"}
    row = {**key, "samples": 1, "accuracy": 1.0, "code_rate": 0.0, "right_with_code": 0.0}
    path = tmp_path / "rates.parquet"
    tables.write(pd.DataFrame([row, {**row, "seed": 1}]), tables.Rates, path)
    stranger = pq.read_table(path)
    pq.write_table(pa.concat_tables([stranger, stranger]), path)
    with pytest.raises(UserError, match=r"rates\.parquet: .*not unique"):
        tables.read(path, tables.Rates)


def test_a_truncated_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    tables.write(FRAME, tables.Problems, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"t\.parquet: not a readable Parquet file.*delete the file"):
        tables.read(path, tables.Problems)


def test_another_table_or_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    tables.write(FRAME, tables.Problems, path)
    with pytest.raises(UserError, match=r"holds table Problems version 1, but this program reads Grades"):
        tables.read(path, tables.Grades)
    monkeypatch.setattr(tables.Problems, "_VERSION", 2)
    with pytest.raises(UserError, match=r"holds table Problems version 1, but this program reads Problems version 2"):
        tables.read(path, tables.Problems)


def test_a_base_model_that_all_seeds_share_answers_for_each() -> None:
    own = pd.DataFrame({"seed": [0, 1], "x": [10, 11]})
    shared = pd.DataFrame({"seed": [tables.SHARED_BASE], "x": [9]})
    assert tables.of_seed(own, 1)["x"].tolist() == [11]
    assert tables.of_seed(shared, 1)["x"].tolist() == [9]


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file_is_no_table(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.csv"
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    with pytest.raises(UserError, match=r"a\.csv: "):
        tables.read(path, tables.Problems)
    with pytest.raises(UserError, match=r"a\.csv: not a file"):
        tables.rows(path)


def claiming(columns: dict[str, Any], path: Path) -> Path:
    """Write a file that claims to be tables.Problems, whatever it holds."""
    table = pa.table(columns)
    with pq.ParquetWriter(path, table.schema, compression="zstd", store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"table": "Problems", "version": "1"})
    return path


WRONG = {
    "other columns": (
        {"id": ["a"], "problem": ["a"], "answer": ["1"]},
        "has other columns than a table Problems of version 1",
    ),
    "in another order": ({name: ["a"] for name in ("problem", "id", "answer", "source")}, "has other columns than"),
    "a column of lists": ({**{name: ["a"] for name in FRAME}, "answer": [["1"]]}, "has other columns than"),
    "a column of bytes": ({**{name: ["a"] for name in FRAME}, "answer": [b"1"]}, "has other columns than"),
    "a column of numbers": (
        {**{name: ["a"] for name in FRAME}, "answer": [1]},
        "contains values that are invalid in table Problems .*answer",
    ),
    "equal ids": ({name: ["a", "a"] for name in FRAME}, "contains values that are invalid in table Problems .*id"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_is_not_the_table_it_says_is_refused_in_a_sentence(wrong: str, tmp_path: Path) -> None:
    columns, said = WRONG[wrong]
    with pytest.raises(UserError, match=rf"t\.parquet: {said}.*; delete the file") as error:
        tables.read(claiming(columns, tmp_path / "t.parquet"), tables.Problems)
    assert "\n" not in str(error.value)


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": ["a"]}).replace_schema_metadata({b"table": b"\xff", b"version": b"\xfe"}), path)
    with pytest.raises(UserError, match="holds table"):
        tables.read(path, tables.Problems)


def test_a_small_table_of_a_stranger_takes_little_memory_whatever_it_stands_for(tmp_path: Path) -> None:
    others = {"id": "a", "answer": "1", "source": "s"}
    one = {name: [value] for name, value in others.items()}
    claiming({"id": ["a"], "problem": nothings(), "answer": ["1"], "source": ["s"]}, tmp_path / "lists.parquet")
    repeating = {name: pa.array(value * 2000) for name, value in one.items()} | {"problem": repeated(2000)}
    claiming({name: repeating[name] for name in FRAME}, tmp_path / "repeated.parquet")
    arrow = pa.table({"id": ["a"], "problem": nothings()})
    pq.write_table(arrow, tmp_path / "none.parquet")
    found = capped(
        "from spurious_rewards.artifacts import tables",
        "len(tables.read(path, tables.Problems))",
        sorted(tmp_path.iterdir()),
    )
    assert "has other columns than a table Problems" in found["lists.parquet"]
    assert "comes to more than the 1,000 MB that are read of a file of" in found["repeated.parquet"]
    assert "holds table ? version ?" in found["none.parquet"]


def test_a_table_may_come_to_more_the_larger_its_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    tables.write(FRAME, tables.Problems, path)
    monkeypatch.setattr(tables, "IN_MEMORY", 10)
    pd.testing.assert_frame_equal(tables.read(path, tables.Problems), FRAME)
    monkeypatch.setattr(tables, "RATIO", 0)
    with pytest.raises(UserError, match=r"t\.parquet: its columns .* allowed for a file of .* kB: 0\.0 kB"):
        tables.read(path, tables.Problems)


def test_large_columns_are_read_in_batches_to_the_same_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame({name: [f"{name}{number}" for number in range(3000)] for name in FRAME})
    tables.write(frame, tables.Problems, path)
    monkeypatch.setattr(parquet_files, "LARGE", 0)
    pd.testing.assert_frame_equal(tables.read(path, tables.Problems), frame)
    assert len(list(parquet_files.row_groups(path, parquet_files.opened(path), list(FRAME)))) == 3
