"""What a job needs of each GPU's memory, by arithmetic. GB are 10^9 bytes.

Training holds float32 weights, their gradients and Adam's two moments: 16 bytes for each weight. A sharded config
splits them among its processes; otherwise each process holds all of them. Training has two phases, whose needs do not
add up. While it *draws* rollouts, a colocated vLLM has its share beside weights and moments. While it *updates*, vLLM
sleeps, and gradients and the activations of a micro-batch take its place.

No number here was measured on a GPU.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from spurious_rewards.config.accelerate import AccelerateConfig
from spurious_rewards.config.training import Training

HELD_BYTES = 12
"""Bytes of a weight in training, also between updates: 4 for the weight, 8 for Adam's moments."""

GRADIENT_BYTES = 4
"""Bytes of a gradient, from the first micro-batch of an update to its end."""

BUCKET_BYTES = 4
"""Bytes of a gradient's copy in the buckets of torch's DDP, with which unsharded processes add up their gradients."""

CAST_BYTES = 2
"""Bytes of a weight in bfloat16, which autocast keeps during a pass. A sharded model casts layer by layer."""

VOCABULARY, HIDDEN = 151_936, 4096
"""The largest of the paper's models: Qwen2.5's vocabulary, Llama-3.1-8B's hidden size."""

TILE_GB = 4096 * 32_768 * 2 / 1e9
"""GB of the logits that TRL 1.16 makes at once, in bfloat16: one chunk of a response.

See `trl/kernels/chunked_logprob.py`.
"""

HEAD_GB = VOCABULARY * HIDDEN * 4 / 1e9
"""GB of the head's gradient, which TRL adds up in float32 beside the other gradients."""

TOKEN_BYTES = 500_000
"""Bytes of a token with gradient checkpointing: the inputs of all layers, and one layer at work. An allowance."""

ALL_LAYERS_BYTES = 3_500_000
"""Bytes of a token without gradient checkpointing: the activations of every layer.

They are 34 bytes times 28 layers times a hidden size of 3,584 (a 7B model).
"""

ROOT_GB = 4 * VOCABULARY * HIDDEN * 2 / 1e9
"""GB of a sharded model outside its layers: embedding, head and their gradients in bfloat16, whole during a pass."""

ASLEEP_GB = 2
"""GB of a sleeping vLLM: its graphs and workspaces, which are outside its memory pool. An allowance."""

ENGINE_GB = 4
"""GB of vLLM beside its weights: the cache of a few responses, and its graphs. An allowance."""


@dataclass(frozen=True)
class Part:
    """Some memory and what it is for."""

    gb: float
    said: str


def drawing(parameters: float, config: AccelerateConfig) -> Part:
    """Return what a training process holds while rollouts are drawn: weights and moments."""
    return _of_weights(HELD_BYTES, parameters, config.processes if config.sharding else 1, "processes")


def updating(parameters: float, config: AccelerateConfig) -> Part:
    """Return what a training process holds in an update: weights, moments and gradients."""
    held = HELD_BYTES + GRADIENT_BYTES
    if config.sharding or config.processes == 1:
        return _of_weights(held, parameters, config.processes, "processes")
    return _of_weights(held + BUCKET_BYTES, parameters, 1, "processes")


def weights(parameters: float, gpus: int) -> Part:
    """Return the bfloat16 weights of a model that answers, spread over `gpus`."""
    return _of_weights(2, parameters, gpus, "GPUs")


def engine(share: float, gpu_gb: float) -> Part:
    """Return what vLLM takes of a GPU, whatever the model."""
    return Part(share * gpu_gb, f"vLLM's share of {share:g}")


def engine_needs(
    parameters: float, dtype: Literal["bfloat16", "float32"], gpus: int, sequence_gb: float = 0
) -> list[Part]:
    """Return the least that vLLM's share must hold, for a model that is spread over `gpus`.

    `sequence_gb` is the cache of one sequence at its longest, if it is known (`resources.sequence_gb`). vLLM does not
    start with less.
    """
    held = _of_weights({"bfloat16": 2, "float32": 4}[dtype], parameters, gpus, "GPUs")
    if sequence_gb / gpus + ASLEEP_GB <= ENGINE_GB:
        return [held, Part(ENGINE_GB, "to work with")]
    return [held, sequence(sequence_gb, gpus), Part(ASLEEP_GB, "to work with")]


def sequence(gb: float, gpus: int) -> Part:
    """Return the cache of one sequence at its longest, spread over as many GPUs as the model."""
    return Part(gb / gpus, "one sequence at its longest")


def micro_batch(training: Training, parameters: float, config: AccelerateConfig) -> list[Part]:
    """Return what a micro-batch of the longest prompts and responses adds to `updating`."""
    each = TOKEN_BYTES if training.gradient_checkpointing else ALL_LAYERS_BYTES
    tokens = training.micro_batch * (training.max_prompt_tokens + training.max_new_tokens) * each / 1e9
    parts = [Part(tokens, f"a micro-batch of {training.micro_batch}"), Part(TILE_GB + HEAD_GB, "logits and their head")]
    if config.sharding:
        parts.append(Part(ROOT_GB, "embedding and head, whole"))
    elif training.dtype == "bfloat16":
        parts.append(_of_weights(CAST_BYTES, parameters, 1, "processes", "in bfloat16"))
    if training.engine == "vllm" and training.vllm_mode == "colocate":
        parts.append(Part(ASLEEP_GB, "vLLM asleep"))
    return parts


def of_a_token(peak: float, tokens: int, parameters: float, config: AccelerateConfig) -> float:
    """Return the most GB that a token of a micro-batch takes, by the measured peak of updates.

    `tokens` are those of the largest micro-batch in these updates.
    """
    return max(0.0, peak - updating(parameters, config).gb) / tokens


def _of_weights(size: int, parameters: float, sharers: int, what: str, remark: str = "") -> Part:
    said = f"{size} bytes for each of {parameters / 1e9:.3g} billion weights"
    spread = f" over {sharers} {what}" if sharers > 1 else ""
    return Part(size * parameters / sharers / 1e9, f"{said}{spread}{', ' if remark else ''}{remark}")


def total(parts: Sequence[Part]) -> float:
    """Return the GB of all parts."""
    return sum(part.gb for part in parts)


def added_up(parts: Sequence[Part]) -> str:
    """Return the sum in words."""
    sums = " + ".join(f"{part.gb:.1f} GB ({part.said})" for part in parts)
    return sums if len(parts) == 1 else f"{sums} = {total(parts):.1f} GB"
