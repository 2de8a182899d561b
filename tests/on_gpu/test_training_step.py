"""A rollout step of the real trainer on a model of Qwen2.5-Math-1.5B's size, with padding and with padding left out.

The weights are random. Random ids replace the drawn responses, and a tensor replaces vLLM's share of the memory. In a
suite vLLM would sleep during updates, so these peaks are higher than in a suite.
"""

import gc
import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from launched import fixed, generating
from model_folders import save
from qwen import configuration

from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.config import accelerate
from spurious_rewards.config.loading import load
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Reward, Strategies, Training
from spurious_rewards.models.loading import load_tokenizer
from spurious_rewards.operations import gpu_memory
from spurious_rewards.rewards import registry
from spurious_rewards.training import launching, trainer
from spurious_rewards.training.mapping import grpo_arguments
from spurious_rewards.training.scoring import Scorer
from spurious_rewards.training.segment import prompts_in_order

ROOT = Path(__file__).parents[2]
ONE_GPU = load(ROOT / "config/suites/one_gpu.yaml")
SHARE = 24 * 2**30
"""Bytes that stand for vLLM's share."""

PROMPT = Prompt(kind="raw", user="Work out {} step by step.\n")
REWARD = Reward(function="random", gamma=0.5)


@dataclass(frozen=True)
class Step:
    """Results of a rollout step: by response, log-probabilities under the policy that drew, and which of them count."""

    logps: torch.Tensor
    mask: torch.Tensor
    seconds: float
    peak: int
    """Peak of the GPU memory in bytes; 0 on a CPU."""


class Watched(trainer.RolloutTrainer):
    """A trainer that keeps the old policy's log-probabilities, in the order in which the responses were drawn."""

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch = super()._generate_and_score_completions(inputs)
        self.logps, self.mask = batch["old_per_token_logps"].cpu(), batch["completion_mask"].bool().cpu()
        return batch


@contextmanager
def padded_as_trl_pads() -> Iterator[None]:
    """Pad every micro-batch to the width of the rollout batch, and keep TRL's own order, as TRL does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "without_padding", lambda mask, *_: (0, mask.shape[1]))
        patch.setattr(trainer, "by_length", lambda micro_batches, _: micro_batches)
        yield


def realistic(generator: random.Random, bound: int) -> int:
    """Return a length as models produce them: half are below a quarter of the bound, one in a few dozen is cut off."""
    return min(int(generator.lognormvariate(math.log(bound / 4), 0.8)), bound - 1)


@pytest.fixture(scope="module")
def model(device: torch.device, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with device:
        return save(tmp_path_factory.mktemp("models") / "qwen", configuration(device, dtype="bfloat16"))


def problems(device: torch.device) -> pd.DataFrame:
    terms = (8, 60) if device.type == "cuda" else (2, 6)
    lengths = random.Random(0).choices(range(*terms), k=64)
    rows = [(f"p{i}", " + ".join(["12"] * count), "7", "7") for i, count in enumerate(lengths)]
    return pd.DataFrame(rows, columns=["id", "problem", "answer", "label"])


def settings(device: torch.device, **changes: Any) -> Training:
    """Return the settings of the suite for one GPU with a quarter of its rollout batch, or small settings on a CPU."""
    size: dict[str, Any] = {"rollout_prompts": 8, "updates_per_rollout": 2, "engine": "transformers"}
    if device.type == "cpu":
        size |= {"rollout_prompts": 4, "rollouts_per_prompt": 8, "updates_per_rollout": 2, "max_new_tokens": 40}
        size |= {"max_prompt_tokens": 64}
    return ONE_GPU.training.model_copy(update=size | changes)


def take(model: Path, training: Training, device: torch.device, output: Path) -> Step:
    """Load a model and take one rollout step with it."""
    launching.join(Hardware())
    arguments = grpo_arguments(training, stop=1, seed=0, output=output, processes=1, gpu=device.type == "cuda")
    with generating(fixed(training.max_new_tokens, realistic)), Verifier() as verifier:
        made = Watched(
            model=str(model),
            arguments=arguments | {"save_strategy": "no"},
            dataset=prompts_in_order(problems(device), training.rollout_prompts),
            tokenizer=load_tokenizer(model),
            prompt=PROMPT,
            training=training,
            scorer=Scorer(REWARD, registry.of(REWARD, None), PROMPT, Strategies(), 0, verifier),
            on_step=lambda row, responses: None,
        )
        cuda = device.type == "cuda"
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        started = time.perf_counter()
        made.train()
        if cuda:
            torch.cuda.synchronize()
        step = Step(
            made.logps, made.mask, time.perf_counter() - started, torch.cuda.max_memory_allocated() if cuda else 0
        )
    del made
    gc.collect()
    if cuda:
        torch.cuda.empty_cache()
    return step


def apart(one: Step, other: Step) -> dict[str, float]:
    """Return the largest and the mean difference of log-probabilities."""
    assert torch.equal(one.mask, other.mask), "the responses are the same"
    off = (one.logps - other.logps)[one.mask].abs()
    return {"largest": off.max().item(), "mean": off.mean().item()}


@pytest.mark.parametrize("micro_batch", [2, 8, 16])
def test_a_rollout_step_with_padding_and_without(
    micro_batch: int, model: Path, device: torch.device, tmp_path: Path, figures: Callable[..., None]
) -> None:
    training = settings(device, micro_batch=micro_batch)
    share = torch.empty(SHARE if device.type == "cuda" else 0, dtype=torch.uint8, device=device)
    config = accelerate.read(ROOT / "envs/accelerate/one_gpu.yaml")
    weights = ONE_GPU.num_parameters("Qwen2.5-Math-1.5B")
    reckoned = gpu_memory.total(
        [gpu_memory.updating(weights, config), *gpu_memory.micro_batch(training, weights, config)]
    )
    try:
        with padded_as_trl_pads():
            padded = take(model, training, device, tmp_path / "padded")
        cut = take(model, training, device, tmp_path / "cut")
    except torch.OutOfMemoryError:
        figures(fits=False, share_gb=share.numel() / 1e9, reckoned_gb=reckoned)
        assert micro_batch > ONE_GPU.training.micro_batch, "what the suites ask for has to fit"
        return
    difference = apart(padded, cut)
    figures(
        fits=True,
        responses=len(cut.mask),
        tokens=int(cut.mask.sum()),
        columns=cut.mask.shape[1],
        seconds={"padded": padded.seconds, "cut": cut.seconds},
        peak_gb={"padded": (padded.peak - share.numel()) / 1e9, "cut": (cut.peak - share.numel()) / 1e9},
        share_gb=share.numel() / 1e9,
        reckoned_gb=reckoned,
        log_probs_differ=difference,
        dtype=str(cut.logps.dtype),
    )
    assert cut.logps.dtype == torch.float32
    assert difference["largest"] < 0.1, "a few steps of bfloat16 at logits of this size"
    assert difference["mean"] < 0.02
    if device.type == "cuda":
        assert max(padded.peak, cut.peak) - share.numel() < reckoned * 1e9, "what doctor reckons with"


def test_in_float32_padding_changes_last_digits_alone(
    model: Path, device: torch.device, tmp_path: Path, figures: Callable[..., None]
) -> None:
    training = settings(device, micro_batch=2, dtype="float32", rollout_prompts=2, rollouts_per_prompt=8)
    with padded_as_trl_pads():
        padded = take(model, training, device, tmp_path / "padded")
    difference = apart(padded, take(model, training, device, tmp_path / "cut"))
    figures(log_probs_differ=difference, tokens=int(padded.mask.sum()))
    assert difference["largest"] < 1e-3
