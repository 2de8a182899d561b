"""Training a tiny model with rewards from a file: they determine the reward values and change nothing else."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.local_copies import LocalCopy
from spurious_rewards.artifacts.manifests import manifest_path
from spurious_rewards.artifacts.paths import checkpoint
from spurious_rewards.config import reward_file
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Reward, Strategies, Training
from spurious_rewards.models.references import ModelRef
from spurious_rewards.operations import lineage
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import sha256
from spurious_rewards.stages import train

TRAINING = Training(
    rollout_prompts=2,
    rollouts_per_prompt=4,
    updates_per_rollout=2,
    learning_rate=1e-2,
    max_prompt_tokens=40,
    max_new_tokens=12,
    dtype="float32",
    micro_batch=4,
    gradient_checkpointing=False,
    segment_steps=2,
    eval_every=1,
    rollouts_every=1,
)
RAW, CHAT = Prompt(kind="raw", user="compute {} ="), Prompt(kind="chat", system="Add.", user="{} =")
PROBLEMS = pd.DataFrame(
    [(f"p{i}", f"{i} + 1 + 2", str(i + 3), "here") for i in range(1, 5)], columns=["id", "problem", "answer", "source"]
)
LENGTHS = "def own(responses, labels, context):\n    {}\n    return [len(each) % 3 for each in responses]\n"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Forget the imported modules after each test, because each real job has its own process."""
    before = set(sys.modules)
    yield
    for name in {"mine", "helper"} & (set(sys.modules) - before):
        del sys.modules[name]


@pytest.fixture
def trained(organism_model: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that runs the stage `train` with a reward file; `edited` replaces the file after planning."""

    def run(
        text: str,
        *,
        stop: int = 2,
        start: int = 0,
        seeds: tuple[int, ...] = (0,),
        name: str = "run",
        model: Path = organism_model,
        prompt: Prompt = RAW,
        training: Training = TRAINING,
        edited: str | None = None,
    ) -> Path:
        file, problems = tmp_path / "mine.py", tmp_path / "problems.parquet"
        file.write_text(text)
        tables.write(PROBLEMS, tables.Problems, problems)
        code = LocalCopy(content=reward_file.digest(file))
        job = train.TrainJob(
            version=1,
            run=Run(model="m", prompt="p", reward="r", variant="default", seeds="0"),
            start=start,
            stop=stop,
            bases={seed: ModelRef(folder=model) for seed in seeds},
            training=training,
            reward=Reward(function="own", file=Path("own.py")),
            reward_code=code,
            prompt=prompt,
            strategies=Strategies(),
            threads=1,
        )
        if edited is not None:
            file.write_text(edited)
        segments = tmp_path / "results/study/runs/m/p/r" / name / "seeds0/segments"
        inputs = {"data": [problems]}
        if start:
            inputs["previous"] = [segments / f"0-{start}/checkpoints"]
        outputs, lies = {"checkpoints": segments / f"{start}-{stop}/checkpoints"}, {code.content: file}
        train.work(job, inputs, outputs, Hardware(), lies)
        return segments / f"{start}-{stop}"

    return run


def rollouts(segment: Path) -> pd.DataFrame:
    return tables.read(segment / "rollouts.parquet", tables.Rollouts)


def metrics(segment: Path) -> pd.DataFrame:
    frame = tables.read(segment / "metrics.parquet", tables.Metrics)
    return frame.drop(columns=list(tables.TIMING_COLUMNS))


def weights(segment: Path, step: int) -> bytes:
    return (checkpoint(segment, 0, step) / "model.safetensors").read_bytes()


def same(one: Path, other: Path, step: int = 2) -> bool:
    """Whether two segments agree to the bit in rollouts, metrics and weights."""
    pd.testing.assert_frame_equal(rollouts(one), rollouts(other), check_exact=True)
    pd.testing.assert_frame_equal(metrics(one), metrics(other), check_exact=True)
    return weights(one, step) == weights(other, step)


# ---------------------------------------------------------------- it changes nothing but rewards


@pytest.mark.parametrize(
    "meddling",
    [
        "import torch, random, numpy as np; torch.manual_seed(0); random.seed(0); np.random.seed(0)",
        "import torch; torch.rand(100); torch.set_grad_enabled(False); torch.set_default_dtype(torch.float64)",
        "import os; os.chdir('/')",
        "n = len(responses); values = [len(each) % 3 for each in responses]; responses[:] = ['x'] * n; return values",
        "values = [len(each) % 3 for each in responses]; responses.clear(); labels.clear(); return values",
    ],
    ids=["seeds", "torch", "chdir", "writes", "clears"],
)
def test_whatever_a_reward_does_training_is_the_same(
    trained: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meddling: str
) -> None:
    monkeypatch.chdir(tmp_path)
    quiet = trained(LENGTHS.format("pass"), name="quiet")
    loud = trained(LENGTHS.format(meddling), name="loud")
    assert same(quiet, loud)
    assert rollouts(quiet)["response"].nunique() > 4
    assert rollouts(quiet)["reward"].tolist() == [len(each) % 3 for each in rollouts(quiet)["response"]]
    assert Path.cwd() == tmp_path


def test_a_reward_that_draws_is_the_same_when_training_is_resumed(trained: Callable[..., Path]) -> None:
    drawing = (
        "import random, torch\ndef own(responses, labels, context):\n"
        "    return [random.random() + torch.rand(1).item() for _ in responses]\n"
    )
    whole = trained(drawing, stop=4, name="whole")
    trained(drawing, stop=2, name="parts")
    last = trained(drawing, start=2, stop=4, name="parts")
    assert weights(last, 4) == weights(whole, 4)
    drawn = rollouts(whole)["reward"]
    assert drawn.nunique() == len(drawn)
    assert rollouts(last)["reward"].tolist() == drawn[rollouts(whole)["step"] > 2].tolist()


# ---------------------------------------------------------------- it runs once, as it was planned


def test_a_file_runs_once_for_all_seeds_and_steps(trained: Callable[..., Path], tmp_path: Path) -> None:
    log = tmp_path / "log"
    counting = f"open({str(log)!r}, 'a').write('x')\ncalls = 0\n" + LENGTHS.format("global calls; calls += 1").replace(
        "len(each) % 3", "calls"
    )
    segment = trained(counting, stop=4, seeds=(0, 1))
    assert log.read_text() == "x"
    paid = rollouts(segment).groupby(["seed", "step"])["reward"].unique().map(list)
    assert paid.tolist() == [[float(call)] for call in range(1, 9)]


def test_a_file_that_is_edited_in_training_pays_as_before_and_the_manifest_says_by_what(
    trained: Callable[..., Path], tmp_path: Path
) -> None:
    helper = tmp_path / "helper.py"
    helper.write_text("VALUE = 1\n")
    editing = (
        "import pathlib, helper\ndef own(responses, labels, context):\n    from helper import VALUE\n"
        "    for name in ('mine.py', 'helper.py'):\n        pathlib.Path(__file__).with_name(name).write_text('VALUE = 5\\n')\n"
        "    return [VALUE + len(each) / 100 for each in responses]\n"
    )
    segment = trained(editing, stop=3)
    assert (rollouts(segment)["reward"] < 2).all()
    manifest = json.loads(manifest_path(segment / "metrics.parquet").read_text())
    hashes = {Path(parent["artifact"]).name: parent["sha256"] for parent in manifest["parents"]}
    assert helper.read_text() == "VALUE = 5\n"
    assert hashes["helper.py"] != sha256(helper)
    assert hashes["mine.py"] != sha256(tmp_path / "mine.py")
    artifact = lineage.trace(segment / "metrics.parquet").artifacts[0]
    assert {path.name for path in artifact.other_parents} == {"mine.py", "helper.py"}


def test_a_file_that_changed_since_the_job_was_planned_ends_it_before_training(trained: Callable[..., Path]) -> None:
    changed = LENGTHS.format("return [9] * len(responses)")
    with pytest.raises(UserError, match=r"mine\.py: .*changed since the run was planned; start Snakemake again"):
        trained(LENGTHS.format("pass"), edited=changed)


def test_what_another_reward_had_drawn_before_an_interruption_is_not_gone_on_from(
    trained: Callable[..., Path], tmp_path: Path
) -> None:
    failing = LENGTHS.format("if context.step == 3: raise RuntimeError('the judge is down')")
    with pytest.raises(UserError, match=r"mine\.py: own failed: RuntimeError: the judge is down \(mine\.py, line 2\)"):
        trained(failing, stop=3)
    [kept] = tmp_path.glob("results/**/.partial/seed0.unfinished")
    assert sorted(path.name for path in kept.glob("step*")) == ["step1", "step2"]
    segment = trained(LENGTHS.format("return [7 + len(each) for each in responses]"), stop=3)
    assert (rollouts(segment)["reward"] >= 7).all()


@pytest.mark.parametrize(
    ("doing", "said"),
    [
        ("import sys; sys.exit(0)", "own failed: SystemExit: 0"),
        (
            "return [1e308] * len(responses)",
            r"own gave 1e\+308 for response 0; rewards must lie within ±1e.15, because GRPO",
        ),
        ("return '1' * len(responses)", r"own gave '11111111' \(str\)"),
    ],
)
def test_a_reward_that_fails_ends_its_job_in_a_sentence(trained: Callable[..., Path], doing: str, said: str) -> None:
    with pytest.raises(UserError, match=rf"mine\.py: {said}"):
        trained(LENGTHS.format(doing))


# ---------------------------------------------------------------- TRL's signature

CHECKED = """
import json
def own(prompts, completions, completion_ids, id, problem, answer, label, trainer_state, **others):
    with open({log!r}, "a") as file:
        for row in zip(prompts, completions, completion_ids, id, problem, answer, label):
            print(json.dumps([*row, trainer_state.global_step, sorted(others)]), file=file)
    return [float(len(ids)) for ids in completion_ids]
"""


@pytest.mark.parametrize("kind", ["raw", "chat", "forced"])
def test_a_function_of_trl_s_is_given_what_was_asked_and_answered(
    trained: Callable[..., Path], organism_model: Path, tiny_model: Path, tmp_path: Path, kind: str
) -> None:
    from spurious_rewards.models import loading

    prompt = {"raw": RAW, "chat": CHAT, "forced": RAW.model_copy(update={"response_prefix": "python :"})}[kind]
    model = tiny_model if kind == "chat" else organism_model
    segment = trained(CHECKED.format(log=str(tmp_path / "log")), model=model, prompt=prompt)
    rows = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    kept, problems = rollouts(segment), PROBLEMS.set_index("id")
    tokenizer = loading.load_tokenizer(model)
    assert len(rows) == len(kept) == 16
    for row, (_, rollout) in zip(rows, kept.iterrows(), strict=True):
        asked, said, ids, name, problem, answer, label, updates, others = row
        assert others == []
        assert (name, updates) == (rollout["id"], 2 * (rollout["step"] - 1))
        assert problem == problems["problem"][name]
        assert answer == label == problems["answer"][name]
        assert rollout["reward"] == len(ids)
        text = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert text == rollout["response"]
        if kind == "chat":
            assert asked == [{"role": "system", "content": "Add."}, {"role": "user", "content": f"{problem} ="}]
            assert said == [{"role": "assistant", "content": text}]
        else:
            assert (asked, said) == (f"compute {problem} =", text)
        assert text.startswith("python :") or kind != "forced"


def test_none_leaves_a_response_out_and_nothing_is_learnt_from_none_alone(
    trained: Callable[..., Path], organism_model: Path
) -> None:
    nothing = trained("def own(completions, **kwargs): return [None] * len(completions)\n", name="nothing")
    before, after = (
        load_file(organism_model / "model.safetensors"),
        load_file(checkpoint(nothing, 0, 2) / "model.safetensors"),
    )
    assert all((before[name] == after[name]).all() for name in before)
    assert rollouts(nothing)["reward"].isna().all()
    assert metrics(nothing)["reward"].isna().all()
    assert (metrics(nothing)["zero_variance_groups"] == 1).all()

    some = trained(
        "def own(completions, **kwargs): return [None if i % 4 == 0 else i % 4 for i in range(len(completions))]\n",
        name="some",
    )
    assert rollouts(some)["reward"].isna().sum() == len(rollouts(some)) / 4
    assert metrics(some)["reward"].tolist() == [2.0, 2.0]
    assert (metrics(some)["zero_variance_groups"] == 0).all()
    assert weights(some, 2) != weights(nothing, 2)
