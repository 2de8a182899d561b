"""Propose settings that fit the GPU better, by arithmetic from the peaks that were measured on it.

By arithmetic, an update holds weights, moments and gradients. The rest of its measured peak is attributed to the tokens
of its largest micro-batch, although the head and vLLM have parts of it. So a larger micro-batch needs at most what is
computed. vLLM's share is what the other parts leave.
"""

import math

from spurious_rewards.config.accelerate import AccelerateConfig
from spurious_rewards.config.calibration import Calibration, Conditions, Measurement, Proposal
from spurious_rewards.config.training import Training
from spurious_rewards.operations import gpu_memory
from spurious_rewards.operations.checks.gpus import TIGHT, trained
from spurious_rewards.stages import resources
from spurious_rewards.stages.study import Study

STEP = 0.05
"""Proposed shares are multiples of this."""

MOST = 0.9
"""The largest share that is proposed."""


def added(study: Study, found: Calibration) -> Calibration:
    """Return the calibration with a proposal for each measurement; unchanged if it was measured on a CPU."""
    if found.gpu_memory_gb is None:
        return found
    room = TIGHT * found.gpu_memory_gb
    measured = tuple(
        one.model_copy(update={"proposal": proposal(study, one, found.gpu_memory_gb, room)}) for one in found.measured
    )
    return found.model_copy(update={"measured": measured})


def proposal(study: Study, one: Measurement, gpu_gb: float, room: float) -> Proposal | None:
    """Return the largest micro-batch and vLLM share that fit; None if weights or accelerate_config are unknown."""
    model = next(iter(one.models))
    weights, config = study.suite.num_parameters(model), resources.accelerate_config(study, model)
    trainings = (study.suite.algorithms[run.variant] for run in trained(study.suite) if run.model == model)
    asked_for = study.suite.resources_of(model)
    training = next(way for way in trainings if Conditions.of(way, asked_for) == one.conditions)
    if not weights or config is None:
        return None
    micro_batch, checkpointing = _micro_batch(training, one, weights, config, room)
    share = None
    if one.conditions.gpu_memory_utilization is not None:
        left = (room - (one.memory.drawing - one.memory.engine)) / gpu_gb
        share = min(MOST, max(STEP, round(math.floor(left / STEP) * STEP, 2)))
    return Proposal(
        micro_batch=micro_batch, gradient_checkpointing=checkpointing, training_gpu_memory_utilization=share
    )


def _micro_batch(
    training: Training, one: Measurement, weights: float, config: AccelerateConfig, room: float
) -> tuple[int, bool]:
    """Return the largest micro-batch of longest prompts and responses that fits, and its `gradient_checkpointing`."""
    longest = training.max_prompt_tokens + training.max_new_tokens
    _, *others = gpu_memory.micro_batch(training, weights, config)
    held = gpu_memory.updating(weights, config).gb + gpu_memory.total(others)
    each = gpu_memory.of_a_token(one.memory.updating, one.micro_batch_tokens, weights, config)
    mini_batch = training.responses // training.updates_per_rollout // config.processes
    sizes = [size for size in range(1, mini_batch + 1) if mini_batch % size == 0]
    fit = [size for size in sizes if one.memory.updating + (size * longest - one.micro_batch_tokens) * each <= room]
    other_way = gpu_memory.ALL_LAYERS_BYTES if training.gradient_checkpointing else gpu_memory.TOKEN_BYTES
    fit_so = [size for size in sizes if held + size * longest * other_way / 1e9 <= room]
    # Without checkpointing an update saves one pass, but that is not worth a smaller micro-batch.
    if training.gradient_checkpointing and fit_so and fit_so[-1] >= training.micro_batch:
        return fit_so[-1], False
    if not fit and not training.gradient_checkpointing and fit_so:
        return fit_so[-1], True
    return max(fit, default=1), training.gradient_checkpointing
