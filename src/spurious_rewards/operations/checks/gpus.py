"""Check whether the accelerate configurations of a suite get enough GPUs, large enough ones, and for long enough."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from spurious_rewards.config import accelerate
from spurious_rewards.config.calibration import Memory
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.resources import Resources
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import Sampling, Training
from spurious_rewards.operations import gpu_memory
from spurious_rewards.operations.checks.finding import Finding
from spurious_rewards.operations.checks.machines import Gpu, Partition
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.installed import how_to_get, version
from spurious_rewards.stages import resources, train, vote
from spurious_rewards.stages.study import Study

TIGHT = 0.95
"""Share of a GPU's memory. Above it, the allowances in the arithmetic decide whether a job fits."""

On = Literal["local", "slurm"]
"""Where jobs run: on this machine, or on the nodes of a cluster."""

Planned = tuple[Resources, accelerate.AccelerateConfig, list[str]]
"""An entry of `resources`, its accelerate_config, and the models of experiments and probes that use it."""


Peaks = Callable[[str, Training], Memory | None]
"""A function that returns the measured peaks of a model with some training, or None if there are none."""


def not_measured(model: str, training: Training) -> None:
    """Return no peaks, as for a suite without a calibration."""


def accelerate_configs(study: Study) -> Iterator[Finding]:
    """Check whether accelerate configurations exist, have their packages installed, and split mini-batches evenly."""
    for asked_for in study.suite.resources:
        try:
            config = study.accelerate_config(asked_for.accelerate_config)
        except UserError as error:
            yield Finding(
                "fails",
                "accelerate configurations",
                str(error),
                "name another accelerate_config under `resources` of the suite",
            )
            continue
        if config.sharding == "DEEPSPEED" and not version("deepspeed"):
            yield Finding(
                "fails",
                "packages",
                f"accelerate_config {config.name} trains with DeepSpeed, which is not installed",
                f"{how_to_get('deepspeed')}, or choose an accelerate_config with FSDP under `resources` of the suite",
            )
        yield from _shares(study.suite, asked_for, config)


def _shares(suite: Suite, asked_for: Resources, config: accelerate.AccelerateConfig) -> Iterator[Finding]:
    runs = [run for run in trained(suite) if suite.resources_of(run.model) == asked_for]
    for variant in sorted({run.variant for run in runs}):
        training = suite.algorithms[variant]
        mini_batch = training.responses // training.updates_per_rollout
        if mini_batch % (training.micro_batch * config.processes):
            yield Finding(
                "fails",
                "accelerate configurations",
                f"variant {variant}: a mini-batch of {mini_batch} responses does not divide among the {config.processes} "
                f"processes of {config.name} in micro-batches of {training.micro_batch}",
                "change micro_batch of the suite's training, or the accelerate_config under `resources`",
            )
        rewards = [suite.rewards[run.reward] for run in runs if run.variant == variant]
        votes_at_every_step = any("ttrl" in (reward.function, reward.unless) for reward in rewards)
        if votes_at_every_step and training.rollout_prompts % config.processes:
            yield Finding(
                "fails",
                "accelerate configurations",
                f"variant {variant}: ttrl votes within the responses to a prompt, and the {config.processes} processes of "
                f"{config.name} do not share out {training.rollout_prompts} prompts whole",
                "change rollout_prompts of the suite's training, or the accelerate_config under `resources`",
            )


def gpus(study: Study, on: On, here: Sequence[Gpu], partitions: Sequence[Partition]) -> Iterator[Finding]:
    """Check whether one machine has as many GPUs as a job takes of it: this machine, or a node of the cluster."""
    for asked_for, config, models in _planned(study):
        training = any(run.model in models for run in trained(study.suite))
        of_training = _gpus_of_a_machine(asked_for, config) if training else 0
        needed = max(asked_for.sampling_gpus, of_training)
        asked = (
            f"accelerate_config {config.name}" if needed == of_training else f"sampling_gpus {asked_for.sampling_gpus}"
        )
        of_a_machine = f"{needed} GPU{'s'[: needed > 1]} of a machine"
        takes = f"{asked}, for models of up to {asked_for.max_parameters / 1e9:g} billion weights, takes {of_a_machine}"
        mend = (
            "run it on a machine that has them, choose another under `resources` of the suite, or leave these models out of "
            "its experiments"
        )
        if on == "local" and training and config.machines > 1:
            yield Finding(
                "fails",
                "GPUs",
                f"accelerate_config {config.name} takes {config.machines} machines",
                f"run it on SLURM, or {mend}",
            )
        elif on == "local" and len(here) < needed:
            yield Finding("fails", "GPUs", f"{takes}, and this one shows {len(here)}", mend)
        elif partitions and (most := max(one.gpus for one in partitions)) < needed:
            yield Finding("fails", "GPUs", f"{takes}, and no node that sinfo lists has more than {most}", mend)


def memory_of_gpus(study: Study, gpu_gb: float, measured: Peaks = not_measured) -> Iterator[Finding]:
    """Check whether training and vLLM fit into a GPU, for the largest model of each entry of `resources`.

    Where `measured` has peaks, they replace the arithmetic for training.
    """
    for asked_for, config, models in _planned(study):
        if config.cpu:
            continue
        largest = max(models, key=study.suite.num_parameters)
        weights = study.suite.num_parameters(largest)
        for training in _trainings(study.suite, models):
            if peaks := measured(largest, training):
                yield from _peaks_fit(peaks, config, gpu_gb)
                continue
            kept = _longest(study, models, training)
            yield from _training_fits(training, weights, kept, asked_for, config, gpu_gb)
        if study.suite.sampling.engine == "vllm":
            sampling, room = study.suite.sampling, asked_for.sampling_gpu_memory_utilization * gpu_gb
            spread, kept = asked_for.sampling_tensor_parallel_size, _longest(study, models, sampling)
            needed = gpu_memory.engine_needs(weights, sampling.dtype, spread, kept)
            yield from _fits(
                "vLLM in sampling",
                needed,
                room,
                "raise sampling_tensor_parallel_size or sampling_gpu_memory_utilization under `resources`",
            )


def _training_fits(
    training: Training,
    weights: float,
    kept: float,
    asked_for: Resources,
    config: accelerate.AccelerateConfig,
    gpu_gb: float,
) -> Iterator[Finding]:
    if training.engine == "vllm" and training.vllm_mode == "colocate":
        share = gpu_memory.engine(asked_for.training_gpu_memory_utilization, gpu_gb)
        parts = [gpu_memory.drawing(weights, config), share]
        mend = (
            "choose an accelerate_config that shards the model (or shards it over more GPUs), or set a smaller "
            "training_gpu_memory_utilization"
        )
        yield from _fits(f"drawing rollouts on {config.name}", parts, gpu_gb, mend)
        needed = gpu_memory.engine_needs(weights, training.dtype, 1, kept)
        mend = "raise training_gpu_memory_utilization under `resources` of the suite"
        yield from _fits(
            f"vLLM beside training on {config.name}", needed, asked_for.training_gpu_memory_utilization * gpu_gb, mend
        )
    parts = [gpu_memory.updating(weights, config), *gpu_memory.micro_batch(training, weights, config)]
    mend = (
        "choose an accelerate_config that shards the model (or shards it over more GPUs), or set a smaller micro_batch"
    )
    yield from _fits(f"updates on {config.name}", parts, gpu_gb, mend)


def _peaks_fit(peaks: Memory, config: accelerate.AccelerateConfig, gpu_gb: float) -> Iterator[Finding]:
    for what, gb, mend in (
        ("drawing rollouts", peaks.drawing, "set a smaller training_gpu_memory_utilization"),
        ("updates", peaks.updating, "set a smaller micro_batch"),
    ):
        yield from _fits(f"{what} on {config.name}", [gpu_memory.Part(gb, "measured")], gpu_gb, mend)


def _longest(study: Study, models: Sequence[str], drawn_by: Training | Sampling) -> float:
    """Return the GB of vLLM's cache for the longest sequence of any of these models, as far as known here."""
    return max(resources.sequence_gb(study, name, drawn_by) for name in models)


def _fits(what: str, parts: Sequence[gpu_memory.Part], gb: float, mend: str) -> Iterator[Finding]:
    said = f"{what} needs {gpu_memory.added_up(parts)}, and has {gb:.1f} GB"
    if gpu_memory.total(parts) > gb:
        yield Finding("fails", "memory of GPUs", said, mend)
    elif gpu_memory.total(parts) > TIGHT * gb:
        yield Finding("warns", "memory of GPUs", said, f"if memory runs out, {mend}")


def time_limits(study: Study, partitions: Sequence[Partition]) -> Iterator[Finding]:
    """Check whether partitions allow the longest jobs of each entry of `resources` the time that these ask for.

    Only partitions with enough GPUs count. They need not allow it: the profile can override what a job asks for, and a
    job that is ended is resumed. But a segment whose estimate is longer than any partition allows would be ended
    again and again.
    """
    if not partitions:
        return
    for asked_for, config, models in _planned(study):
        runs = [run for run in trained(study.suite) if run.model in models]
        segments = [train.minutes(study, run, *segment) for run in runs for segment in study.suite.segments(run)]
        votes = [
            vote.minutes(study, run.model, study.base_folder(run.model, run.prompt, run.seeds).parent.name)
            for run in runs
            if study.suite.rewards[run.reward].training_set != "truth"
        ]
        of_training = _gpus_of_a_machine(asked_for, config)
        for what, minutes, count in (
            ("segments of training", segments, of_training),
            ("votes", votes, asked_for.sampling_gpus),
        ):
            fit = [one for one in partitions if one.gpus >= count]
            if minutes and fit:
                yield from _within(what, max(minutes) / 60, asked_for, fit)


def _within(what: str, asked: float, asked_for: Resources, partitions: Sequence[Partition]) -> Iterator[Finding]:
    enough = sorted({one.name for one in partitions if one.hours >= asked})
    short = ", ".join(sorted({f"{one.name} ({one.hours:g} h)" for one in partitions if one.hours < asked}))
    said = f"{what}, on models of up to {asked_for.max_parameters / 1e9:g} billion weights, ask for {asked:.1f} hours"
    if enough and short:
        mend = f"name one that is long enough in profiles/slurm/config.yaml: {', '.join(enough)}"
        yield Finding("warns", "time limits", f"{said}, too long for {short}", mend)
    elif short:
        ended = what != "votes" and max(one.hours for one in partitions) < asked / 2  # jobs ask for twice the estimate
        mend = "set a smaller segment_steps in the suite's training"
        if not ended:
            mend = "give the rule a shorter runtime in profiles/slurm/config.yaml and raise `retries`: each try goes on"
        yield Finding(
            "fails" if ended else "warns", "time limits", f"{said}, and no partition lets them: {short}", mend
        )


def trained(suite: Suite) -> list[Run]:
    """Return the runs that are trained here, and not imported."""
    return [run for run in suite.runs if suite.imported(run) is None]


def _trainings(suite: Suite, models: Sequence[str]) -> list[Training]:
    """Return the trainings of these models, one for each combination of settings that decide its memory."""
    ways = [suite.algorithms[run.variant] for run in trained(suite) if run.model in models]
    needs = (
        "engine",
        "vllm_mode",
        "dtype",
        "micro_batch",
        "gradient_checkpointing",
        "max_prompt_tokens",
        "max_new_tokens",
    )
    found: dict[tuple[object, ...], Training] = {}
    for way in ways:
        found.setdefault(tuple(getattr(way, name) for name in needs), way)
    return list(found.values())


def _planned(study: Study) -> Iterator[Planned]:
    """Yield the entries of `resources` that a model of an experiment or a probe uses, except unreadable ones.

    `accelerate_configs` reports those that cannot be read.
    """
    probed = study.suite.partial_prompt.models if study.suite.partial_prompt else ()
    of_experiments = (name for one in study.suite.experiments.values() for name in one.all_models)
    names = list(dict.fromkeys([*of_experiments, *probed]))
    for asked_for in study.suite.resources:
        models = [name for name in names if study.suite.resources_of(name) == asked_for]
        try:
            config = study.accelerate_config(asked_for.accelerate_config)
        except UserError:
            continue
        if models:
            yield asked_for, config, models


def _gpus_of_a_machine(asked_for: Resources, config: accelerate.AccelerateConfig) -> int:
    return (0 if config.cpu else config.processes // config.machines) + asked_for.server_gpus
