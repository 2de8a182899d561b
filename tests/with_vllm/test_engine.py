"""vLLM against transformers, on a real model in float32."""

import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import asking
import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest
import torch
from transformers import GenerationConfig

from spurious_rewards.artifacts import tables
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Sampling
from spurious_rewards.generation.engine import Completion, Engine, read
from spurious_rewards.generation.engines import engine
from spurious_rewards.generation.generate import generate as generate_responses
from spurious_rewards.generation.tasks import Checkpoint, Task
from spurious_rewards.models import loading
from spurious_rewards.runtime.errors import UserError

SAMPLING = Sampling(engine="vllm", dtype="float32", max_model_len=512, max_new_tokens=16)
PLAIN = SAMPLING.model_copy(update={"engine": "transformers"})
PROBLEMS = [
    *(f"What is {a} + {7 * a}? Explain in two sentences." for a in range(8)),
    *(f"A train goes {a} miles in {a + 2} hours. How far does it go in one hour?" for a in range(5, 60, 9)),
    *(f"Write a line about {thing}." for thing in ("rain", "a fox", "prime numbers", "Paris", "bread")),
]


@pytest.fixture(scope="module")
def opinionated(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the model with its own generation settings; only the full stop as an ending token may have an effect."""
    folder = tmp_path_factory.mktemp("models") / "opinionated"
    folder.mkdir()
    for file in smollm2.iterdir():
        (folder / file.name).symlink_to(file)
    (folder / "generation_config.json").unlink()
    tokenizer = loading.load_tokenizer(smollm2)
    [stop] = tokenizer.encode(".", add_special_tokens=False)
    settings = {"do_sample": True, "top_k": 1, "top_p": 0.1, "temperature": 0.1, "repetition_penalty": 5.0}
    GenerationConfig(**settings, eos_token_id=[tokenizer.eos_token_id, stop]).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def fast(opinionated: Path) -> Iterator[Engine]:
    engine_ = engine(opinionated, SAMPLING, Hardware())
    yield engine_
    engine_.close()


@pytest.fixture(scope="module")
def plain(opinionated: Path) -> Engine:
    return engine(opinionated, PLAIN, Hardware())


@pytest.fixture(scope="module")
def prompts(plain: Engine) -> list[list[int]]:
    chats = [[{"role": "user", "content": problem}] for problem in PROBLEMS]
    return [plain.tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False) for chat in chats]


def complete(engine, prompts, temperature=0.0, seed=0, **settings):
    return asking.complete(engine, prompts, temperature, seed, **{"max_new_tokens": 16, **settings})


def generate(monkeypatch: pytest.MonkeyPatch, engine: Engine, prompts, **settings):
    """Return the completions, and the generated tokens of each without those after the end of the response."""
    module = importlib.import_module(type(engine).__module__)
    generated: list[list[int]] = []

    def watched(rows: Sequence[Sequence[int]], tokenizer, ending: Sequence[int], *rest) -> list[Completion]:
        for row in rows:
            length = next((i + 1 for i, token in enumerate(row) if token in ending), len(row))
            generated.append(list(row[:length]))
        return read(rows, tokenizer, ending, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(module, "read", watched)
        return complete(engine, prompts, **settings), generated


def test_twenty_greedy_responses_are_those_of_transformers(opinionated, fast, plain, prompts, monkeypatch):
    assert len(prompts) == 20
    completions, ours = generate(monkeypatch, fast, prompts)
    expected, theirs = generate(monkeypatch, plain, prompts)
    for prompt, one, other, completion, expectation in zip(prompts, ours, theirs, completions, expected, strict=True):
        if one == other:
            assert completion == expectation
        else:  # only a near-tie of the two likeliest tokens may explain the difference
            first = next(i for i, (mine, its) in enumerate(zip(one, other, strict=False)) if mine != its)
            with torch.inference_mode():
                largest = plain.model(torch.tensor([prompt + other[:first]])).logits[0, -1].topk(2)
            assert {one[first], other[first]} == set(largest.indices.tolist())
            assert largest.values[0] - largest.values[1] < 1e-3
    # "." ends a response of this model. It is no special token: it counts as a token but is not in the text.
    assert {completion.truncated for completion in completions} == {True, False}
    ending = loading.ending_tokens(loading.generation_settings(opinionated), fast.tokenizer)
    for tokens, completion in zip(ours, completions, strict=True):
        assert completion.tokens == len(tokens)
        assert completion.truncated == (tokens[-1] not in ending)
        assert "." not in completion.text


def test_stop_strings_are_kept_and_end_a_response(fast, plain, prompts):
    free = complete(fast, prompts)
    stop = ["never said", " is"]
    stopped = complete(fast, prompts, stop=stop)
    said = [i for i, completion in enumerate(free) if " is" in completion.text]
    assert len(said) >= 3
    for i in said:
        assert stopped[i].text == free[i].text[: free[i].text.index(" is") + 3]
        assert stopped[i].tokens < free[i].tokens
        assert not stopped[i].truncated
    some = said[:3]
    assert [stopped[i] for i in some] == complete(plain, [prompts[i] for i in some], stop=stop)


def test_a_stop_string_may_begin_in_the_prefix(fast, plain, prompts):
    begun = plain.tokenizer.encode("The sum", add_special_tokens=False)
    forced = [prompt + begun for prompt in prompts[:3]]
    free = complete(fast, forced, prefix=begun, max_new_tokens=12)
    stop = [free[0].text[4:10]]
    stopped = complete(fast, forced, prefix=begun, max_new_tokens=12, stop=stop)
    assert stopped == complete(plain, forced, prefix=begun, max_new_tokens=12, stop=stop)
    assert stopped[0].text == free[0].text[:10]
    assert len(begun) < stopped[0].tokens < free[0].tokens


def test_a_stop_string_that_begins_in_the_prompt_ends_no_response(fast, plain):
    said = "The capital of France is"
    prompts = [plain.tokenizer.encode(said, add_special_tokens=False)]
    [free] = complete(plain, prompts)
    across = [said[-6:] + free.text[:2]]
    assert across[0] not in free.text
    assert complete(plain, prompts, stop=across) == complete(fast, prompts, stop=across) == [free]


def test_first_tokens_have_the_model_s_own_frequencies(fast, plain, monkeypatch):
    """Chi-square of 1,000 first tokens against the softmax: temperature applies, but no top-k, top-p or penalty."""
    from scipy.stats import chisquare

    prompt = plain.tokenizer.encode("The answer is", add_special_tokens=False)
    with torch.inference_mode():
        expected = (plain.model(torch.tensor([prompt])).logits[0, -1] / 1.3).softmax(-1).double() * 1000
    _, tokens = generate(monkeypatch, fast, [prompt] * 1000, temperature=1.3, max_new_tokens=1)
    drawn = Counter(row[0] for row in tokens)
    often = (expected >= 5).nonzero().flatten().tolist()
    assert len(often) > 5
    observed = [drawn[token] for token in often]
    probable = [float(expected[token]) for token in often]
    observed.append(1000 - sum(observed))
    probable.append(1000 - sum(probable))
    assert probable[-1] > 5
    assert chisquare(observed, probable).pvalue > 1e-4


def test_the_seed_and_the_batch_alone_decide_what_is_drawn(fast, prompts):
    asked = [prompts[0]] * 6 + prompts[1:3]
    first = complete(fast, asked, temperature=1.0, seed=1)
    assert len({completion.text for completion in first[:6]}) == 6
    complete(fast, prompts[:4], temperature=1.0, seed=3)
    torch.rand(7)
    assert complete(fast, asked, temperature=1.0, seed=1) == first
    assert complete(fast, asked, temperature=1.0, seed=2) != first


def test_another_checkpoint_goes_into_the_engine_that_is_there(fast, prompts, opinionated, tmp_path):
    """Answers and weights are those of a new engine for that checkpoint; then the first checkpoint is loaded again."""
    from safetensors.torch import load_file, save_file

    trained = tmp_path / "trained"
    shutil.copytree(opinionated, trained)
    weights = load_file(trained / "model.safetensors")
    moved = {name: value + 0.02 * value.std() for name, value in weights.items()}
    save_file(moved, trained / "model.safetensors", {"format": "pt"})
    before = complete(fast, prompts[:8])
    llm = fast.llm
    fast.load(trained)
    after = complete(fast, prompts[:8])
    assert fast.llm is llm
    assert after != before
    held = dict(fast.llm.llm_engine._get_driver_model_for_cleanup().named_parameters())
    norm = "model.norm.weight"
    assert torch.equal(held[norm], moved[norm])
    fast.load(opinionated)
    assert complete(fast, prompts[:8]) == before
    fast.close()
    alone = engine(trained, SAMPLING, Hardware())
    assert complete(alone, prompts[:8]) == after
    alone.close()


def test_weights_that_are_no_numbers_are_refused_as_they_are_read(fast, prompts, opinionated, tmp_path, monkeypatch):
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(opinionated, broken)
    weights = load_file(broken / "model.safetensors")
    weights["model.layers.3.mlp.up_proj.weight"][5, 7] = float("nan")
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    complete(fast, prompts[:2])
    fast.load(broken)
    monkeypatch.setattr(loading, "check_finite", lambda folder: pytest.fail(f"{folder} was read twice"))
    with pytest.raises(UserError, match=r"model\.layers\.3\.mlp\.up_proj\.weight have values that are NaN"):
        complete(fast, prompts[:2])
    fast.close()
    fast.load(opinionated)


def test_positions_are_those_of_the_suite_or_the_model(fast, smollm2):
    assert fast.positions == 512
    free = engine(smollm2, SAMPLING.model_copy(update={"max_model_len": None}), Hardware())
    assert free.positions == engine(smollm2, PLAIN, Hardware()).positions == 8192


def test_what_vllm_does_not_load_is_a_plain_error(smollm2, tmp_path):
    too_long = engine(smollm2, SAMPLING.model_copy(update={"max_model_len": 10**6}), Hardware())
    with pytest.raises(UserError, match=r"SmolLM2-135M-Instruct-Q4_1: vLLM cannot load it .*max_model_len"):
        complete(too_long, [[1, 2, 3]])


def test_a_closed_engine_gives_back_its_weights_and_can_be_asked_again(fast, prompts):
    answers = complete(fast, prompts[:2])
    weights = weakref.ref(fast.llm.llm_engine._get_driver_model_for_cleanup())
    assert weights() is not None
    fast.close()
    assert weights() is None
    assert complete(fast, prompts[:2]) == answers


# ---------------------------------------------------------------- the stage

TASKS = [
    Task("greedy", pd.DataFrame({"id": [f"g/{i}" for i in range(8)], "problem": PROBLEMS[:8]}), 1, 0.0),
    Task("drawn", pd.DataFrame({"id": [f"d/{i}" for i in range(4)], "problem": PROBLEMS[8:12]}), 3, 1.0),
]
PROMPT = Prompt(kind="raw", user="Question: {}\nAnswer:", stop=("\n",))
SHARDS = 10


def ask(model: Path, output: Path, engine: str, steps: Sequence[int]) -> None:
    sampling = Sampling(engine=engine, dtype="float32", max_model_len=256, max_new_tokens=12, batch_tokens=190)
    checkpoints = [Checkpoint(0, step, model) for step in steps]
    generate_responses(checkpoints, TASKS, PROMPT, sampling, output, version=1, threads=1, hardware=Hardware())


def start(model: Path, output: Path) -> subprocess.Popen[bytes]:
    """Start a process in which two checkpoints answer with vLLM."""
    job = (
        f"import sys; sys.path[:0] = {[str(Path(__file__).parent), str(Path(asking.__file__).parent)]!r}; "
        "from pathlib import Path; import test_engine; "
        f"test_engine.ask(Path({str(model)!r}), Path({str(output)!r}), 'vllm', (0, 5))"
    )
    return subprocess.Popen([sys.executable, "-c", job], env={**os.environ, "PYTHONUNBUFFERED": "1"})


def kept(output: Path) -> list[Path]:
    return sorted(output.parent.glob(".*.partial/*/[!.]*.parquet"))


@pytest.fixture(scope="module")
def undisturbed(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("undisturbed") / "responses.parquet"
    assert start(smollm2, output).wait() == 0
    return output


def test_a_job_killed_at_60_percent_leaves_no_process_and_goes_on_to_the_very_file(smollm2, undisturbed, tmp_path):
    output = tmp_path / "responses.parquet"
    process = start(smollm2, output)
    try:
        while len(kept(output)) < 0.6 * SHARDS:
            assert process.poll() is None
            time.sleep(0.02)
        started = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not output.exists()
    assert psutil.wait_procs(started, timeout=10)[1] == []
    before = {shard: shard.stat().st_mtime_ns for shard in kept(output)}
    assert 0.6 * SHARDS <= len(before) < SHARDS

    again = start(smollm2, output)
    found = before.keys()
    while again.poll() is None:
        now = {}
        for shard in kept(output):
            try:
                now[shard] = shard.stat().st_mtime_ns
            except FileNotFoundError:  # the job is finishing
                break
        assert all(now[shard] == before[shard] for shard in found & now.keys())
        time.sleep(0.02)
    assert again.returncode == 0
    # Greedy and sampled answers agree: a batch depends on its seed and not on earlier draws.
    assert output.read_bytes() == undisturbed.read_bytes()


def test_both_engines_leave_the_same_table_with_the_same_greedy_answers(smollm2, undisturbed, tmp_path):
    output = tmp_path / "responses.parquet"
    ask(smollm2, output, "transformers", (0,))
    assert pq.read_schema(undisturbed).equals(pq.read_schema(output), check_metadata=True)
    ours, theirs = tables.read(undisturbed, tables.Responses), tables.read(output, tables.Responses)
    assert len(ours) == 2 * len(theirs) == 2 * 20
    first = ours[ours["step"] == 0].reset_index(drop=True)
    greedy = first["benchmark"] == "greedy"
    pd.testing.assert_frame_equal(first[greedy], theirs[theirs["benchmark"] == "greedy"], check_index_type=False)
    assert (first["response"] != theirs["response"]).any()
    by_step = ours[ours["benchmark"] == "drawn"].groupby("step")["response"].apply(list)
    assert by_step[0] != by_step[5]
