"""Find what would prevent a suite from running before anything starts, and say how to fix it.

`doctor` checks a study, on a machine that need not have a GPU. `check_node` checks the machine that a job runs on.
"""

import os
import shutil
import textwrap
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from pathlib import Path

from spurious_rewards.config import accelerate, costs
from spurious_rewards.config.resources import Hardware
from spurious_rewards.models.faults import together
from spurious_rewards.operations import gpu_memory
from spurious_rewards.operations.checks import calibration, environment, gpus, machines, models, packages, seeds
from spurious_rewards.operations.checks.finding import Finding
from spurious_rewards.operations.checks.gpus import On
from spurious_rewards.runtime import installed
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages.study import Study

WIDTH = 100


def doctor(study: Study, on: On = "local") -> list[Finding]:
    """Return all findings that can be made before a suite starts. `on` says where its jobs will run."""
    here = machines.gpus() if on == "local" else []
    partitions = machines.partitions() if on == "slurm" else []
    gpu_gb = min((gpu.gb for gpu in here), default=study.settings.gpu_memory_gb)
    measured = calibration.read(study)
    known = measured.on_gpu and measured.measured
    memory = f"memory of GPUs (peaks measured on {measured.on})" if known else "memory of GPUs"
    checks = {
        "packages": partial(packages.packages, study.suite),
        "environments": partial(packages.environments, study.root / "envs"),
        "SLURM": partial(environment.slurm, on, partitions),
        "accelerate configurations": partial(gpus.accelerate_configs, study),
        "GPUs": partial(gpus.gpus, study, on, here, partitions),
        memory: partial(gpus.memory_of_gpus, study, gpu_gb, measured.peaks),
        "calibration": partial(calibration.stale, measured),
        "time limits": partial(gpus.time_limits, study, partitions),
        "models": partial(models.folders, study),
        "imports": partial(models.imports, study),
        "lengths": partial(models.lengths, study),
        "heads": partial(models.heads, study),
        "hub": partial(models.hub, study, on),
        "seeds": partial(seeds.seeds, study),
        "vLLM's server": partial(environment.exclusive, study, on),
        "disk": partial(environment.disk, study, len(here)),
        "wandb": partial(environment.wandb, study.settings),
    }
    return [finding for what, check in checks.items() for finding in list(check()) or [Finding("fine", what)]]


def must_fail(study: Study, on: On = "local", own_software: bool = True) -> str:
    """Return why a suite that asks for GPUs must not be started, as text; "" if it may start.

    Args:
        study: the study; a suite without `resources` may always start.
        on: where its jobs will run.
        own_software: whether jobs use the packages of this process, and not those of `--sdm conda`.
    """
    if not study.suite.resources:
        return ""
    found = [one for one in failing(doctor(study, on)) if own_software or one.what != "packages"]
    return report(found, study.name) if found else ""


def unusable_models(study: Study, paths: Collection[Path]) -> str:
    """Return what is wrong with those of `paths` that are model folders, as text; "" if all of them can be loaded."""
    return together(models.unusable(study, paths))


def failing(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings with which the suite cannot run."""
    return [finding for finding in findings if finding.level == "fails"]


def report(findings: Sequence[Finding], suite: str) -> str:
    """Return findings as text: what fails and how to fix it, then warnings, then one line with what is fine."""
    fails, warns = failing(findings), [finding for finding in findings if finding.level == "warns"]
    fine = [finding.what for finding in findings if finding.level == "fine"]
    blocks = [f"The suite {suite} cannot run as things are." if fails else f"The suite {suite} can run."]
    blocks += [_paragraph(number, finding) for number, finding in enumerate(fails, 1)]
    blocks += ["Warnings:", *(_paragraph(number, finding) for number, finding in enumerate(warns, 1))] if warns else []
    blocks += [textwrap.fill(f"Fine: {', '.join(fine)}.", WIDTH)] if fine else []
    return "\n\n".join(blocks)


def _paragraph(number: int, finding: Finding) -> str:
    margin = " " * len(mark := f"{number}. ")
    sentences = [f"{mark}{finding.what}: {finding.found}.", f"{margin}To fix it: {finding.mend}."]
    return "\n".join(textwrap.fill(one, WIDTH, subsequent_indent=margin, break_on_hyphens=False) for one in sentences)


def check_node(hardware: Hardware, engine: str = "transformers", output: Path | None = None) -> None:
    """Raise UserError if this machine lacks what a job needs. Jobs without GPUs are not checked.

    The check is cheap, and runs before anything heavy is loaded. It counts only memory that is certainly needed: the
    states of training and vLLM's share, or the weights of a model that answers.

    Args:
        hardware: what the job was given.
        engine: what samples its responses.
        output: what training writes; its disk must have room for a checkpoint.

    Raises:
        UserError: too few GPUs, too little memory in one of them (with the arithmetic), no vLLM, or too full a disk.
    """
    config = accelerate.of(hardware)
    if not hardware.gpus or (config and config.cpu):
        return
    needed = config.processes // config.machines + hardware.server_gpus if config else hardware.gpus
    node, found = os.uname().nodename, machines.gpus()
    if len(found) < needed:
        raise UserError(
            f"{node}: the job needs {needed} GPUs of this machine, which shows {len(found)}; see nvidia-smi and "
            "CUDA_VISIBLE_DEVICES, or ask for fewer under `resources` of the suite"
        )
    if engine == "vllm" and installed.version("vllm") is None:
        how = installed.how_to_get("vllm")
        raise UserError(f"{node}: the suite's engine is vllm, and vLLM is not installed; {how}")
    smallest = min(gpu.gb for gpu in found)
    phases = (
        [[gpu_memory.updating(hardware.num_parameters, config)]]
        if config
        else [[gpu_memory.weights(hardware.num_parameters, hardware.tensor_parallel_size)]]
    )
    if config and engine == "vllm" and not hardware.server_gpus:
        share = gpu_memory.engine(hardware.gpu_memory_utilization, smallest)
        phases.append([gpu_memory.drawing(hardware.num_parameters, config), share])
    parts = max(phases, key=gpu_memory.total)
    if gpu_memory.total(parts) > smallest:
        raise UserError(
            f"{node}: the job needs {gpu_memory.added_up(parts)} of a GPU at least, and the smallest here has {smallest:.1f} GB; "
            "choose larger ones, or another accelerate_config under `resources` of the suite"
        )
    if engine == "vllm" and not hardware.server_gpus:
        _share_holds(hardware, smallest)
    if config and output is not None:
        _room(hardware.num_parameters, config, output)


def _share_holds(hardware: Hardware, smallest: float) -> None:
    """Raise UserError if vLLM's share has no room for the weights and one sequence at its longest."""
    spread, share = hardware.tensor_parallel_size, hardware.gpu_memory_utilization
    parts = [gpu_memory.weights(hardware.num_parameters, spread), gpu_memory.sequence(hardware.sequence_gb, spread)]
    if gpu_memory.total(parts) > share * smallest:
        raise UserError(
            f"{os.uname().nodename}: vLLM needs {gpu_memory.added_up(parts)} at least, and its share of {share:g} is "
            f"{share * smallest:.1f} GB; raise training_gpu_memory_utilization or sampling_gpu_memory_utilization under "
            "`resources` of the suite, or set a smaller max_model_len"
        )


def _room(parameters: float, config: accelerate.AccelerateConfig, output: Path) -> None:
    folder = next(path for path in output.absolute().parents if path.exists())
    bytes_a_weight = costs.checkpoint_bytes(config.sharding)
    free, checkpoint = shutil.disk_usage(folder).free, bytes_a_weight * parameters
    if free < checkpoint:
        raise UserError(
            f"{folder}: {free / 1e9:.1f} GB free, and a checkpoint takes {checkpoint / 1e9:.1f} GB "
            f"({bytes_a_weight} bytes for each of {parameters / 1e9:.3g} billion weights); make room and run again"
        )
