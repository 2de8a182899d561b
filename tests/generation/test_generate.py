import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.parquet as pq
import pytest
import torch
from asking import complete
from model_folders import ARCHITECTURES, BROKEN, BROKEN_INSIDE, TEMPLATE, UNENDED, broken, byte_level, make
from tokenizers import Tokenizer

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.paths import checkpoint
from spurious_rewards.artifacts.sorted_tables import write_part
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Sampling
from spurious_rewards.generation.engine import batches
from spurious_rewards.generation.generate import Asked, Done, _gaps, answer, generate
from spurious_rewards.generation.pruning import prune
from spurious_rewards.generation.sharing import Part
from spurious_rewards.generation.tasks import Checkpoint, Task
from spurious_rewards.generation.transformers_engine import TransformersEngine
from spurious_rewards.runtime.errors import UserError

PROBLEMS = pd.DataFrame({"id": [f"p/{i}" for i in range(6)], "problem": ["1+1" + "+2" * (i % 4) for i in range(6)]})
TASKS = [Task("greedy", PROBLEMS, 1, 0.0), Task("drawn", PROBLEMS, 3, 1.0)]
PROMPT = Prompt(kind="raw", user="{}=", stop=("7", "a"))
SAMPLING = Sampling(max_new_tokens=10, dtype="float32", batch_tokens=100)


def ask(
    model: Path, output: Path, *, steps=(0, 5), tasks=TASKS, prompt=PROMPT, sampling=SAMPLING, version=1, hardware=None
) -> bytes:
    checkpoints = [Checkpoint(3, step, model) for step in steps]
    generate(checkpoints, tasks, prompt, sampling, output, version=version, threads=1, hardware=hardware or Hardware())
    return output.read_bytes()


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.glob(".*") if not path.name.endswith(".kept")]


def test_one_sorted_row_for_every_sample_of_every_problem_and_checkpoint(tiny_model: Path, tmp_path: Path):
    ask(tiny_model, tmp_path / "responses.parquet")
    rows = tables.read(tmp_path / "responses.parquet", tables.Responses)
    expected = [
        (3, step, task.benchmark, problem, sample)
        for step in (0, 5)
        for task in sorted(TASKS, key=lambda task: task.benchmark)
        for problem in sorted(PROBLEMS["id"])
        for sample in range(task.samples)
    ]
    assert list(zip(*(rows[name] for name in ("seed", "step", "benchmark", "id", "sample")), strict=True)) == expected
    assert hidden(tmp_path) == []


def test_each_response_stands_beside_its_own_problem(tiny_model: Path, tmp_path: Path):
    ask(tiny_model, tmp_path / "responses.parquet", steps=(0,))
    rows = tables.read(tmp_path / "responses.parquet", tables.Responses)
    answers = rows[rows["benchmark"] == "greedy"].set_index("id")["response"]
    engine = TransformersEngine(tiny_model)
    for problem_id, problem in zip(PROBLEMS["id"], PROBLEMS["problem"], strict=True):
        prompt = engine.tokenizer.encode(problem + "=", add_special_tokens=False)
        [alone] = complete(engine, [prompt], max_new_tokens=10, stop=["7", "a"])
        assert answers[problem_id] == alone.text


def test_a_forced_beginning_is_part_of_every_response(tiny_model: Path, tmp_path: Path):
    forced = PROMPT.model_copy(update={"response_prefix": "b="})
    ask(tiny_model, tmp_path / "responses.parquet", prompt=forced)
    rows = tables.read(tmp_path / "responses.parquet", tables.Responses)
    assert rows["response"].str.startswith("b=").all()
    assert rows["tokens"].max() == SAMPLING.max_new_tokens
    assert (rows["tokens"] > 2).all()
    greedy = rows[(rows["benchmark"] == "greedy") & (rows["step"] == 0)].set_index("id")["response"]
    # The result must be as if the beginning stood in the prompt, with fewer tokens left to generate.
    longer, shorter = (
        Prompt(kind="raw", user="{}=b=", stop=PROMPT.stop),
        SAMPLING.model_copy(update={"max_new_tokens": 8}),
    )
    ask(tiny_model, tmp_path / "plain.parquet", steps=(0,), tasks=TASKS[:1], prompt=longer, sampling=shorter)
    plain = tables.read(tmp_path / "plain.parquet", tables.Responses).set_index("id")["response"]
    assert greedy.to_dict() == ("b=" + plain).to_dict()


def test_a_forced_beginning_takes_no_positions_of_its_own(tiny_model: Path, tmp_path: Path):
    problems = pd.DataFrame({"id": ["longest"], "problem": ["1" * 53]})  # with "=" and 10 tokens, exactly 64 positions
    forced = PROMPT.model_copy(update={"response_prefix": "b="})
    ask(tiny_model, tmp_path / "responses.parquet", tasks=[Task("greedy", problems, 1, 0.0)], prompt=forced)
    assert len(tables.read(tmp_path / "responses.parquet", tables.Responses)) == 2


def test_steps_and_seeds_draw_differently(tiny_model: Path, tmp_path: Path):
    ask(tiny_model, tmp_path / "responses.parquet")
    rows = tables.read(tmp_path / "responses.parquet", tables.Responses).set_index(["benchmark", "step"])["response"]
    assert rows["drawn", 0].tolist() != rows["drawn", 5].tolist()
    assert rows["greedy", 0].tolist() == rows["greedy", 5].tolist()


def test_samples_do_not_depend_on_how_the_work_is_cut_or_what_else_is_asked(tiny_model: Path, tmp_path: Path):
    whole = ask(tiny_model, tmp_path / "whole.parquet")
    for size in (1, 60, 10_000):
        cut = SAMPLING.model_copy(update={"batch_tokens": size})
        assert ask(tiny_model, tmp_path / f"{size}.parquet", sampling=cut) == whole
    every = tables.read(tmp_path / "whole.parquet", tables.Responses)
    fewer = [Task("drawn", PROBLEMS[1:4], 2, 1.0)]
    ask(tiny_model, tmp_path / "fewer.parquet", tasks=fewer)
    some = tables.read(tmp_path / "fewer.parquet", tables.Responses)
    assert len(some) == 2 * 3 * 2
    assert len(some.merge(every)) == len(some)


def test_two_engines_share_the_batches_and_leave_the_very_file(tiny_model: Path, tmp_path: Path, capfd):
    alone = ask(tiny_model, tmp_path / "alone.parquet")
    assert ask(tiny_model, tmp_path / "shared.parquet", hardware=Hardware(gpus=2)) == alone
    said = capfd.readouterr().err
    assert "responses, engine 1 of 2 48/48" in said
    assert "responses, engine 2 of 2 48/48" in said
    assert hidden(tmp_path) == []


def test_one_of_two_engines_that_fails_ends_the_job_with_its_sentence_and_what_is_answered_stays(
    tiny_model: Path, tmp_path: Path
):
    problems = pd.DataFrame({"id": ["long", "short"], "problem": ["1" * 60, "1"]})
    with pytest.raises(UserError, match=r"greedy, problem long: a prompt of 61 tokens"):
        ask(
            tiny_model,
            tmp_path / "responses.parquet",
            tasks=[Task("greedy", problems, 1, 0.0)],
            hardware=Hardware(gpus=2),
        )
    assert hidden(tmp_path) == [".responses.parquet.partial"]


def shares(model: Path, folder: Path, checkpoints: int, engines: int, kept: Done) -> list[int]:
    """Return how many requests each engine answers if the requests of each checkpoint fit into one batch."""
    whole = SAMPLING.model_copy(update={"batch_tokens": 10**6})
    asked = Asked(tuple(Checkpoint(3, step, model) for step in range(checkpoints)), tuple(TASKS), PROMPT, whole)
    counts = []
    for number in range(engines):
        own = folder / str(number)
        own.mkdir()
        answer(asked, own, kept, 1, Hardware(), Part(number, engines))
        counts.append(sum(pq.read_metadata(shard).num_rows for shard in own.iterdir()))
    return counts


@pytest.mark.parametrize(
    ("checkpoints", "engines", "expected"),
    [(1, 4, [6] * 4), (2, 4, [12] * 4), (3, 4, [24, 24, 12, 12]), (4, 2, [48, 48]), (2, 1, [48])],
)
def test_no_engine_is_idle_where_checkpoints_are_few(tiny_model, tmp_path, checkpoints, engines, expected):
    assert shares(tiny_model, tmp_path, checkpoints, engines, {}) == expected


def test_what_is_left_of_the_last_checkpoint_is_shared_by_all_engines(tiny_model: Path, tmp_path: Path):
    kept = {(3, 0): [(0, 24)], (3, 1): [(10, 24), (2, 4)]}
    assert shares(tiny_model, tmp_path, 2, 4, kept) == [2, 2, 2, 2]


def test_one_engine_answers_each_checkpoint_in_one_batch(tiny_model: Path, tmp_path: Path):
    shares(tiny_model, tmp_path, 2, 1, {})
    assert sorted(shard.name for shard in (tmp_path / "0").iterdir()) == ["3_0_0-24.parquet", "3_1_0-24.parquet"]


@pytest.mark.parametrize("left", [slice(1, None), slice(3, 5), slice(-1)])
def test_what_is_left_is_cut_into_the_batches_that_it_was_cut_into_before(left: slice):
    """With one engine, a response is drawn beside the same others, whatever was answered before."""
    lengths = sorted([*range(5, 40), *range(5, 20)], reverse=True)
    whole = list(batches(lengths, [(0, len(lengths))], 7, 200, 90))
    assert len(whole) > 6
    gaps = _gaps([span for span in whole if span not in whole[left]], len(lengths))
    assert list(batches(lengths, gaps, 7, 200, 90)) == whole[left]


def test_texts_of_all_parts_are_never_in_memory_together(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Resume a job that answered everything and was killed before it wrote the table.

    Its 20 parts hold a million characters each.
    """
    monkeypatch.setattr("spurious_rewards.generation.generate._digest", lambda *_: "0" * 16)
    monkeypatch.setattr(tables, "ROW_GROUP", 10)
    parts, rows = 20, 50
    problems = pd.DataFrame({"id": [f"p/{i:02}" for i in range(rows)], "problem": "1"})
    shards = tmp_path / ".responses.parquet.partial" / ("0" * 16)
    for part in range(parts):  # each part has rows from all over the table
        answers = problems[["id"]].assign(seed=3, step=0, benchmark="drawn", sample=part, tokens=1, truncated=False)
        answers["response"] = [str(i) * (20_000 // len(str(i))) for i in range(rows)]
        shard = shards / f"3_0_{part * rows}-{(part + 1) * rows}.parquet"
        write_part(answers[list(tables.Responses.to_schema().columns)], tables.Responses, shard)
    pool = pyarrow.proxy_memory_pool(pyarrow.default_memory_pool())
    before = pyarrow.default_memory_pool()
    pyarrow.set_memory_pool(pool)
    try:
        ask(tiny_model, tmp_path / "responses.parquet", steps=(0,), tasks=[Task("drawn", problems, parts, 1.0)])
    finally:
        pyarrow.set_memory_pool(before)
    assert pool.max_memory() < parts * rows * 20_000 / 2
    written = tables.read(tmp_path / "responses.parquet", tables.Responses)
    assert written[["id", "sample"]].to_numpy().tolist() == [[id_, i] for id_ in problems["id"] for i in range(parts)]
    assert all(text[0] == str(int(id_[2:]))[0] for id_, text in zip(written["id"], written["response"], strict=True))


# ---------------------------------------------------------------- interruption

STEPS = range(3)
"""Checkpoints of the job that is killed after some of its 18 batches."""

JOB = f"""
import sys
from pathlib import Path
sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1] / "shared")]!r}
from test_generate import STEPS, ask
ask(Path(sys.argv[1]), Path(sys.argv[2]), steps=STEPS)
"""


def run_and_kill(model: Path, output: Path, after: int) -> list[Path]:
    """Run the job in a process, SIGKILL it once `after` batches are kept, and return the files of all kept batches."""
    process = subprocess.Popen([sys.executable, "-c", JOB, model, output], stderr=subprocess.PIPE)
    try:
        give_up = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < give_up:
            kept = list(output.parent.glob(".*.partial/*/[!.]*.parquet"))
            if len(kept) >= after:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, process.stderr.read().decode()
    finally:
        process.kill()
    assert not output.exists()
    return sorted(output.parent.glob(".*.partial/*/[!.]*.parquet"))


def mark(shard: Path) -> None:
    """Make a kept batch recognisable."""
    frame = tables.read(shard, tables.Responses)
    tables.write(frame.assign(response="kept"), tables.Responses, shard)


def kept_rows(output: Path) -> int:
    return int((tables.read(output, tables.Responses)["response"] == "kept").sum())


@pytest.fixture(scope="module")
def killed(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as SIGKILL left it in the middle of the job."""
    folder = tmp_path_factory.mktemp("killed")
    shards = run_and_kill(tiny_model, folder / "responses.parquet", after=4)
    assert sum(pq.read_metadata(shard).num_rows for shard in shards) < len(STEPS) * 24
    return folder


@pytest.fixture
def interrupted(killed: Path, tmp_path: Path) -> Path:
    """Return the output path of the killed job, in a copy for one test."""
    return Path(shutil.copytree(killed, tmp_path / "copy")) / "responses.parquet"


def test_a_killed_job_goes_on_to_the_very_file_of_an_undisturbed_one(
    tiny_model: Path, interrupted: Path, tmp_path: Path, capfd
):
    resumed = ask(tiny_model, interrupted, steps=STEPS)
    assert resumed == ask(tiny_model, tmp_path / "undisturbed.parquet", steps=STEPS)
    assert hidden(interrupted.parent) == []


def test_kept_batches_are_used_and_not_drawn_again(tiny_model: Path, interrupted: Path):
    shards = list(interrupted.parent.glob(".*.partial/*/[!.]*.parquet"))
    rows = sum(pq.read_metadata(shard).num_rows for shard in shards)
    for shard in shards:
        mark(shard)
    ask(tiny_model, interrupted, steps=STEPS)
    assert kept_rows(interrupted) == rows > 0


def test_kept_batches_are_used_where_the_rest_is_cut_otherwise(tiny_model: Path, interrupted: Path):
    """Simulate a restart after an out-of-memory error, which advises to lower batch_tokens."""
    for shard in (shards := list(interrupted.parent.glob(".*.partial/*/[!.]*.parquet"))):
        mark(shard)
    rows = sum(pq.read_metadata(shard).num_rows for shard in shards)
    ask(tiny_model, interrupted, steps=STEPS, sampling=SAMPLING.model_copy(update={"batch_tokens": 60}))
    assert kept_rows(interrupted) == rows > 0


@pytest.mark.parametrize(
    "other",
    [
        {"version": 2},
        {"prompt": Prompt(kind="raw", user="{} =")},
        {"sampling": Sampling(max_new_tokens=11, dtype="float32", batch_tokens=100)},
        {"tasks": [TASKS[0], Task("drawn", PROBLEMS, 3, 0.6)]},
        {"tasks": [Task("greedy", PROBLEMS.assign(problem="b"), 1, 0.0), TASKS[1]]},
        {"steps": range(2)},
    ],
    ids=["version", "prompt", "sampling", "temperature", "problems", "checkpoints"],
)
def test_kept_batches_of_another_request_are_never_used(tiny_model: Path, interrupted: Path, other):
    for shard in interrupted.parent.glob(".*.partial/*/[!.]*.parquet"):
        mark(shard)
    ask(tiny_model, interrupted, **{"steps": STEPS, **other})
    assert kept_rows(interrupted) == 0
    assert hidden(interrupted.parent) == []


def test_kept_batches_of_a_model_that_was_made_again_are_never_used(
    tiny_model: Path, interrupted: Path, tmp_path: Path
):
    for shard in interrupted.parent.glob(".*.partial/*/[!.]*.parquet"):
        mark(shard)
    again = Path(shutil.copytree(tiny_model, tmp_path / "again" / tiny_model.name))
    os.utime(again / "model.safetensors")
    ask(again, interrupted, steps=STEPS)
    assert kept_rows(interrupted) == 0


def test_kept_batches_of_another_version_of_the_table_are_never_used(
    tiny_model: Path, interrupted: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tables.Responses, "_VERSION", tables.Responses._VERSION + 1)
    ask(tiny_model, interrupted, steps=STEPS)  # an old batch that cannot be read is no error
    assert hidden(interrupted.parent) == []


def test_a_second_writer_is_refused(tiny_model: Path, tmp_path: Path):
    output = tmp_path / "responses.parquet"
    process = subprocess.Popen([sys.executable, "-c", JOB, tiny_model, output], stderr=subprocess.DEVNULL)
    try:
        while not (tmp_path / ".responses.parquet.lock").exists():
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.1)
        process.send_signal(signal.SIGSTOP)  # alive, but not racing this test to the end
        with pytest.raises(UserError, match=rf"is being written by process {process.pid}, which still runs"):
            ask(tiny_model, output)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("threads", [1, 2])
def test_torch_has_the_threads_asked_for(tiny_model: Path, tmp_path: Path, threads: int):
    torch.set_num_threads(3)
    generate(
        [Checkpoint(3, 0, tiny_model)],
        TASKS[:1],
        PROMPT,
        SAMPLING,
        tmp_path / "responses.parquet",
        version=1,
        threads=threads,
        hardware=Hardware(),
    )
    assert torch.get_num_threads() == threads
    torch.set_num_threads(1)


def test_nothing_is_done_twice(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Simulate another SLURM job that made the same file while this one waited."""

    @contextlib.contextmanager
    def made_elsewhere(path: Path, request: str) -> Iterator[bool]:
        path.write_bytes(request.encode())
        yield True

    monkeypatch.setattr("spurious_rewards.generation.generate.exclusive", made_elsewhere)
    assert not generate(
        [Checkpoint(3, 0, tiny_model)],
        TASKS,
        PROMPT,
        SAMPLING,
        tmp_path / "responses.parquet",
        version=1,
        threads=1,
        hardware=Hardware(),
    )
    request = ask(tiny_model, tmp_path / "responses.parquet")
    assert ask(tiny_model, tmp_path / "responses.parquet") == request
    assert ask(tiny_model, tmp_path / "responses.parquet", steps=(0,)) != request
    assert os.listdir(tmp_path) == ["responses.parquet"]


# ---------------------------------------------------------------- benchmarks that are added later

LATER = [*TASKS, Task("later", PROBLEMS, 2, 1.0)]


@pytest.fixture
def answered(tiny_model: Path, tmp_path: Path) -> Path:
    """Return the output path of an answered request after Snakemake deleted the output; kept answers are marked."""
    output = tmp_path / "first" / "responses.parquet"
    ask(tiny_model, output)
    kept = output.parent / ".responses.parquet.kept"
    mark(kept / "responses.parquet")
    file = (kept / "responses.parquet").stat()
    record = json.loads((kept / "record.json").read_text()) | {"file": [file.st_size, file.st_mtime_ns]}
    (kept / "record.json").write_text(json.dumps(record))
    output.unlink()
    return output


def test_kept_answers_that_somebody_changed_are_not_taken(tiny_model: Path, answered: Path):
    os.utime(answered.parent / ".responses.parquet.kept" / "responses.parquet")
    ask(tiny_model, answered, tasks=LATER)
    assert kept_rows(answered) == 0


def test_a_benchmark_that_is_added_answers_only_itself(tiny_model: Path, answered: Path, tmp_path: Path, capfd):
    ask(tiny_model, answered, tasks=LATER)
    rows = tables.read(answered, tables.Responses)
    assert (rows["response"] == "kept").eq(rows["benchmark"] != "later").all()
    assert "reusing earlier responses for: drawn, greedy" in capfd.readouterr().err
    rows_of = ask(tiny_model, tmp_path / "at_once.parquet", tasks=LATER)
    assert hidden(answered.parent) == []
    ask(tiny_model, tmp_path / "second" / "responses.parquet")
    (tmp_path / "second" / "responses.parquet").unlink()
    assert ask(tiny_model, tmp_path / "second" / "responses.parquet", tasks=LATER) == rows_of


def test_fewer_benchmarks_and_checkpoints_are_answered_already(
    tiny_model: Path, answered: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("spurious_rewards.generation.generate.engine", None)
    ask(tiny_model, answered, steps=(5,), tasks=TASKS[:1])
    rows = tables.read(answered, tables.Responses)
    assert rows[["step", "benchmark", "response"]].drop_duplicates().to_numpy().tolist() == [[5, "greedy", "kept"]]


def test_the_same_request_is_answered_anew(tiny_model: Path, answered: Path):
    ask(tiny_model, answered)
    assert kept_rows(answered) == 0


@pytest.mark.parametrize(
    ("other", "taken"),
    [
        ({"version": 2}, 0),
        ({"prompt": Prompt(kind="raw", user="{} =")}, 0),
        ({"sampling": Sampling(max_new_tokens=11, dtype="float32", batch_tokens=100)}, 0),
        ({"steps": (0, 5, 10)}, 0),
        ({"tasks": [TASKS[0], Task("drawn", PROBLEMS, 3, 0.6)]}, 12),
        ({"tasks": [Task("greedy", PROBLEMS.assign(problem="b"), 1, 0.0), TASKS[1]]}, 36),
    ],
    ids=["version", "prompt", "sampling", "checkpoints", "temperature", "problems"],
)
def test_answers_to_another_request_are_not_taken(tiny_model: Path, answered: Path, other, taken: int):
    ask(tiny_model, answered, **{"tasks": LATER, **other})
    assert kept_rows(answered) == taken


def test_answers_of_a_model_that_was_made_again_are_not_taken(tiny_model: Path, answered: Path, tmp_path: Path):
    again = Path(shutil.copytree(tiny_model, tmp_path / "again" / tiny_model.name))
    os.utime(again / "model.safetensors")
    ask(again, answered, tasks=LATER)
    assert kept_rows(answered) == 0


@pytest.mark.parametrize("record", ["", "[]", '{"made_by": 1}'])
def test_a_record_that_is_none_is_no_obstacle(tiny_model: Path, answered: Path, record: str):
    (answered.parent / ".responses.parquet.kept" / "record.json").write_text(record)
    ask(tiny_model, answered, tasks=LATER)
    assert kept_rows(answered) == 0


# ---------------------------------------------------------------- checkpoints whose weights are gone


def test_a_checkpoint_that_is_gone_gives_what_it_answered_before(tiny_model: Path, tmp_path: Path, capfd):
    folders = [Path(shutil.copytree(tiny_model, checkpoint(tmp_path, 3, step))) for step in (5, 10)]
    output = tmp_path / "responses.parquet"

    def answer(tasks: list[Task]) -> pd.DataFrame:
        generate(
            [Checkpoint(3, step, folder) for step, folder in zip((5, 10), folders, strict=True)],
            tasks,
            PROMPT,
            SAMPLING,
            output,
            version=1,
            threads=1,
            hardware=Hardware(),
        )
        return tables.read(output, tables.Responses)

    before = answer(TASKS)
    prune(
        tmp_path / "checkpoints",
        output,
        keep={10},
        states={10},
        seeds=[3],
        steps=[5, 10],
        tasks=TASKS,
        prompt=PROMPT,
        sampling=SAMPLING,
    )
    assert not list(folders[0].glob("*.safetensors"))
    output.unlink()  # as Snakemake does
    after = answer([*TASKS, Task("later", PROBLEMS, 1, 0.0)])
    said = (
        "seed 3, step 5: its weights were deleted before it answered later with these settings; later is left out for "
        "this step"
    )
    assert said in capfd.readouterr().err
    later = after["benchmark"] == "later"
    pd.testing.assert_frame_equal(after[~later].reset_index(drop=True), before)
    assert after[later][["step", "id"]].to_numpy().tolist() == [[10, f"p/{i}"] for i in range(6)]


# ---------------------------------------------------------------- bad input


def test_a_prompt_too_long_for_the_model_is_named(tiny_model: Path, tmp_path: Path):
    problems = pd.DataFrame({"id": ["short", "long"], "problem": ["a", "a" * 60]})
    with pytest.raises(
        UserError, match=r"greedy, problem long: a prompt of 61 tokens .* 10 do not fit into the 64 positions"
    ):
        ask(tiny_model, tmp_path / "responses.parquet", tasks=[Task("greedy", problems, 1, 0.0)])
    assert not (tmp_path / "responses.parquet").exists()
    assert not (tmp_path / ".responses.parquet.lock").exists()


def test_a_missing_checkpoint_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"gone: no such model folder"):
        ask(tmp_path / "gone", tmp_path / "responses.parquet")
    assert not (tmp_path / "responses.parquet").exists()


def test_no_problems_give_an_empty_table(tiny_model: Path, tmp_path: Path):
    ask(tiny_model, tmp_path / "responses.parquet", tasks=[Task("greedy", PROBLEMS[:0], 1, 0.0)])
    assert tables.read(tmp_path / "responses.parquet", tables.Responses).empty


# ---------------------------------------------------------------- models from elsewhere

CHAT = Prompt(kind="chat", system="Be plain.")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_architecture_answers_by_the_token_ids_of_its_tokenizer_json(
    architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model = make(
        tmp_path / "model", architecture, byte_level(r"\p{N}{1,3}|[^\s\p{N}]+|\s+"), tokenizer_class="LlamaTokenizer"
    )
    given: list[list[int]] = []
    own_complete = TransformersEngine.complete

    def watched(self, requests, **settings):
        given.extend(request.prompt for request in requests)
        return own_complete(self, requests, **settings)

    monkeypatch.setattr(TransformersEngine, "complete", watched)
    ask(model, tmp_path / "responses.parquet", steps=(0,), prompt=CHAT)
    own = Tokenizer.from_file(str(model / "tokenizer.json"))
    text = "<|system|>Be plain.</s><|user|>1+1</s><|assistant|>"
    assert own.encode(text, add_special_tokens=False).ids in given
    assert len(pq.read_table(tmp_path / "responses.parquet")) == 4 * len(PROBLEMS)


def test_a_chat_response_ends_where_the_template_closes_the_turn(tmp_path: Path):
    """The closing token is not an end token of the model; text after it would be read as part of the answer."""
    model = make(tmp_path / "model")
    (model / "chat_template.jinja").write_text(TEMPLATE.replace("</s>", "<|user|>"))
    long = SAMPLING.model_copy(update={"max_new_tokens": 60, "batch_tokens": 10_000})
    tasks = [Task("drawn", PROBLEMS, 20, 1.0)]
    ask(model, tmp_path / "chat.parquet", steps=(0,), tasks=tasks, prompt=Prompt(kind="chat"), sampling=long)
    raw = Prompt(kind="raw", user="<|user|>{}<|user|><|assistant|>")
    ask(model, tmp_path / "raw.parquet", steps=(0,), tasks=tasks, prompt=raw, sampling=long)
    chat, free = (tables.read(tmp_path / f"{name}.parquet", tables.Responses) for name in ("chat", "raw"))
    ended = chat["tokens"] < free["tokens"]
    assert ended.sum() > 5
    assert (chat["tokens"] <= free["tokens"]).all()
    assert not chat.loc[ended, "truncated"].any()
    both = zip(chat["response"], free["response"], strict=True)
    assert all(whole.startswith(short.rstrip("\ufffd")) for short, whole in both)  # bytes of half a character


@pytest.mark.parametrize("architecture", ["bloom", "mamba", "mpt"])
def test_padding_does_not_change_what_they_answer(architecture: str, tmp_path: Path):
    engine = TransformersEngine(make(tmp_path / "model", architecture))
    prompts = [engine.tokenizer.encode(text) for text in ("a", "the sum of 12 and 34 is", "1 + 1")]
    assert complete(engine, prompts) == [complete(engine, [prompt])[0] for prompt in prompts]


DAMAGES = {**BROKEN, **BROKEN_INSIDE, "closes a response with a word": UNENDED}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_broken_folder_ends_in_a_sentence_and_leaves_nothing(name: str, sound: Path, tmp_path: Path):
    model = broken(tmp_path / "model", sound, DAMAGES[name])
    with pytest.raises(UserError, match=str(model)) as said:
        ask(model, tmp_path / "responses.parquet", steps=(0,), prompt=CHAT)
    assert "Traceback" not in str(said.value)
    assert not (tmp_path / "responses.parquet").exists()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("folders") / "sound")


@pytest.mark.parametrize(
    "at", [".responses.parquet.partial", ".responses.parquet.partial/another", "responses.parquet"]
)
def test_nothing_is_generated_or_cleared_away_through_a_link(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
):
    monkeypatch.chdir(tmp_path)
    victim, output = tmp_path / "victim", Path("results/x/responses.parquet")
    victim.mkdir()
    (victim / "mine").write_text("mine")
    (output.parent / at).parent.mkdir(parents=True)
    (output.parent / at).symlink_to(victim)
    with pytest.raises(UserError, match=rf"results/x/{at}: is a symbolic link to {victim}"):
        ask(tiny_model, output, steps=(0,))
    assert [path.name for path in victim.iterdir()] == ["mine"]


@pytest.mark.parametrize("kind", ["pipe", "text"])
def test_partial_work_that_is_none_is_named(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    output = tmp_path / "responses.parquet"
    monkeypatch.setattr("spurious_rewards.generation.generate._digest", lambda *_: "0" * 16)
    shard = tmp_path / ".responses.parquet.partial/0000000000000000/3_0_0-24.parquet"
    shard.parent.mkdir(parents=True)
    os.mkfifo(shard) if kind == "pipe" else shard.write_text("PAR1")
    with pytest.raises(UserError, match=r"3_0_0-24\.parquet: not a "):
        ask(tiny_model, output, steps=(0,))
