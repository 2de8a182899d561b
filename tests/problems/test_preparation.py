import random
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hub import as_client, commit_of, parquet, serving
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from problem_files import write
from pydantic import ValidationError

from spurious_rewards.artifacts import arrow_rows
from spurious_rewards.artifacts.tables import Problems
from spurious_rewards.config.models import Organism
from spurious_rewards.config.problems import ArithmeticProblems, Overlap, ProblemSet, ReasoningGym
from spurious_rewards.problems.preparation import prepare, text_hash
from spurious_rewards.runtime.errors import UserError

NO_LOCK = Path("no.lock.yaml")


def prepared(path: Path, data_seed: int = 0, **keys: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    return prepare(ProblemSet(path=path, **keys), None, data_seed, {}, NO_LOCK)


def answers(frame: pd.DataFrame) -> dict[str, str]:
    return dict(zip(frame["problem"], frame["answer"], strict=True))


# ---------------------------------------------------------------- properties

texts = st.sampled_from(["", " ", "1+1", " 1+1", "1+1\n", "2+2", "3+3", "x\u00a0", "é", "4+4 "])
values = st.sampled_from(["", " ", None, "2", "2 ", "4", 4, 4.5, float("nan")])
rows_without_ids = st.lists(st.fixed_dictionaries({"problem": texts, "answer": values}), min_size=1, max_size=12)
rows_with_ids = st.lists(
    st.fixed_dictionaries({"problem": texts, "answer": values, "id": st.integers(0, 99)}),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row["id"],
)


def is_filled(row: dict[str, Any]) -> bool:
    return bool(row["problem"].strip() and str(row["answer"]).strip() not in ("", "None", "nan"))


@settings(max_examples=60, deadline=None)
@given(rows=rows_without_ids | rows_with_ids, shuffle=st.randoms(use_true_random=False), data_seed=st.integers(0, 3))
def test_nothing_is_lost_and_row_order_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], shuffle: random.Random, data_seed: int
) -> None:
    assume(any(is_filled(row) for row in rows))
    folder = tmp_path_factory.mktemp("rows")
    frame, card = prepared(write(folder / "rows.jsonl", rows), data_seed)

    assert card["rows"] == len(rows) == card["kept"] + sum(card["dropped"].values())
    assert card["dropped"]["blank"] == sum(not is_filled(row) for row in rows)
    assert sorted(frame["problem"].str.strip()) == sorted({row["problem"].strip() for row in rows if is_filled(row)})
    assert frame["id"].is_unique
    pd.testing.assert_frame_equal(frame, Problems.validate(frame))

    shuffle.shuffle(rows)
    again, card_again = prepared(write(folder / "rows.jsonl", rows), data_seed)
    pd.testing.assert_frame_equal(frame, again)
    assert {**card, "dropped_rows": 0} == {**card_again, "dropped_rows": 0}


@settings(max_examples=20, deadline=None)
@given(
    problems=st.sets(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), min_size=2
    ),
)
def test_a_derived_id_depends_on_the_problem_alone(
    tmp_path_factory: pytest.TempPathFactory, problems: set[str]
) -> None:
    rows = [{"problem": f"compute {problem}", "answer": "1"} for problem in problems]
    folder = tmp_path_factory.mktemp("rows")
    frame, _ = prepared(write(folder / "rows.jsonl", rows))
    fewer, _ = prepared(write(folder / "rows.jsonl", [{**row, "answer": "2"} for row in rows[1:]]))
    assert frame["id"].is_unique
    assert set(fewer["id"]) <= set(frame["id"])


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".parquet"])
def test_numbers_become_the_text_that_they_are(tmp_path: Path, ending: str) -> None:
    floats = write(tmp_path / f"floats{ending}", [{"problem": "a", "answer": 142.0}, {"problem": "b", "answer": None}])
    frame, card = prepared(floats)
    assert answers(frame) == {"a": "142.0"}
    assert card["dropped"]["blank"] == 1
    integers = write(tmp_path / f"integers{ending}", [{"problem": "a", "answer": 142, "id": 7}])
    assert prepared(integers)[0].iloc[0].tolist() == ["7", "a", "142", f"integers{ending}"]


def test_digits_that_a_float_cannot_hold_survive(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"problem": "a", "answer": 0.12345678901234567890}\n{"problem": "b", "answer": NaN}\n')
    frame, card = prepared(path)
    assert answers(frame) == {"a": "0.12345678901234567890"}
    assert card["dropped_rows"] == {"blank": ["line 2"]}


def test_equal_problems_with_other_answers_are_counted_apart(tmp_path: Path) -> None:
    rows = [
        {"id": "b", "problem": "1+1", "answer": "3"},
        {"id": "a", "problem": "1+1 ", "answer": "2"},
        {"id": "c", "problem": "1+1", "answer": "2"},
        {"id": "d", "problem": "2+2", "answer": "4"},
    ]
    path = write(tmp_path / "rows.jsonl", rows)
    frame, card = prepared(path)
    assert set(frame["id"]) == {"a", "d"}
    assert card["dropped"] == {
        "unreadable": 0,
        "blank": 0,
        "duplicate": 2,
        "overlap": 0,
        "only": 0,
        "skip": 0,
        "limit": 0,
        "long": 0,
    }
    assert card["dropped_rows"] == {"duplicate": ["line 1", "line 3"]}
    assert card["conflicting_answers"] == 1
    with pytest.raises(UserError, match=r"line 1: duplicate, as 2 of 4 rows are.*duplicate: drop"):
        prepared(path, on_duplicate="refuse")


def test_one_id_for_two_problems_is_refused(tmp_path: Path) -> None:
    rows = [{"id": 1, "problem": "1+1", "answer": 2}, {"id": 1, "problem": "2+2", "answer": 4}]
    with pytest.raises(UserError, match=r"line 1 and line 2 are different problems with the same id 1; .*columns\.id"):
        prepared(write(tmp_path / "rows.jsonl", rows))


def test_the_source_says_which_column_is_which(tmp_path: Path) -> None:
    rows = [{"unique_id": "u", "name": "n", "question": "1+1", "answer": "2", "problem": "another"}]
    path = write(tmp_path / "rows.parquet", rows)
    assert prepared(path)[0].iloc[0].tolist()[:2] == ["u", "another"]
    frame, card = prepared(path, columns={"problem": "question", "id": "name"})
    assert frame.iloc[0].tolist() == ["n", "1+1", "2", "rows.parquet"]
    assert card["columns"] == {"id": "name", "problem": "question", "answer": "answer"}


def test_limit_takes_the_first_of_an_order_drawn_by_the_data_seed(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [{"id": n, "problem": f"{n}+0", "answer": n} for n in range(50)])
    whole, card = prepared(path)
    some, limited = prepared(path, limit=20)
    pd.testing.assert_frame_equal(some, whole.head(20))
    assert limited["dropped"]["limit"] == 30
    assert card["sha256"] != limited["sha256"]
    other, _ = prepared(path, data_seed=1)
    assert list(other["id"]) != list(whole["id"]) != sorted(whole["id"])
    assert set(other["id"]) == set(whole["id"])


def test_only_keeps_the_problems_whose_text_has_a_hash_that_it_names(tmp_path: Path) -> None:
    rows = [{"id": n, "problem": f"{n}+0", "answer": n} for n in range(9)]
    path = write(tmp_path / "rows.jsonl", [*rows, {"id": "x", "problem": " 4+0\n", "answer": 4}])
    # printf '4+0' | sha256sum
    assert text_hash("4+0") == text_hash("\n4+0 ") == "e2a3a41cc00b"
    frame, card = prepared(path, only=["e2a3a41cc00b", text_hash("7+0")])
    assert answers(frame) == {"4+0": "4", "7+0": "7"}
    assert card["dropped"] == {
        "unreadable": 0,
        "blank": 0,
        "duplicate": 1,
        "overlap": 0,
        "only": 7,
        "skip": 0,
        "limit": 0,
        "long": 0,
    }
    assert len(prepared(path, only=["e2a3a41cc00b", text_hash("7+0")], limit=1)[0]) == 1


def test_a_hash_that_no_problem_has_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [{"problem": "1+1", "answer": 2}, {"problem": "2+2", "answer": ""}])
    blank = text_hash("2+2")  # its row is dropped before the selection
    with pytest.raises(
        UserError, match=rf"rows\.jsonl: none of 1 problems has the hash {blank} .*spurious-rewards problem-hash"
    ):
        prepared(path, only=[text_hash("1+1"), blank])


def test_limit_keeps_the_same_ids_whatever_the_numbers_and_the_wording() -> None:
    def generated(**keys: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
        made = ArithmeticProblems(part="evaluation", **keys)
        return prepare(ProblemSet(generated=made, limit=40), Organism(), 0, {}, NO_LOCK)

    own, other, story = generated(), generated(numbers="other"), generated(wording="story")
    assert list(own[0]["id"]) == list(other[0]["id"]) == list(story[0]["id"])
    assert list(own[0]["answer"]) == list(story[0]["answer"]) != list(other[0]["answer"])
    assert [card["read_from"] for _, card in (own, other, story)] == [
        "organism evaluation 3",
        "organism evaluation 3, other numbers",
        "organism evaluation 3, as stories",
    ]


def test_generated_problems_go_the_same_way() -> None:
    def generated(part: Any, **keys: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
        problem_set = ProblemSet(generated=ArithmeticProblems(part=part), **keys)
        return prepare(problem_set, Organism(), 0, {}, NO_LOCK)

    evaluation, card = generated("evaluation", limit=40)
    reinforcement, _ = generated("reinforcement")
    assert len(evaluation) == 40 == card["kept"]
    assert not set(evaluation["problem"]) & set(reinforcement["problem"])
    assert set(evaluation["source"]) == {"organism evaluation 3"}


# ---------------------------------------------------------------- bad input

GOOD = b'{"problem": "1+1", "answer": "2"}\n'

BAD_FILES = {
    "cut short": (
        "rows.jsonl",
        GOOD + b'{"problem": "2+',
        r"rows\.jsonl: line 2: broken JSON: Unterminated string.*column",
    ),
    "not an object": ("rows.jsonl", GOOD + b"\n[1]\n", r"line 3: not an object: unreadable, as 1 of 2 rows"),
    "not UTF-8": ("rows.jsonl", GOOD + b'{"problem": "\xff", "answer": 1}', r"line 2: not UTF-8 \(byte 14 is 0xff\)"),
    "too deep": ("rows.jsonl", GOOD + b"[" * 100_000, r"line 2: broken JSON"),
    "answer is a list": (
        "rows.jsonl",
        GOOD + b'{"problem": "a", "answer": [1]}',
        r"line 2: answer is a list; allowed: text",
    ),
    "answer is true": ("rows.jsonl", b'{"problem": "a", "answer": true}', r"line 1: answer is a bool; allowed: text"),
    "surrogate": ("rows.jsonl", b'{"problem": "\\ud800", "answer": 1}', r"line 1: problem holds half a surrogate pair"),
    "no column": (
        "rows.jsonl",
        b'{"problem": "a", "solution": 1}',
        r"no column answer; found: problem, solution; set columns\.answer",
    ),
    "all blank": ("rows.jsonl", b'{"problem": "a", "answer": ""}', r'no row of 1 is left \(left out: .*"blank": 1'),
    "empty": ("rows.jsonl", b"", r"holds no rows; name a file"),
    "broken list": ("rows.json", b'[{"problem": "a",\n "answer": 1},\n', r"rows\.json: broken JSON: .*line 3 column 1"),
    "not a list": (
        "rows.json",
        b'{"problem": "a", "answer": 1}',
        r"rows\.json: holds an object; allowed: a list of objects",
    ),
    "not Parquet": ("rows.parquet", b"PAR1 and then nothing", r"rows\.parquet: not a readable Parquet file"),
    "lines in a list's file": ("rows.json", GOOD + GOOD, r"rows\.json: broken JSON: Extra data.*call it \.jsonl"),
    "a single value": ("rows.json", b"7", r"rows\.json: holds a single value; allowed: a list"),
    "not UTF-8 at all": (
        "rows.json",
        '["概率"]'.encode("gbk"),
        r"rows\.json: line 1 is not UTF-8; save the file as UTF-8",
    ),
    "not UTF-16 either": (
        "rows.jsonl",
        b"\xff\xfe{\x00\x00\xd8\n\x00",
        r"line 1 is not UTF-16; save the file as UTF-8",
    ),
    "key twice": (
        "rows.jsonl",
        GOOD + b'{"problem": "a", "answer": 1, "answer": 2}',
        r"line 2: has the key answer twice",
    ),
    "key twice in a list": (
        "rows.json",
        b'[{"problem": "a", "problem": "b"}]',
        r"row 1: has the key problem twice",
    ),
    "NUL": ("rows.jsonl", b'{"problem": "a\\u0000", "answer": 1}', r"line 1: problem holds the character NUL"),
    "old Mac": ("rows.jsonl", GOOD.replace(b"\n", b"\r") * 2, r"line 1: broken JSON: Extra data"),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_named_with_what_to_do(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        prepared(tmp_path / name)


def test_unreadable_rows_are_dropped_and_named_where_the_suite_says_so(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(GOOD + b"{\n7\n")
    frame, card = prepared(tmp_path / "rows.jsonl", on_unreadable="drop")
    assert answers(frame) == {"1+1": "2"}
    assert card["dropped"]["unreadable"] == 2
    assert card["dropped_rows"]["unreadable"][1] == "line 3: not an object"


def test_a_truncated_parquet_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet", [{"problem": f"{n}", "answer": n} for n in range(1000)])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"rows\.parquet: not a readable Parquet file, perhaps cut short"):
        prepared(path)


def parquet_of(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


HALF = pa.float16()
AS_WRITTEN = {
    "float16": (pa.array([0.1, 1 / 3, 2048.0], HALF), ["0.1", "0.3333", "2048.0"]),
    "float32": (pa.array([0.1, 1e-7, 16777216.0], pa.float32()), ["0.1", "0.0000001", "16777216.0"]),
    "float64": (pa.array([0.1, 1e22]), ["0.1", "10000000000000000000000"]),
    "float32 in a dictionary": (
        pa.DictionaryArray.from_arrays(pa.array([1, 0]), pa.array([0.1, 0.7], pa.float32())),
        ["0.7", "0.1"],
    ),
    "text in a dictionary": (pa.array(["x", "y"]).dictionary_encode(), ["x", "y"]),
    "int8": (pa.array([-7, 0], pa.int8()), ["-7", "0"]),
    "uint64": (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
    "decimal": (pa.array([Decimal("1.50"), Decimal("0")], pa.decimal128(9, 2)), ["1.50", "0.00"]),
    "decimal of many places": (
        pa.array([Decimal("0"), Decimal("0.0000001")], pa.decimal128(9, 7)),
        ["0.0000000", "0.0000001"],
    ),
    "large text": (pa.array(["概率"], pa.large_string()), ["概率"]),
    "text view": (pa.array(["θ"], pa.string_view()), ["θ"]),
}


@pytest.mark.parametrize("kind", AS_WRITTEN)
def test_every_column_of_parquet_is_read_as_it_was_written(tmp_path: Path, kind: str) -> None:
    column, texts = AS_WRITTEN[kind]
    names = [f"p{number}" for number in range(len(column))]
    frame, _ = prepared(parquet_of(tmp_path / "rows.parquet", problem=names, answer=column))
    assert answers(frame) == dict(zip(names, texts, strict=True))


REFUSED = {
    "date": (pa.array([date(2025, 6, 12)]), "row 1: answer is a date"),
    "time": (pa.array([1], pa.time64("ns")), r"row 1: answer (is a time|cannot be read as time64)"),
    "timestamp of the year 300,000": (
        pa.array([2**53], pa.timestamp("ms")),
        "row 1: answer cannot be read as timestamp",
    ),
    "list": (
        pa.array([["1"]]),
        r"rows\.parquet: the column answer is of type list<.*allowed: text or numbers; set columns\.answer",
    ),
    "struct": (pa.array([{"a": 1}]), "the column answer is of type struct<"),
    "bytes": (pa.array([b"1"]), "the column answer is of type binary;"),
    "bool": (pa.array([True]), "row 1: answer is a bool"),
    "infinity": (pa.array([float("inf")]), "row 1: answer is infinite"),
    "infinity of 16 bits": (pa.array([float("-inf")], HALF), "row 1: answer is infinite"),
    "broken text": (
        pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")]),
        "row 1: answer cannot be read as string",
    ),
    "NUL": (pa.array(["a\0b"]), "row 1: answer holds the character NUL"),
    "nothing": (pa.array([None]), "no row of 1 is left"),
    "NaN": (pa.array([float("nan")], HALF), "no row of 1 is left"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_value_that_is_no_answer_is_refused_with_its_row(tmp_path: Path, kind: str) -> None:
    column, said = REFUSED[kind]
    with pytest.raises(UserError, match=said):
        prepared(parquet_of(tmp_path / "rows.parquet", problem=["a"], answer=column))


@given(values=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_narrow_numbers_survive_as_the_shortest_decimal_that_is_stored_as_them(values: list[float]) -> None:
    for kind, stored in ((pa.float32(), np.float32), (pa.float16(), np.float16)):
        with np.errstate(over="ignore"):
            fitting = [value for value in values if np.isfinite(stored(value))]
        read = arrow_rows.rows(pa.table({"a": pa.array([stored(value) for value in fitting], kind)}))
        for row, value in zip(read, fitting, strict=True):
            assert stored(row["a"]) == stored(value)
            assert len(repr(abs(row["a"])).replace(".", "").strip("0")) <= len(repr(abs(float(stored(value)))))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["q"]), pa.array(["3"]), pa.array(["4"])], ["problem", "answer", "answer"])
    pq.write_table(table, tmp_path / "rows.parquet")
    with pytest.raises(UserError, match=r"rows\.parquet: 2 columns are called answer; rename or delete one"):
        prepared(tmp_path / "rows.parquet")


def test_a_folder_of_parts_is_said_to_be_one(tmp_path: Path) -> None:
    parts = tmp_path / "rows.parquet"
    parts.mkdir()
    with pytest.raises(UserError, match=r"rows\.parquet: this is a folder; name one file, after putting them together"):
        prepared(parts)
    parquet_of(parts / "part-0.parquet", problem=["a"], answer=["1"])
    with pytest.raises(UserError, match=r"this is a folder; name one file, such as .*part-0\.parquet"):
        prepared(parts)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("ending", [".jsonl", ".json"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_json_of_every_unicode_encoding_is_read(tmp_path: Path, encoding: str, ending: str, newline: str) -> None:
    row = '{"problem": "1 + 1 等于多少?", "answer": 2.50}'
    text = f"{row}{newline}" if ending == ".jsonl" else f"[{newline}{row}{newline}]"
    path = tmp_path / f"rows{ending}"
    path.write_bytes(text.encode(encoding))
    assert answers(prepared(path)[0]) == {"1 + 1 等于多少?": "2.50"}


def test_numbers_of_json_with_an_exponent_are_written_in_full(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    numbers = {"a": "1e-05", "b": "2.5E+3", "c": "1e22", "d": "-1.0", "e": "1e999999"}
    path.write_text("".join(f'{{"problem": "{name}", "answer": {text}}}\n' for name, text in numbers.items()))
    written = {"a": "0.00001", "b": "2500", "c": "1" + 22 * "0", "d": "-1.0", "e": "1e999999"}
    assert answers(prepared(path)[0]) == written


def test_what_python_writes_besides_json_is_no_value_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"problem": "a", "answer": 1}\n{"problem": "b", "answer": NaN}\n', encoding="utf-8")
    frame, card = prepared(path)
    assert answers(frame) == {"a": "1"}
    assert card["dropped_rows"] == {"blank": ["line 2"]}
    path.write_text('{"problem": "a", "answer": -Infinity}\n', encoding="utf-8")
    with pytest.raises(UserError, match="line 1: answer is infinite"):
        prepared(path)


def test_an_ending_that_says_no_format_is_known_from_the_suite(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"rows\.csv: unknown file format; allowed: \.jsonl"):
        ProblemSet(path=tmp_path / "rows.csv")
    (tmp_path / "rows.csv").write_text("problem,answer\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"unknown file format \.csv; allowed: \.jsonl, \.json, \.parquet"):
        prepare(ProblemSet(hub="a/b"), None, 0, {"a/b": tmp_path / "rows.csv"}, NO_LOCK)


def test_a_missing_file_and_a_missing_mapped_column_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.jsonl: no such file"):
        prepared(tmp_path / "none.jsonl")
    path = write(tmp_path / "rows.jsonl", [{"problem": "a", "answer": 1}])
    with pytest.raises(UserError, match=r"no column uid; found: problem, answer; set columns\.id"):
        prepared(path, columns={"id": "uid"})


# ---------------------------------------------------------------- the hub


@pytest.mark.parametrize("ours", [True, False])
def test_a_local_copy_stands_for_the_hub(tmp_path: Path, ours: bool) -> None:
    problem_set = ProblemSet(hub="some/set", columns={"problem": "question"})
    path = write(tmp_path / "copy.jsonl", [{"problem" if ours else "question": "1+1", "answer": "2"}])
    frame, card = prepare(problem_set, None, 0, {"some/set": path}, tmp_path / "lock.yaml")
    assert answers(frame) == {"1+1": "2"}
    assert (card["source"], card["read_from"], card["revision"]) == ("some/set", str(path), None)
    assert not (tmp_path / "lock.yaml").exists()


def test_a_folder_with_the_name_of_a_hub_dataset_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some" / "set").mkdir(parents=True)
    with pytest.raises(UserError, match=r"some/set: a folder here has the name"):
        prepare(ProblemSet(hub="some/set"), None, 0, {}, tmp_path / "lock.yaml")


CLIENT = """
import json, sys
from pathlib import Path
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.config.problems import ProblemSet
from spurious_rewards.problems.preparation import prepare

results = []
for keys, lock in json.loads(sys.argv[1]):
    try:
        frame, card = prepare(ProblemSet(**keys), None, 0, {}, Path(lock))
        results.append([dict(zip(frame["problem"], frame["answer"])), card["revision"]])
    except UserError as error:
        results.append(str(error))
print(json.dumps(results))
"""


TWO_PARTS = {
    "README.md": b"""---
configs:
- {config_name: I, data_files: [{split: test, path: one.jsonl}]}
- {config_name: II, data_files: [{split: test, path: two.jsonl}]}
---
""",
    "one.jsonl": b'{"question": "1+1", "answer": "2"}\n',
    "two.jsonl": b'{"question": "1+2", "answer": "3"}\n',
}
OLD = {"data/train-00000-of-00001.parquet": parquet([{"id": 0, "problem": "1+1", "answer": 142.0}])}
NEW = {"data/train-00000-of-00001.parquet": parquet([{"id": 0, "problem": "1+1", "answer": 7.0}])}


def test_the_lock_file_pins_what_the_hub_said_first(tmp_path: Path) -> None:
    two_parts = {"hub": "some/two-parts", "split": "test", "subsets": ["I", "II"], "columns": {"problem": "question"}}
    one = {"hub": "some/set"}
    mine, theirs = tmp_path / "mine.yaml", tmp_path / "theirs.yaml"
    old, new = [{"1+1": "142.0"}, commit_of(OLD)], [{"1+1": "7.0"}, commit_of(NEW)]
    with serving({"some/two-parts": [TWO_PARTS], "some/set": [OLD]}) as hub:
        first = as_client(CLIENT, [(two_parts, str(mine)), (one, str(mine))], hub.endpoint, tmp_path / "home")
        assert first == [[{"1+1": "2", "1+2": "3"}, commit_of(TWO_PARTS)], old]
        assert yaml.safe_load(mine.read_text()) == {
            "datasets": {"some/set": {"main": commit_of(OLD)}, "some/two-parts": {"main": commit_of(TWO_PARTS)}},
            "models": {},
        }
        hub.repositories["some/set"].append(NEW)
        unknown = {"hub": "some/nothing"}
        wanted = [(one, str(mine)), (one, str(theirs)), (unknown, str(mine)), ({**one, "split": "test"}, str(mine))]
        *fetched, no_set, no_split = as_client(CLIENT, wanted, hub.endpoint, tmp_path / "home")
        assert fetched == [old, new]
        assert hub.requests.count("GET /api/datasets/some/set/revision/main") == 2  # once for each lock file
        assert no_set.startswith("some/nothing: this dataset cannot be fetched from the hub: 404")
        assert 'Unknown split "test"' in no_split

    # Without a hub, the commit in the lock file counts, although another one of the same set was cached later.
    *cached, uncached = as_client(CLIENT, wanted[:3], "http://127.0.0.1:9", tmp_path / "home", HF_HUB_OFFLINE="1")
    assert cached == [old, new]
    assert "`sources: {some/nothing: PATH}` in config.yaml" in uncached


# ---------------------------------------------------------------- skipped, decontaminated and generated problems


def test_what_is_skipped_is_what_training_takes_first(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [{"problem": f"{n}+1", "answer": str(n + 1)} for n in range(9)])
    whole, _ = prepared(path)
    held_out, card = prepared(path, skip=4, limit=3)
    assert held_out["id"].tolist() == whole["id"].tolist()[4:7]
    assert (card["kept"], card["dropped"]["skip"], card["dropped"]["limit"]) == (3, 4, 2)


def test_copies_of_a_benchmark_are_left_out_of_training(tmp_path: Path) -> None:
    rows = [
        {"id": "copy", "problem": "What  is $1+1$ ?", "answer": "2"},
        {"id": "own", "problem": "2+2", "answer": "4"},
    ]
    problem_set = ProblemSet(path=write(tmp_path / "rows.jsonl", rows), decontaminate=("benchmark",))
    benchmark = pd.DataFrame({"id": ["b"], "problem": ["what is 1 + 1?"], "answer": ["2"], "source": ["b"]})
    frame, card = prepare(problem_set, None, 0, {}, NO_LOCK, {"benchmark": benchmark}, Overlap())
    assert frame["id"].tolist() == ["own"]
    assert card["dropped"]["overlap"] == 1
    assert card["dropped_rows"]["overlap"] == ["line 1"]


def test_generated_problems_follow_their_seed() -> None:
    def made(seed: int) -> pd.DataFrame:
        wanted = ReasoningGym(dataset="chain_sum", size=6, seed=seed, options={"min_terms": 3, "max_terms": 3})
        frame, _ = prepare(ProblemSet(reasoning_gym=wanted), None, 0, {}, NO_LOCK)
        return frame

    assert made(1).equals(made(1))
    assert set(made(1)["problem"]).isdisjoint(made(101)["problem"])
    for problem, answer in answers(made(1)).items():
        terms = problem.rpartition(":")[2].strip(" =")
        assert len(terms.split()) == 5
        assert eval(terms) == int(answer)


def test_texts_of_generated_problems_metadata_are_columns() -> None:
    wanted = ReasoningGym(dataset="basic_arithmetic", size=6, seed=1, options={"allow_parentheses": False})
    whole, bare = (
        prepare(ProblemSet(reasoning_gym=wanted, columns=columns), None, 0, {}, NO_LOCK)[0]
        for columns in ({}, {"problem": "expression"})
    )
    asked = dict(zip(whole["id"], whole["problem"], strict=True))
    expressions = dict(zip(bare["id"], bare["problem"], strict=True))
    assert asked == {name: f"Calculate {expression}." for name, expression in expressions.items()}


@pytest.mark.parametrize(("dataset", "options"), [("no_such_set", {}), ("chain_sum", {"no_such_option": 1})])
def test_what_reasoning_gym_does_not_have_is_said(dataset: str, options: dict[str, int]) -> None:
    wanted = ReasoningGym(dataset=dataset, size=2, seed=0, options=options)
    with pytest.raises(UserError, match=rf"reasoning-gym {dataset}, seed 0: .*no_such"):
        prepare(ProblemSet(reasoning_gym=wanted), None, 0, {}, NO_LOCK)


def test_problems_that_are_too_long_are_left_out_and_counted_before_any_is_skipped(tmp_path: Path) -> None:
    rows = [{"problem": "1" * length, "answer": "1"} for length in (3, 4, 5, 6)]
    frame, card = prepared(write(tmp_path / "p.jsonl", rows), max_characters=4, skip=1)
    assert len(frame) == 1
    assert frame["problem"].str.len().max() <= 4
    assert (card["dropped"]["long"], card["dropped"]["skip"]) == (2, 1)
