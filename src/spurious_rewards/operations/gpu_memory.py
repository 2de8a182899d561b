"""What a job needs of each GPU's memory, by arithmetic: GB are 10^9 bytes.

Training holds float32 weights, their gradients and Adam's two moments, 16 bytes a weight: shared out among the processes of a
sharded config, whole in each of another one. To that come vLLM's share where it is colocated, and what a micro-batch leaves
behind. Of that the logits are the most; the rest is an allowance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from spurious_rewards.config.accelerate import AccelerateConfig
from spurious_rewards.config.training import Training

TRAINING_BYTES = 16
"""A weight in training: weight 4, gradient 4, Adam's moments 8."""

BUCKET_BYTES = 4
"""A gradient once more, in the buckets by which several processes that each hold all add theirs up (torch's DDP)."""

VOCABULARY = 151_936
"""Of Qwen2.5, the largest of the paper's models."""

LOGIT_BYTES = 12
"""A logit: in bfloat16, in float32, and the gradient of both. TRL 1.16 took 11.8 at its peak, measured on a CPU."""

TOKEN_BYTES = 500_000
"""A token of a micro-batch with gradient checkpointing, for the inputs of all layers and one layer at work: an allowance."""

ENGINE_GB = 4
"""vLLM beside its weights: the cache of a few responses and its graphs: an allowance."""


@dataclass(frozen=True)
class Part:
    """Some memory and what it is for."""

    gb: float
    said: str


def states(parameters: float, config: AccelerateConfig) -> Part:
    """Weights, gradients and moments of a process of training."""
    if config.sharding or config.processes == 1:
        return _of_weights(TRAINING_BYTES, parameters, config.processes, "processes")
    return _of_weights(TRAINING_BYTES + BUCKET_BYTES, parameters, 1, "processes")


def weights(parameters: float, gpus: int) -> Part:
    """Weights that answer, in bfloat16, of a model that is spread over `gpus`."""
    return _of_weights(2, parameters, gpus, "GPUs")


def engine(share: float, gpu_gb: float) -> Part:
    """What vLLM takes of a GPU, whatever the model."""
    return Part(share * gpu_gb, f"vLLM's share of {share:g}")


def engine_needs(parameters: float, dtype: Literal["bfloat16", "float32"], gpus: int) -> list[Part]:
    """What vLLM's share must hold at least, of a model that is spread over `gpus`."""
    held = _of_weights({"bfloat16": 2, "float32": 4}[dtype], parameters, gpus, "GPUs")
    return [held, Part(ENGINE_GB, "to work with")]


def activations(training: Training) -> Part:
    """What a micro-batch of the longest prompts and responses leaves for the backward pass."""
    logits = training.micro_batch * training.max_new_tokens * VOCABULARY * LOGIT_BYTES
    tokens = training.micro_batch * (training.max_prompt_tokens + training.max_new_tokens) * TOKEN_BYTES
    return Part((logits + tokens) / 1e9, f"a micro-batch of {training.micro_batch}")


def _of_weights(size: int, parameters: float, sharers: int, what: str) -> Part:
    spread = f" over {sharers} {what}" if sharers > 1 else ""
    return Part(
        size * parameters / sharers / 1e9, f"{size} bytes for each of {parameters / 1e9:.3g} billion weights{spread}"
    )


def total(parts: Sequence[Part]) -> float:
    """GB of all parts."""
    return sum(part.gb for part in parts)


def added_up(parts: Sequence[Part]) -> str:
    """The sum in words."""
    sums = " + ".join(f"{part.gb:.1f} GB ({part.said})" for part in parts)
    return sums if len(parts) == 1 else f"{sums} = {total(parts):.1f} GB"
