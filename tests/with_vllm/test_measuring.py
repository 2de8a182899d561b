"""Measuring a training step with a real vLLM on a CPU, where it neither sleeps nor takes a share of GPU memory."""

from pathlib import Path

import pytest
from model_folders import change, make

from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Strategies, Training
from spurious_rewards.models import random_weights
from spurious_rewards.training.measuring import Job, measure

pytestmark = [pytest.mark.timeout(1800), pytest.mark.usefixtures("weights_can_be_replaced")]

TRAINING = Training(
    engine="vllm",
    max_model_len=160,
    rollout_prompts=2,
    rollouts_per_prompt=4,
    updates_per_rollout=2,
    max_prompt_tokens=100,
    max_new_tokens=20,
    dtype="float32",
    micro_batch=2,
    gradient_checkpointing=False,
)


def test_a_step_with_vllm_has_all_phases_and_its_longest_responses(tmp_path: Path) -> None:
    change(
        small := make(tmp_path / "small"), "config.json", head_dim=64
    )  # vLLM's CPU attention supports no smaller head size
    random_weights.make(small, tmp_path / "m")
    work = tmp_path / "work"
    work.mkdir()
    job = Job(
        name="m",
        folder=tmp_path / "m",
        training=TRAINING,
        prompt=Prompt(kind="chat"),
        strategies=Strategies(),
        hardware=Hardware(),
        threads=1,
        problems=None,
        work=work,
    )
    found = measure(job)
    assert found is not None
    for phase, seconds in found.seconds:
        assert seconds > 0, phase
    assert found.response_tokens == TRAINING.max_new_tokens
    assert found.micro_batch_tokens == TRAINING.micro_batch * (TRAINING.max_prompt_tokens + TRAINING.max_new_tokens)
    assert (work / "checkpoint-2/optimizer.pt").exists()
