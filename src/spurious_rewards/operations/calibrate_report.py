"""A calibration as text: its measurements, the proposals computed from them, and where it is stored."""

from textwrap import fill

from spurious_rewards.config import calibration
from spurious_rewards.config.calibration import Calibration, Measurement
from spurious_rewards.operations.checks.calibration import command
from spurious_rewards.stages.study import Study

WIDTH = 100

PHASES = {
    "generate": "sampling responses",
    "weight_sync": "sending weights to vLLM",
    "grade": "grading",
    "log_probabilities": "log-probabilities",
    "update": "updates",
}


def report(study: Study, found: Calibration) -> str:
    """Return the result of `calibrate` as text, 100 columns wide."""
    blocks = [f"Measured on {found.on}: one rollout step for each model size."]
    blocks += [_size(one, found) for one in found.measured]
    kept = f"Written to {calibration.path_of(study.suite_path)}; `estimate` and `doctor` use it."
    if any(map(_changes, found.measured)):
        kept += f" The proposal was not tried. To try it, put it into the suite and run `{command(study)}` again."
    return "\n\n".join([*blocks, fill(kept, WIDTH, break_on_hyphens=False, break_long_words=False)])


def _size(one: Measurement, found: Calibration) -> str:
    conditions, seconds, memory = one.conditions, one.seconds, one.memory
    responses = conditions.rollout_prompts * conditions.rollouts_per_prompt
    times = ", ".join(f"{said} {getattr(seconds, name):.3g}" for name, said in PHASES.items() if getattr(seconds, name))
    length = f"{one.response_tokens:.0f} tokens a response"
    lines = [
        ", ".join(one.models),
        f"{responses} responses, micro_batch {conditions.micro_batch}, at most {conditions.max_prompt_tokens} + "
        f"{conditions.max_new_tokens} tokens, {one.processes} process{'es'[: 2 * (one.processes > 1)]}.",
        f"Seconds: {seconds.step:.3g} a rollout step ({times}); a checkpoint {seconds.checkpoint:.3g}.",
        f"{length}, sampled at {one.tokens_per_second:,.0f} tokens a second."
        + (" Random weights never end a response, so each is at its longest." if one.random_weights else ""),
        f"Peak GPU memory: {memory.drawing:.1f} GB while sampling ({memory.engine:.1f} GB of it for sampling itself), "
        f"{memory.updating:.1f} GB in updates, of {found.gpu_memory_gb:.1f} GB. Torch had {memory.allocated:.1f} GB in use and "
        f"{memory.reserved:.1f} GB reserved."
        if found.gpu_memory_gb
        else f"Peak main memory (resident set of the process): {max(memory.drawing, memory.updating):.2f} GB.",
    ]
    if changes := _changes(one):
        lines.append(f"Proposed, by arithmetic from these peaks: {changes}.")
    elif one.proposal:
        lines.append("By arithmetic from these peaks, the suite's own values already fit best.")
    head, *said = lines
    indent = "  "
    return "\n".join([head, *(fill(each, WIDTH, initial_indent=indent, subsequent_indent=indent) for each in said)])


def _changes(one: Measurement) -> str:
    """Return the proposed values that differ from the measured settings, as text."""
    if one.proposal is None:
        return ""
    was = {
        "micro_batch": one.conditions.micro_batch,
        "gradient_checkpointing": one.conditions.gradient_checkpointing,
        "training_gpu_memory_utilization": one.conditions.gpu_memory_utilization,
    }
    proposed = {name: getattr(one.proposal, name) for name in was}
    return ", ".join(
        f"{name}: {str(proposed[name]).lower()} (now {str(now).lower()})"
        for name, now in was.items()
        if proposed[name] != now
    )
