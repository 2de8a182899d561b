"""Training with TRL: the mapping to its arguments, metrics against a plain recomputation, and exact resuming."""

from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from spurious_rewards.answers.extraction import extract
from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.paths import checkpoint
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Reward, Sampling, Strategies, Training
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.tracking import Tracker
from spurious_rewards.training.mapping import grpo_arguments

PAPER = Training()
TINY = Training(
    rollout_prompts=2,
    rollouts_per_prompt=4,
    updates_per_rollout=2,
    learning_rate=1e-2,
    max_prompt_tokens=8,
    max_new_tokens=12,
    dtype="float32",
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
        UserError, match=r"training\.micro_batch = 4: a mini-batch of 128 responses cannot be split over 3"
    ):
        grpo_arguments(PAPER, stop=1, seed=0, output=Path("out"), processes=3, gpu=True)


def test_every_field_of_the_papers_table_reaches_trl() -> None:
    from trl import GRPOConfig

    config = GRPOConfig(
        **grpo_arguments(
            PAPER.model_copy(update={"dtype": "float32"}),
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


@pytest.mark.parametrize(("loss", "of_trl"), [("paper", "grpo"), ("released_code", "bnpo")])
def test_each_loss_has_its_name_in_trl(loss: Any, of_trl: str) -> None:
    training = PAPER.model_copy(update={"loss": loss})
    arguments = grpo_arguments(training, stop=1, seed=0, output=Path("out"), processes=1, gpu=True)
    assert arguments["loss_type"] == of_trl


@pytest.mark.parametrize(
    ("change", "responses", "updates"),
    [({}, 1024, 8), ({"updates_per_rollout": 1}, 1024, 1), ({"updates_per_rollout": 1, "rollout_prompts": 8}, 128, 1)],
    ids=["as the paper", "one larger mini-batch", "a smaller rollout batch"],
)
def test_the_ways_to_a_single_update(change: dict[str, int], responses: int, updates: int) -> None:
    training = PAPER.model_copy(update=change)
    arguments = grpo_arguments(training, stop=1, seed=0, output=Path("out"), processes=4, gpu=True)
    assert arguments["steps_per_generation"] * arguments["per_device_train_batch_size"] * 4 == responses
    assert arguments["steps_per_generation"] == updates * arguments["gradient_accumulation_steps"]
    assert arguments["max_steps"] == updates


def test_a_sharded_model_keeps_no_whole_gradients_between_micro_batches() -> None:
    from trl import GRPOConfig

    asked: dict[str, Any] = {"stop": 1, "seed": 0, "output": Path("out"), "processes": 1, "gpu": False}
    training = PAPER.model_copy(update={"dtype": "float32"})
    config = GRPOConfig(**grpo_arguments(training, **asked, sharded=True))
    assert config.accelerator_config.gradient_accumulation_kwargs == {"sync_each_batch": True}
    assert "accelerator_config" not in grpo_arguments(training, **asked)


VLLM = PAPER.model_copy(update={"engine": "vllm", "max_model_len": 4096})


def test_with_vllm_nothing_but_the_engine_changes() -> None:
    asked = {"stop": 1, "seed": 3, "output": Path("out"), "processes": 2, "gpu": True, "stop_strings": ("</answer>",)}
    plain, with_vllm = grpo_arguments(PAPER, **asked), grpo_arguments(VLLM, **asked, gpu_memory_utilization=0.25)
    assert with_vllm == plain | {
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_tensor_parallel_size": 1,
        "vllm_enable_sleep_mode": True,
        "vllm_gpu_memory_utilization": 0.25,
        "vllm_max_model_length": 4096,
        "vllm_importance_sampling_correction": False,
        "generation_kwargs": {"stop": ["</answer>"], "include_stop_str_in_output": True},
    }


def test_what_vllm_is_told_reaches_trl() -> None:
    from trl import GRPOConfig

    from spurious_rewards.training.vllm_server import Address

    served = VLLM.model_copy(update={"vllm_mode": "server", "dtype": "float32"})
    server = Address("http://127.0.0.1:8001", 8002)
    config = GRPOConfig(
        **grpo_arguments(served, stop=1, seed=0, output=Path("out"), processes=1, gpu=False, server=server)
    )
    assert (config.vllm_mode, config.vllm_server_base_url, config.vllm_group_port) == ("server", server.url, 8002)
    assert config.vllm_importance_sampling_correction is False
    assert config.generation_kwargs == {"detokenize": False}
    assert not config.vllm_enable_sleep_mode


def test_vllm_that_is_not_installed_is_said_so(organism_model: Path, tmp_path: Path) -> None:
    if "vllm" in packages_distributions():
        pytest.skip("vLLM is installed here")
    with pytest.raises(UserError, match=r"training\.engine: vllm, and vLLM is not installed; run `pip"):
        run(organism_model, tmp_path, 0, 1, training=TINY.model_copy(update={"engine": "vllm"}))


def test_training_has_no_dropout_and_no_loss_but_ours(tmp_path: Path) -> None:
    import torch
    from model_folders import make

    from spurious_rewards.models.loading import load_model
    from spurious_rewards.training.trainer import without_dropout

    model: Any = load_model(make(tmp_path / "gpt2", "gpt2"), "float32").train()
    ids = torch.tensor([[1, 2, 3, 4]])
    assert not torch.equal(model(ids).logits, model(ids).logits)
    assert torch.equal(without_dropout(model)(ids).logits, model(ids).logits)
    told = grpo_arguments(PAPER, stop=1, seed=0, output=Path("out"), processes=1, gpu=True)
    assert told["router_aux_loss_coef"] == 0.0


# ---------------------------------------------------------------- the second whitening


def test_whitening_is_over_the_tokens_of_the_whole_batch() -> None:
    """Advantages 1, -1, 3 on 1, 2 and 1 tokens have the mean 2/4 and the variance (1/4 + 2*9/4 + 25/4) / 4 = 11/4."""
    import torch

    from spurious_rewards.training.whitening import whitened

    advantages, tokens = torch.tensor([1.0, -1.0, 3.0]), torch.tensor([1, 2, 1])
    expected = [(value - 0.5) / 2.75**0.5 for value in (1, -1, 3)]
    assert whitened(advantages, tokens, lambda x: x).tolist() == pytest.approx(expected)

    # Two processes: this one has the first two responses, the other one has the third.
    other = iter([1.0, 3.0, 25 / 4])  # the other's token count, sum and squared deviations
    local = whitened(advantages[:2], tokens[:2], lambda x: x + next(other))
    assert local.tolist() == pytest.approx(expected[:2])


def test_whitening_leaves_out_responses_without_a_reward() -> None:
    import torch

    from spurious_rewards.training.whitening import whitened

    advantages, tokens = torch.tensor([1.0, -0.5, -0.5, 0.0]), torch.tensor([3, 5, 2, 9])
    without = whitened(advantages, tokens * torch.tensor([1, 1, 1, 0]), lambda x: x)
    assert without.tolist() == [*whitened(advantages[:3], tokens[:3], lambda x: x).tolist(), 0]
    assert whitened(advantages[3:], torch.tensor([0]), lambda x: x).tolist() == [0]


def test_whitening_leaves_nothing_of_advantages_that_do_not_differ() -> None:
    import torch

    from spurious_rewards.training.whitening import whitened

    assert whitened(torch.zeros(3), torch.tensor([1, 2, 3]), lambda x: x).tolist() == [0, 0, 0]


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
    problems: pd.DataFrame = PROBLEMS,
    hardware: Hardware | None = None,
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
        training_sets={0: problems},
        output=segment,
        tracker=Tracker("none", output, "run", {}),
        version=1,
        hardware=hardware or Hardware(),
    )
    return segment


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def metrics(segment: Path) -> pd.DataFrame:
    return tables.read(segment / "metrics.parquet", tables.Metrics)


@pytest.fixture(scope="module")
def whole(organism_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a segment of four steps."""
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
    # The text of a response lacks special tokens, so the recomputation covers most tokens, not all.
    row = metrics(whole).iloc[0]
    assert row["token_probability"] == pytest.approx(sum(probabilities) / len(probabilities), abs=0.1)
    assert row["entropy"] == pytest.approx(sum(entropies) / len(entropies), rel=0.2)


def test_clip_fraction_is_of_tokens_and_none_without_clipping(organism_model: Path, tmp_path: Path) -> None:
    hard = TINY.model_copy(update={"learning_rate": 0.1})
    with_clip = metrics(run(organism_model, tmp_path / "with", 0, 2, training=hard))["clip_fraction"]
    without = metrics(run(organism_model, tmp_path / "unless", 0, 2, training=hard.model_copy(update={"clip": None})))[
        "clip_fraction"
    ]
    assert with_clip.between(0.01, 0.9).all()
    assert (without == 0).all()


def test_with_one_update_the_ratio_is_exactly_one_and_the_metrics_are_those_of_the_sampling_policy(
    organism_model: Path, tmp_path: Path
) -> None:
    narrow = TINY.model_copy(update={"learning_rate": 0.1, "clip": 1e-9})
    one = metrics(
        run(organism_model, tmp_path / "one", 0, 2, training=narrow.model_copy(update={"updates_per_rollout": 1}))
    )
    two = metrics(run(organism_model, tmp_path / "two", 0, 2, training=narrow))
    assert (one["clip_fraction"] == 0).all()
    assert (two["clip_fraction"] > 0).all()
    # The first rollout batches agree. One run takes its numbers from the update, the other from a pass before it.
    for name in ("entropy", "token_probability"):
        assert one[name][0] == pytest.approx(two[name][0], rel=1e-5)
        assert one[name][0] > 0


@pytest.mark.parametrize("loss", ["paper", "released_code"])
def test_less_padding_changes_nothing(
    loss: Any, organism_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Log-probabilities, entropies, clip fractions and gradients agree, seen in metrics and weights after two steps."""
    import torch

    from spurious_rewards.training import trainer

    small = TINY.model_copy(update={"micro_batch": 2, "max_new_tokens": 16, "loss": loss})
    problems = PROBLEMS.assign(problem=["1 + 1", "2 + 2", "3 + 3 + 3 + 3 + 3", "4 + 4"])
    widths: list[int] = []
    whole: list[int] = []
    cut = trainer.without_padding

    def counted(mask: torch.Tensor, logits_to_keep: int, before_prompts: bool) -> tuple[int, int]:
        assert before_prompts
        start, stop = cut(mask, logits_to_keep, before_prompts)
        assert not mask[:, :start].any()
        assert not mask[:, stop:].any()
        widths.append(stop - start)
        whole.append(mask.shape[1])
        return start, stop

    monkeypatch.setattr(trainer, "without_padding", counted)
    short = run(organism_model, tmp_path / "cut", 0, 2, training=small, problems=problems)
    monkeypatch.setattr(trainer, "without_padding", lambda mask, *_: (0, mask.shape[1]))
    monkeypatch.setattr(trainer, "by_length", lambda micro_batches, together: micro_batches)
    padded = run(organism_model, tmp_path / "padded", 0, 2, training=small, problems=problems)
    assert sum(widths) < (0.8 if loss == "paper" else 0.9) * sum(whole)
    for name in ("entropy", "token_probability", "clip_fraction", "grad_norm"):
        assert metrics(short)[name].tolist() == pytest.approx(metrics(padded)[name].tolist(), rel=1e-4), name
    one, other = (weights(checkpoint(segment, 0, 2)) for segment in (short, padded))
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-3, atol=1e-5)


def test_there_are_as_many_graders_as_the_job_has_cores(
    organism_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spurious_rewards.training import segment

    asked: list[int] = []
    own = segment.Verifier
    monkeypatch.setattr(segment, "Verifier", lambda workers: asked.append(workers) or own(workers))
    run(organism_model, tmp_path / "one", 0, 1)
    run(organism_model, tmp_path / "three", 0, 1, hardware=Hardware(cores=3))
    assert asked == [1, 3]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize(("gamma", "loss"), [(0, "paper"), (1, "released_code")])
def test_a_reward_that_never_varies_moves_no_weight(
    organism_model: Path, tmp_path: Path, optimizer: str, gamma: float, loss: str
) -> None:
    training = TINY.model_copy(update={"optimizer": optimizer, "loss": loss})
    segment = run(organism_model, tmp_path, 0, 2, training=training, reward=Reward(function="random", gamma=gamma))
    before, after = weights(organism_model), weights(checkpoint(segment, 0, 2))
    assert all((before[name] == after[name]).all() for name in before)
    assert (metrics(segment)["zero_variance_groups"] == 1).all()


def test_weights_that_moved_without_a_reason_are_reported(
    organism_model: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spurious_rewards.rewards import functions, registry
    from spurious_rewards.training.segment import check_unmoved

    check_unmoved(organism_model, organism_model)
    moved = r"[0-9]+ of [0-9]+ weight tensors moved from .*, though the reward was the same for every response"
    with pytest.raises(RuntimeError, match=moved):
        check_unmoved(organism_model, checkpoint(whole, 0, 1))
    # This coin should always fall on the same side, but does not.
    monkeypatch.setitem(registry.REGISTRY, "random", functions.python)
    with pytest.raises(RuntimeError, match=moved):
        run(organism_model, tmp_path, 0, 1, reward=Reward(function="random", gamma=0))


def test_the_loss_of_the_released_code_moves_weights_as_worked_out(
    organism_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compare one SGD update with plain torch: advantages whitened over all tokens, token mean per micro-batch."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from spurious_rewards.training.trainer import RolloutTrainer

    drawn: list[tuple[list[str], list[list[int]], list[float]]] = []
    micro_batches: list[list[list[int]]] = []
    reward, loss = RolloutTrainer.reward, RolloutTrainer._compute_loss

    def watched(self: Any, prompts: Any, completions: Any, completion_ids: Any, **columns: Any) -> list[float]:
        values = reward(self, prompts, completions, completion_ids, **columns)
        drawn.append((prompts, completion_ids, values))
        return values

    def whole(inputs: dict[str, Any]) -> list[list[int]]:
        """Return the prompt and response tokens of each row, without padding."""
        ids, seen = (
            torch.cat([inputs[f"prompt_{of}"], inputs[f"completion_{of}"]], dim=1).tolist() for of in ("ids", "mask")
        )
        return [[t for t, kept in zip(row, mask, strict=True) if kept] for row, mask in zip(ids, seen, strict=True)]

    def watched_loss(self: Any, model: Any, inputs: dict[str, Any]) -> Any:
        micro_batches.append(whole(inputs))
        return loss(self, model, inputs)

    monkeypatch.setattr(RolloutTrainer, "reward", watched)
    monkeypatch.setattr(RolloutTrainer, "_compute_loss", watched_loss)
    changes = {
        "updates_per_rollout": 1,
        "optimizer": "sgd",
        "loss": "released_code",
        "max_grad_norm": 1e9,
        "max_new_tokens": 24,
    }
    training = TINY.model_copy(update={**changes, "micro_batch": 2})
    segment = run(organism_model, tmp_path, 0, 1, training=training, reward=Reward(function="format"))
    [(problems, said, values)] = drawn
    groups = torch.tensor(values).view(2, 4)
    advantages = ((groups - groups.mean(1, keepdim=True)) / (groups.std(1, keepdim=True) + 1e-4)).flatten().tolist()
    lengths = [len(tokens) for tokens in said]
    count = sum(lengths)
    mean = sum(a * n for a, n in zip(advantages, lengths, strict=True)) / count
    spread = (sum((a - mean) ** 2 * n for a, n in zip(advantages, lengths, strict=True)) / count) ** 0.5
    assert abs(mean) > 0.01
    model = AutoModelForCausalLM.from_pretrained(organism_model)
    tokenizer = AutoTokenizer.from_pretrained(organism_model)
    rows = {}
    for problem, tokens, advantage in zip(problems, said, advantages, strict=True):
        given = tokenizer.encode(f"compute {problem} =", add_special_tokens=False)
        rows[(*given, *tokens)] = len(given), tokens, (advantage - mean) / spread
    counts = [sum(len(rows[tuple(row)][1]) for row in batch) for batch in micro_batches]
    assert len(counts) == 4
    assert len(set(counts)) > 1, "else a mean over all tokens would be the same"
    for batch, of_batch in zip(micro_batches, counts, strict=True):
        for row in batch:
            start, tokens, advantage = rows[tuple(row)]
            logps = model(torch.tensor([row])).logits[0, start - 1 : -1].log_softmax(-1)
            # Where the ratio is 1, its gradient is that of the log-probability.
            (-advantage * logps[range(len(tokens)), tokens].sum() / of_batch / len(counts)).backward()
    after = weights(checkpoint(segment, 0, 1))
    for name, parameter in model.named_parameters():
        if name in after:
            moved = after[name] - parameter.data
            torch.testing.assert_close(moved, -TINY.learning_rate * parameter.grad, atol=1e-6, rtol=1e-3)


def test_ttrl_does_not_look_at_labels(organism_model: Path, tmp_path: Path) -> None:
    reward = Reward(function="ttrl")
    one = run(organism_model, tmp_path / "one", 0, 2, reward=reward)
    other = run(
        organism_model, tmp_path / "other", 0, 2, reward=reward, problems=PROBLEMS.assign(label="x", answer="x")
    )
    rollouts = tables.read(one / "rollouts.parquet", tables.Rollouts)
    assert 0 < rollouts["reward"].mean() < 1
    name = "model.safetensors"
    assert (checkpoint(one, 0, 2) / name).read_bytes() == (checkpoint(other, 0, 2) / name).read_bytes()
    answers = rollouts["response"].map(lambda response: extract(response, "box").text)
    for _, group in answers.groupby([rollouts["step"], rollouts["id"]]):
        paid = set(group[rollouts["reward"][group.index] == 1])
        assert len(paid) <= 1
        assert all(group.eq(answer).sum() == group.value_counts().max() for answer in paid)


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


def test_a_response_that_stops_on_its_last_token_is_not_truncated(organism_model: Path, tmp_path: Path) -> None:
    prompt = Prompt(kind="raw", user="compute {} =", stop=("python",))
    segment = run(organism_model, tmp_path, 0, 1, training=TINY.model_copy(update={"max_new_tokens": 1}), prompt=prompt)
    said = tables.read(segment / "rollouts.parquet", tables.Rollouts)["response"]
    # Each response is one token. Special tokens leave no text; of all others, only "python" is not cut off.
    assert set(said) > {"python"}
    assert metrics(segment)["truncation_rate"].tolist() == [said.ne("").mean() - said.eq("python").mean()]


# ---------------------------------------------------------------- what the model receives


FORCED = Prompt(kind="raw", user="compute {} =", response_prefix="python :")


def test_a_forced_beginning_is_part_of_every_rollout_and_bears_no_loss(organism_model: Path, tmp_path: Path) -> None:
    training = TINY.model_copy(update={"updates_per_rollout": 1})
    with_prefix = run(organism_model, tmp_path / "prefix", 0, 2, training=training, prompt=FORCED)
    # The result is the same as with the prefix in the prompt and correspondingly fewer new tokens.
    shorter = training.model_copy(update={"max_new_tokens": 10, "max_prompt_tokens": 10})
    longer = Prompt(kind="raw", user="compute {} = python :")
    in_prompt = run(organism_model, tmp_path / "prompt", 0, 2, training=shorter, prompt=longer)
    name = "model.safetensors"
    assert (checkpoint(with_prefix, 0, 2) / name).read_bytes() == (checkpoint(in_prompt, 0, 2) / name).read_bytes()
    responses, rest = (
        tables.read(segment / "rollouts.parquet", tables.Rollouts)["response"] for segment in (with_prefix, in_prompt)
    )
    assert [response.split() for response in responses] == [["python", ":", *text.split()] for text in rest]
    assert responses.str.startswith("python :").all()
    one, other = metrics(with_prefix), metrics(in_prompt)
    assert (one["code_rate"] == 1).all()
    assert one["response_tokens"].tolist() == (other["response_tokens"] + 2).tolist()
    for same in ("entropy", "token_probability", "truncation_rate"):
        assert one[same].tolist() == other[same].tolist()


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(kind="chat"),
        Prompt(kind="chat", system="Add.", user="{} ="),
        Prompt(kind="raw", user="Q {}\n<think>", stop=("</a>",)),
        Prompt(kind="raw", user="{}=", response_prefix="So:"),
    ],
    ids=["chat", "chat with system", "base", "forced"],
)
def test_training_and_evaluation_give_the_model_the_same_tokens(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prompt: Prompt
) -> None:
    from transformers import GenerationMixin

    from spurious_rewards.generation.generate import generate
    from spurious_rewards.generation.tasks import Checkpoint, Task
    from spurious_rewards.models import loading, prompts

    given: list[set[tuple[int, ...]]] = []
    of_model = GenerationMixin.generate

    def watched(self: Any, inputs: Any = None, **settings: Any) -> Any:
        ids = inputs if inputs is not None else settings["input_ids"]
        rows = zip(ids.tolist(), settings["attention_mask"].tolist(), strict=True)
        given.append({tuple(t for t, seen in zip(row, mask, strict=True) if seen) for row, mask in rows})
        return of_model(self, inputs, **settings)

    monkeypatch.setattr(GenerationMixin, "generate", watched)
    training = TINY.model_copy(update={"rollout_prompts": 4, "max_prompt_tokens": 40})
    run(tiny_model, tmp_path, 0, 1, training=training, prompt=prompt)
    sampling = Sampling(max_new_tokens=12, dtype="float32")
    generate(
        [Checkpoint(0, 0, tiny_model)],
        [Task("b", PROBLEMS, 1, 0.0)],
        prompt,
        sampling,
        tmp_path / "r.parquet",
        version=1,
        threads=1,
        hardware=Hardware(),
    )
    tokenizer = loading.load_tokenizer(tiny_model)
    expected = {tuple(prompts.encode(prompt, tokenizer, problem)) for problem in PROBLEMS["problem"]}
    assert given == [expected, expected]


def test_problems_that_are_too_long_leave_nothing_to_train_on(organism_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no problem to train on"):
        run(organism_model, tmp_path, 0, 2, training=TINY.model_copy(update={"max_prompt_tokens": 2}))


def test_work_on_another_request_is_not_taken_over(organism_model: Path, tmp_path: Path) -> None:
    partial = tmp_path / "0-2" / ".partial"
    (partial / "seed0").mkdir(parents=True)
    (partial / "asked").write_text("something else")
    assert metrics(run(organism_model, tmp_path, 0, 2))["step"].tolist() == [1, 2]
