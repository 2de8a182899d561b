"""Files of problems are untrusted: contents are limited, and a small file takes little memory, however it expands."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from bombs import MEGABYTE, capped, nothings, parquet_bombs, parquet_of, repeated
from problem_files import write

from spurious_rewards.artifacts import arrow_rows
from spurious_rewards.config.problems import ProblemSet
from spurious_rewards.problems import files, sources
from spurious_rewards.problems.preparation import prepare
from spurious_rewards.runtime.errors import UserError

ENDINGS = (".jsonl", ".json", ".parquet")


def prepared(path: Path, **keys: Any) -> dict[str, str]:
    frame, _ = prepare(ProblemSet(path=path, **keys), None, 0, {}, path.with_name("lock.yaml"))
    return dict(zip(frame["problem"], frame["answer"], strict=True))


def test_a_small_file_takes_little_memory_whatever_it_stands_for(tmp_path: Path) -> None:
    said = {
        "one text in 2,000 rows": "its problems and answers have more than 1,000 MB of text",
        "one text in 2,000 rows, as Arrow's dictionary": "its problems and answers have more than 1,000 MB of text",
        "one text of 200 MB": "its columns problem, answer come to 200 MB; allowed for a file of",
        "one page of 200 MB": "its columns problem, answer come to 200 MB; allowed for a file of",
        "texts that begin alike": "its column problem is in the encoding DELTA_BYTE_ARRAY",
        "a list of ten million nothings": "the column problem is of type list<",
        "bytes of a fixed length": "the column problem is of type fixed_size_binary[1000000]; allowed: text or numbers",
    }
    bombs = parquet_bombs("problem", answer="1")
    assert max(map(len, bombs.values())) < 100_000
    for name, content in bombs.items():
        (tmp_path / f"{name}.parquet").write_bytes(content)
    more = {
        "rows of nothing.parquet": parquet_of({"problem": pa.nulls(5_000_000, pa.string())}),
        "a list beside.parquet": parquet_of({"more": nothings(), "problem": ["1"], "answer": ["2"]}),
    }
    for name, content in more.items():
        (tmp_path / name).write_bytes(content)
    with (tmp_path / "a line.jsonl").open("wb") as file:
        file.write(b"line")
        file.truncate(10**9)
        file.seek(0, 2)
        file.write(b'\n{"problem": "1+1", "answer": "2"}\n')
    for name in ("a whole.json", "UTF-16.jsonl"):
        with (tmp_path / name).open("wb") as file:
            file.write('["'.encode("utf-16"))
            file.truncate(10**9)
    found = capped(
        "from spurious_rewards.config.problems import ProblemSet\n"
        "from spurious_rewards.problems.preparation import prepare",
        "{'dropped': prepare(ProblemSet(path=path), None, 0, {}, Path('none'))[1]['dropped']['duplicate']}",
        sorted(tmp_path.iterdir()),
    )
    for name, sentence in said.items():
        assert sentence in found.pop(f"{name}.parquet")
    assert "has 5,000,000 rows; allowed: 2,000,000" in found.pop("rows of nothing.parquet")
    assert found.pop("a list beside.parquet") == "{'dropped': 0}"
    assert "line 1: longer than 16 MB: unreadable, as 1 of 2 rows are" in found.pop("a line.jsonl")
    too_large = "has 1,000 MB; allowed: 100 MB for .json, or for .jsonl that is not UTF-8; convert it to .jsonl"
    for name in ("a whole.json", "UTF-16.jsonl"):
        assert too_large in found.pop(name)
    assert not found


def test_a_text_that_many_rows_have_counts_for_each(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    problems = [str(number) for number in range(1001)]
    path.write_bytes(parquet_of({"problem": problems, "answer": repeated(1001)}))
    with pytest.raises(UserError, match=r"rows\.parquet: its problems and answers have more than 1,000 MB of text"):
        prepared(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_text_of_a_million_characters_is_read_and_a_longer_one_is_not(tmp_path: Path, ending: str) -> None:
    rows = [{"problem": MEGABYTE, "answer": "é" * 1_000_000}, {"problem": "1+1", "answer": f"{MEGABYTE}x"}]
    path = write(tmp_path / f"rows{ending}", rows)
    place = "line 2" if ending == ".jsonl" else "row 2"
    with pytest.raises(
        UserError, match=rf"rows{ending}: {place}: answer has 1,000,001 characters; allowed: 1,000,000: unr"
    ):
        prepared(path)
    assert prepared(path, on_unreadable="drop") == {MEGABYTE: "é" * 1_000_000}


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_columns_and_text_are_limited(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"problem": f"{number}+1", "answer": "1", "more": "x" * 1000} for number in range(10)]
    path = write(tmp_path / f"rows{ending}", rows)
    for module in (files, sources):
        monkeypatch.setattr(module, "ROWS", 10)
        monkeypatch.setattr(module, "TEXT", 40 if module is sources else 10**9)
    for module in (arrow_rows, sources):
        monkeypatch.setattr(module, "COLUMNS", 3)
    assert len(prepared(path)) == len(rows)
    monkeypatch.setattr(sources, "TEXT", 39)
    with pytest.raises(UserError, match=r"more than 0\.0 kB of text"):
        prepared(path)
    monkeypatch.setattr(sources, "TEXT", 10**9)
    with pytest.raises(
        UserError, match="has 11 rows; allowed: 10" if ending == ".parquet" else "has more than 10 rows"
    ):
        prepared(write(path, [*rows, {"problem": "a", "answer": "1", "more": ""}]))
    with pytest.raises(
        UserError, match="has 4 columns; allowed: 3" if ending == ".parquet" else "have more than 3 columns"
    ):
        prepared(write(path, [{**rows[0], "and": 1}, *rows[1:]]))


def test_a_column_that_no_problem_needs_may_be_of_any_type(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet", [{"question": "1+1", "answer": "2", "problem": [1], "id": {"a": [1]}}])
    keys = {"columns": {"problem": "question", "id": "answer"}}
    assert prepared(path, **keys) == {"1+1": "2"}
    with pytest.raises(UserError, match=r"the column id is of type struct<a.*; set columns\.id of this problem set"):
        prepared(path, columns={"problem": "question"})


@pytest.mark.parametrize("number", ["1e99999999999999999999", "-0e99999999999999999999", "1E-99999999999999999999"])
def test_a_number_that_is_none_stays_text(tmp_path: Path, number: str) -> None:
    (tmp_path / "rows.jsonl").write_text(f'{{"problem": "a", "answer": {number}}}\n')
    assert prepared(tmp_path / "rows.jsonl") == {"a": number}


@pytest.mark.parametrize("content", ["[" * 10**6, '{"a":' * 10**5, "1" * 1_000_001, "[" * 10**6 + "]" * 10**6])
def test_json_of_any_depth_and_numbers_of_any_length_end_in_a_sentence(tmp_path: Path, content: str) -> None:
    for ending in (".json", ".jsonl"):
        (tmp_path / f"rows{ending}").write_text(f'[{{"problem": "1", "answer": {content}}}]')
        with pytest.raises(UserError, match=rf"rows{ending}: "):
            prepared(tmp_path / f"rows{ending}")


def test_many_equal_keys_take_linear_time(tmp_path: Path) -> None:
    keys = ", ".join(f'"k{number}": 1' for number in range(200_000))
    (tmp_path / "rows.jsonl").write_text(f'{{{keys}, "k199999": 1}}\n')
    with pytest.raises(UserError, match="line 1: has the key k199999 twice"):
        prepared(tmp_path / "rows.jsonl")


def test_what_is_too_long_is_the_only_thing_left_out() -> None:
    column = pa.array(["a", None, f"{MEGABYTE}x", "a"]).dictionary_encode()
    assert arrow_rows.rows(pa.table({"a": column})) == [
        {"a": "a"},
        {"a": None},
        {"a": arrow_rows.TooLong(1_000_001)},
        {"a": "a"},
    ]
