"""Imported runs: their responses are taken, their checkpoints generate answers, and both are marked as imported."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from bombs import MEGABYTE, capped, parquet_bombs

from spurious_rewards.artifacts import tables
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.loading import load
from spurious_rewards.config.messages import validate
from spurious_rewards.config.settings import Settings
from spurious_rewards.config.suite import Suite
from spurious_rewards.generation import imported as generation_imported
from spurious_rewards.generation.tasks import Task
from spurious_rewards.reporting.exhibits.shared import sizes_of
from spurious_rewards.runtime.errors import LONGEST, UserError
from spurious_rewards.stages import generate, grade, resources, score, train
from spurious_rewards.stages.study import Study

TINY = Path(__file__).parents[1] / "workflow" / "tiny.yaml"
RUN = Run(model="organism", prompt="plain", reward="random", variant="default", seeds="3")
SUMS = pd.DataFrame({"id": ["a", "b"], "problem": ["1+1", "1+2"], "answer": ["2", "3"]})
TASK = Task("amc", SUMS, 2, 0.6)


def responses(**changes: object) -> pd.DataFrame:
    rows = [
        {"step": 4, "benchmark": "amc", "id": id_, "sample": sample, "response": "2", "tokens": 1, "truncated": False}
        for id_ in SUMS["id"]
        for sample in range(2)
    ]
    return pd.DataFrame(rows).assign(**changes)


def importing(**imported: object) -> dict[str, Any]:
    content = yaml.safe_load(TINY.read_text())
    content["experiments"]["main"]["seeds"] = ["0-1", "3"]
    given = {"model": "organism", "reward": "random", "seed": 3, "origin": "a colleague's cluster", **imported}
    return {**content, "imports": [given]}


def suite(**imported: object) -> Suite:
    return validate(Suite, importing(**imported), "tiny.yaml")


def test_responses_are_taken_whole_with_the_run_s_seed(tmp_path: Path) -> None:
    file, output = tmp_path / "theirs.parquet", tmp_path / "responses.parquet"
    pd.concat([responses(seed=77), responses(benchmark="another", seed=77)]).to_parquet(file)
    generation_imported.take(file, 3, [4], [TASK], output)
    taken = tables.read(output, tables.Responses)
    assert set(taken["seed"]) == {3}
    assert set(taken["benchmark"]) == {"amc"}
    pd.testing.assert_frame_equal(taken.drop(columns="seed"), responses())


def test_a_message_is_short_however_long_the_names_are(tmp_path: Path) -> None:
    frame = pd.concat([responses(), responses(id="c" * 1_000_000)])
    frame.to_parquet(tmp_path / "theirs.parquet")
    with pytest.raises(UserError, match=r"no problem ccc.*is in this benchmark") as raised:
        generation_imported.take(tmp_path / "theirs.parquet", 3, [4], [TASK], tmp_path / "responses.parquet")
    assert len(str(raised.value)) <= LONGEST


@pytest.mark.parametrize(
    ("frame", "steps", "said"),
    [
        (responses(), [2, 4], r"step 2, amc, problem a: samples none; expected: samples 0 to 1, each once"),
        (responses().iloc[:3], [4], r"step 4, amc, problem b: samples 0; expected: samples 0 to 1"),
        (pd.concat([responses(), responses().iloc[:1]]), [4], r"step 4, amc, problem a: samples 0, 0, 1; expected:"),
        (pd.concat([responses(), responses(id="c")]), [4], r"no problem c is in this benchmark"),
        (responses().drop(columns="truncated"), [4], r"cannot be imported \(.*truncated.*columns step, benchmark, id"),
        (responses(tokens=-1), [4], r"cannot be imported"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, frame: pd.DataFrame, steps: list[int], said: str) -> None:
    frame.to_parquet(tmp_path / "theirs.parquet")
    with pytest.raises(UserError, match=said):
        generation_imported.take(tmp_path / "theirs.parquet", 3, steps, [TASK], tmp_path / "responses.parquet")
    assert not (tmp_path / "responses.parquet").exists()


def test_a_file_that_is_no_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "theirs.parquet").write_text("{}")
    with pytest.raises(UserError, match=r"theirs\.parquet: cannot be imported"):
        generation_imported.take(tmp_path / "theirs.parquet", 3, [4], [TASK], tmp_path / "responses.parquet")


def test_an_imported_run_is_one_segment_that_is_answered_by_what_was_given(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    whole = suite(checkpoints={2: str(tmp_path / "checkpoint"), 4: "somebody/their-model"})
    study = Study(whole, Settings(), TINY)
    assert whole.segments(RUN) == [(0, 4)]
    assert generate.inputs_of_run(study, RUN, 0, 4) == {}
    given = json.loads(generate.job_of_run(study, RUN, 0, 4).as_json())["given"]
    assert [(each["seed"], each["step"]) for each in given] == [(3, 2), (3, 4)]
    [content] = study.contents.locations([tmp_path / "checkpoint"])
    assert given[0]["weights"] == {"content": content}
    assert generate.copies_of_run(study, RUN) == [tmp_path / "checkpoint"]
    assert given[1]["weights"]["hub"] == "somebody/their-model"
    assert generate.checkpoints_of_run(study, RUN, 0, 4) == len(given)
    segment = study.paths.segment(RUN, 0, 4)
    assert segment / "grades.parquet" in grade.grades(study, "main")
    assert segment / "metrics.parquet" not in train.metrics(study, "main")
    assert study.paths.segment(RUN.model_copy(update={"seeds": "0-1"}), 0, 2) / "metrics.parquet" in train.metrics(
        study, "main"
    )


def test_imported_responses_are_known_by_their_content_and_need_no_gpu(tmp_path: Path) -> None:
    (tmp_path / "theirs.parquet").write_text("theirs")
    study = Study(suite(responses=str(tmp_path / "theirs.parquet")), Settings(), TINY)
    assert generate.inputs_of_run(study, RUN, 0, 4) == {}
    assert generate.copies_of_run(study, RUN) == [tmp_path / "theirs.parquet"]
    job = json.loads(generate.job_of_run(study, RUN, 0, 4).as_json())
    assert (job["imported"], job["steps"]) == ({"content": sha256(b"theirs").hexdigest()}, [4])
    assert "colleague" not in generate.job_of_run(study, RUN, 0, 4).as_json(), (
        "a note for readers must not answer anything again"
    )
    assert resources.of_answers(study, RUN).gpus == 0
    assert generate.checkpoints_of_run(study, RUN, 0, 4) == 0


def test_the_numbers_of_an_experiment_say_what_was_imported() -> None:
    imported = suite(responses="theirs.parquet")
    job = json.loads(score.job(Study(imported, Settings(), TINY), "main", "organism").as_json())
    assert len(job["suite"]["imports"]) == 1
    rows = pd.DataFrame({"model": ["organism"], "reward": ["random"]})
    said = "Imported, not trained here: organism, =Random, $\\foo$ \\input{x} {y} <b>|, seed 3 (a colleague's cluster)."
    assert said in sizes_of(rows, imported, "amc")
    assert "Imported" not in sizes_of(rows.assign(reward="majority_vote"), imported, "amc")


@pytest.mark.parametrize(
    ("imported", "said"),
    [
        ({"responses": "theirs.parquet", "seed": 0}, r"imports\[0\].*no experiment has this run"),
        ({"checkpoints": {2: "a/b"}}, r"imports\[0\]\.checkpoints = \[2\]: tables report step 4"),
        ({"checkpoints": {4: "a/b"}, "responses": "x.parquet"}, r"either checkpoints or responses"),
        ({"responses": "x.parquet", "reward": "randon"}, r"imports\[0\]\.reward = .?randon.?.*random"),
    ],
)
def test_imports_that_do_not_fit_are_named(tmp_path: Path, imported: dict[str, object], said: str) -> None:
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(importing(**imported)))
    with pytest.raises(UserError, match=said):
        load(file)


def test_a_response_of_a_million_characters_is_taken_and_a_longer_one_is_not(tmp_path: Path) -> None:
    file, output = tmp_path / "theirs.parquet", tmp_path / "responses.parquet"
    responses(response=MEGABYTE).to_parquet(file)
    generation_imported.take(file, 3, [4], [TASK], output)
    assert set(tables.read(output, tables.Responses)["response"]) == {MEGABYTE}
    output.unlink()
    responses(response=f"{MEGABYTE}x").to_parquet(file)
    with pytest.raises(UserError, match=r"its column response has 1,000,001 characters; allowed: 1,000,000; leave out"):
        generation_imported.take(file, 3, [4], [TASK], output)
    assert not output.exists()


def test_a_small_file_of_responses_takes_little_memory_whatever_it_stands_for(tmp_path: Path) -> None:
    others = {"step": 4, "benchmark": "amc", "id": "a", "sample": 0, "tokens": 1, "truncated": False}
    for name, content in parquet_bombs("response", **others).items():
        (tmp_path / f"{name}.parquet").write_bytes(content)
    found = capped(
        "from spurious_rewards.generation.imported import take",
        "take(path, 3, [4], [], path.with_name('output'))",
        sorted(tmp_path.iterdir()),
    )
    said = {
        "one text in 2,000 rows": "comes to more than the 1,000 MB that are read of a file of",
        "one text in 2,000 rows, as Arrow's dictionary": "comes to more than the 1,000 MB that are read of a file of",
        "one text of 200 MB": "come to 200 MB; allowed for a file of",
        "one page of 200 MB": "come to 200 MB; allowed for a file of",
        "texts that begin alike": "its column response is in the encoding DELTA_BYTE_ARRAY",
        "a list of ten million nothings": "cannot be imported (the column response is of type list<",
        "bytes of a fixed length": "cannot be imported (the column response is of type fixed_size_binary[1000000])",
    }
    assert found.keys() == {f"{name}.parquet" for name in said}
    assert [name for name, sentence in said.items() if sentence not in found[f"{name}.parquet"]] == []


def test_columns_that_need_not_be_read_are_not(tmp_path: Path) -> None:
    file, output = tmp_path / "theirs.parquet", tmp_path / "responses.parquet"
    responses().assign(more=[[1]] * 4, response=pd.Categorical(["2"] * 4)).set_index("id").to_parquet(file)
    generation_imported.take(file, 3, [4], [TASK], output)
    pd.testing.assert_frame_equal(tables.read(output, tables.Responses).drop(columns="seed"), responses())


@pytest.mark.parametrize("column", ["response", "step"])
def test_a_column_of_lists_or_two_of_one_name_are_named(tmp_path: Path, column: str) -> None:
    file, output = tmp_path / "theirs.parquet", tmp_path / "responses.parquet"
    responses().assign(**{column: [[1]] * 4}).to_parquet(file)
    with pytest.raises(
        UserError, match=rf"cannot be imported \(the column {column} is of type list<.*give a Parquet file"
    ):
        generation_imported.take(file, 3, [4], [TASK], output)
    table = pa.Table.from_pandas(responses())
    pq.write_table(table.append_column(column, table[column]), file)
    with pytest.raises(UserError, match=rf"2 columns are called {column}"):
        generation_imported.take(file, 3, [4], [TASK], output)
