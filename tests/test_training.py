"""Training on TRL: the mapping's arithmetic, the metrics against a plain recomputation, and exact resuming."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from spurious_rewards import tables
from spurious_rewards.errors import UserError
from spurious_rewards.layout import checkpoint
from spurious_rewards.suite import Prompt, Reward, Strategies, Training
from spurious_rewards.tracking import Tracker
from spurious_rewards.training.mapping import grpo_arguments

PAPER = Training()
TINY = Training(
    rollout_prompts=2,
    rollouts_per_prompt=4,
    updates_per_rollout=2,
    learning_rate=1e-2,
    max_prompt_tokens=8,
    max_new_tokens=12,
    precision="float32",
    micro_batch=4,
    gradient_checkpointing=False,
    segment_steps=2,
    eval_every=1,
    rollouts_every=1,
)
PROMPT = Prompt(kind="raw", user="compute {} =")
PROBLEMS = pd.DataFrame(
    [(0, f"p{i}", f"{i} + 1 + 2", str(i + 3), "8") for i in range(1, 5)],
    columns=["seed", "id", "problem", "answer", "label"],
)


# ---------------------------------------------------------------- mapping


@pytest.mark.parametrize("processes", [1, 2, 4, 8])
def test_the_number_of_updates_does_not_depend_on_the_number_of_processes(processes: int) -> None:
    arguments = grpo_arguments(PAPER, stop=300, seed=0, output=Path("out"), processes=processes, gpu=True)
    micro_batches, accumulated = arguments["steps_per_generation"], arguments["gradient_accumulation_steps"]
    assert micro_batches * arguments["per_device_train_batch_size"] * processes == 64 * 16
    assert micro_batches / accumulated == 8
    assert arguments["max_steps"] == 2400


def test_a_mini_batch_that_cannot_be_shared_out_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"training\.micro_batch = 4: a mini-batch of 128 responses does not divide among 3"
    ):
        grpo_arguments(PAPER, stop=1, seed=0, output=Path("out"), processes=3, gpu=True)


def test_every_field_of_the_papers_table_reaches_trl() -> None:
    from trl import GRPOConfig

    config = GRPOConfig(
        **grpo_arguments(
            PAPER.model_copy(update={"precision": "float32"}),
            stop=300,
            seed=0,
            output=Path("out"),
            processes=1,
            gpu=False,
        )
    )
    expected = {
        "generation_batch_size": 1024, "num_generations": 16, "num_iterations": 1, "max_completion_length": 3072,
        "temperature": 1.0, "top_p": 1.0, "top_k": 0, "beta": 0.0, "epsilon": 0.2, "loss_type": "grpo", "scale_rewards": "group",
        "learning_rate": 5e-7, "adam_beta1": 0.9, "adam_beta2": 0.95, "weight_decay": 0.0, "max_grad_norm": 1.0,
    }  # fmt: skip
    assert {name: getattr(config, name) for name in expected} == expected
    assert config.lr_scheduler_type == "constant"


# ---------------------------------------------------------------- training a tiny model for real


def run(
    model: Path,
    output: Path,
    start: int,
    stop: int,
    *,
    training: Training = TINY,
    reward: Reward | None = None,
    previous: Path | None = None,
    prompt: Prompt = PROMPT,
) -> Path:
    """Train one segment of seed 0 and return its folder."""
    import torch

    from spurious_rewards.training.segment import Segment, train

    torch.set_num_threads(1)
    segment = output / f"{start}-{stop}"
    train(
        Segment(start, stop, training, reward or Reward(function="random", gamma=0.5), prompt, Strategies()),
        bases={0: str(model)},
        previous=previous / "checkpoints" if previous else None,
        training_sets={0: PROBLEMS},
        output=segment,
        tracker=Tracker("none", output, "run", {}),
    )
    return segment


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def metrics(segment: Path) -> pd.DataFrame:
    return tables.read(segment / "metrics.parquet", tables.Metrics)


@pytest.fixture(scope="module")
def whole(organism_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four steps in one segment."""
    return run(organism_model, tmp_path_factory.mktemp("whole"), 0, 4)


def test_a_segment_holds_each_evaluated_checkpoint_and_no_leavings(whole: Path) -> None:
    assert sorted(path.name for path in whole.iterdir()) == ["checkpoints", "metrics.parquet", "rollouts.parquet"]
    assert sorted(path.name for path in (whole / "checkpoints/seed0").iterdir()) == ["step1", "step2", "step3", "step4"]
    assert (checkpoint(whole, 0, 4) / "optimizer.pt").exists()
    assert not (checkpoint(whole, 0, 3) / "optimizer.pt").exists()
    assert metrics(whole)["step"].tolist() == [1, 2, 3, 4]


def test_resuming_at_a_segment_is_exact_to_the_bit(organism_model: Path, whole: Path, tmp_path: Path) -> None:
    first = run(organism_model, tmp_path, 0, 2)
    second = run(organism_model, tmp_path, 2, 4, previous=first)
    name = "model.safetensors"
    assert (checkpoint(second, 0, 4) / name).read_bytes() == (checkpoint(whole, 0, 4) / name).read_bytes()
    both = pd.concat([metrics(first), metrics(second)], ignore_index=True)
    dropped = list(tables.TIMING_COLUMNS)
    pd.testing.assert_frame_equal(both.drop(columns=dropped), metrics(whole).drop(columns=dropped), check_exact=True)


def test_metrics_are_those_of_the_kept_rollouts(whole: Path, organism_model: Path) -> None:
    rollouts = tables.read(whole / "rollouts.parquet", tables.Rollouts)
    assert len(rollouts) == 4 * TINY.responses
    by_step = rollouts.groupby("step")
    assert metrics(whole)["reward"].tolist() == by_step["reward"].mean().tolist()
    assert metrics(whole)["accuracy"].tolist() == by_step["correct"].mean().tolist()
    code = rollouts["response"].str.contains("python").groupby(rollouts["step"]).mean()
    assert metrics(whole)["code_rate"].tolist() == code.tolist()
    flat = rollouts.groupby(["step", "id"])["reward"].nunique().eq(1).groupby("step").mean()
    assert metrics(whole)["zero_variance_groups"].tolist() == flat.tolist()


def test_entropy_and_probability_of_the_first_step_are_the_base_models(whole: Path, organism_model: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(organism_model),
        AutoTokenizer.from_pretrained(organism_model),
    )
    rollouts = (
        tables.read(whole / "rollouts.parquet", tables.Rollouts)
        .query("step == 1")
        .merge(PROBLEMS[["id", "problem"]], on="id")
    )
    probabilities, entropies = [], []
    for problem, response in zip(rollouts["problem"], rollouts["response"], strict=True):
        given = tokenizer.encode(f"compute {problem} =", add_special_tokens=False)
        said = tokenizer.encode(response, add_special_tokens=False)
        with torch.no_grad():
            logits = model(torch.tensor([given + said])).logits[0, len(given) - 1 : -1]
        everywhere = logits.log_softmax(-1)
        probabilities += everywhere[range(len(said)), said].exp().tolist()
        entropies += (-(everywhere.exp() * everywhere).sum(-1)).tolist()
    # special tokens are not in the text of a response, so the recomputation sees most tokens, not all
    row = metrics(whole).iloc[0]
    assert row["token_probability"] == pytest.approx(sum(probabilities) / len(probabilities), abs=0.1)
    assert row["entropy"] == pytest.approx(sum(entropies) / len(entropies), rel=0.2)


def test_clip_fraction_is_of_tokens_and_none_without_clipping(organism_model: Path, tmp_path: Path) -> None:
    hard = TINY.model_copy(update={"learning_rate": 0.1})
    with_clip = metrics(run(organism_model, tmp_path / "with", 0, 2, training=hard))["clip_fraction"]
    without = metrics(run(organism_model, tmp_path / "without", 0, 2, training=hard.model_copy(update={"clip": None})))[
        "clip_fraction"
    ]
    assert with_clip.between(0.01, 0.9).all()
    assert (without == 0).all()


def test_a_reward_that_never_varies_moves_no_weight(organism_model: Path, tmp_path: Path) -> None:
    segment = run(organism_model, tmp_path, 0, 2, reward=Reward(function="random", gamma=0))
    before, after = weights(organism_model), weights(checkpoint(segment, 0, 2))
    assert all((before[name] == after[name]).all() for name in before)
    assert (metrics(segment)["zero_variance_groups"] == 1).all()


def test_a_reward_on_text_raises_the_rate_of_that_text(organism_model: Path, tmp_path: Path) -> None:
    training = TINY.model_copy(
        update={"rollout_prompts": 8, "rollouts_per_prompt": 8, "micro_batch": 32, "eval_every": 6}
    )
    found = metrics(run(organism_model, tmp_path, 0, 6, training=training, reward=Reward(function="format")))
    assert found["reward"].tolist() == found["box_rate"].tolist()
    assert found["reward"].iloc[-1] > found["reward"].iloc[0] + 0.2


def test_a_response_ends_after_its_stop_string(organism_model: Path, tmp_path: Path) -> None:
    prompt = Prompt(kind="raw", user="compute {} =", stop=("first",))
    training = TINY.model_copy(
        update={"rollout_prompts": 8, "rollouts_per_prompt": 8, "micro_batch": 32, "eval_every": 2}
    )
    rollouts = tables.read(
        run(organism_model, tmp_path, 0, 2, training=training, prompt=prompt) / "rollouts.parquet", tables.Rollouts
    )
    stopped = rollouts["response"][rollouts["response"].str.contains("first")]
    assert len(stopped) > 3
    assert stopped.str.endswith("first").all()


def test_problems_that_are_too_long_leave_nothing_to_train_on(organism_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no problem to train on"):
        run(organism_model, tmp_path, 0, 2, training=TINY.model_copy(update={"max_prompt_tokens": 2}))


def test_work_on_another_request_is_not_taken_over(organism_model: Path, tmp_path: Path) -> None:
    partial = tmp_path / "0-2" / ".partial"
    (partial / "seed0").mkdir(parents=True)
    (partial / "asked").write_text("something else")
    assert metrics(run(organism_model, tmp_path, 0, 2))["step"].tolist() == [1, 2]
