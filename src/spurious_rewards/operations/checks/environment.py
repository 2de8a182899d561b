"""Check whether the surroundings of a suite are ready: SLURM, the disk, Weights & Biases, nodes of its own."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from spurious_rewards.config.settings import Settings
from spurious_rewards.operations.checks.finding import Finding
from spurious_rewards.operations.checks.gpus import On, trained
from spurious_rewards.operations.checks.machines import Partition
from spurious_rewards.runtime import installed, tracking
from spurious_rewards.runtime import slurm as runtime_slurm
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages.study import Study
from spurious_rewards.training import vllm_server


def slurm(on: On, partitions: Sequence[Partition]) -> Iterator[Finding]:
    """Check whether jobs can be submitted to SLURM from here."""
    if on == "local":
        return
    if missing := [command for command in ("sbatch", "squeue", "sinfo") if shutil.which(command) is None]:
        mend = "start it on a login node of the cluster"
        yield Finding("fails", "SLURM", f"there is no {' and no '.join(missing)} here", mend)
    elif not partitions:
        yield Finding("fails", "SLURM", "sinfo lists no partition", "find out with `sinfo` why")
    if installed.version("snakemake-executor-plugin-slurm") is None:
        yield Finding("fails", "SLURM", "Snakemake's plugin for it is not installed", installed.how_to_get("slurm"))


def disk(study: Study, gpus: int) -> Iterator[Finding]:
    """Check whether the disk of results/ has room for a suite on `gpus` GPUs, or on more if a job needs more."""
    if not study.suite.resources:
        return
    from spurious_rewards.operations.estimate import estimate

    try:
        found = estimate(study, gpus)
    except UserError:  # an accelerate_config cannot be read; another check reports that
        return
    peak = replace(found, gpus=max(gpus, *(work.gpus for work in found.works.values()))).peak
    own = study.paths.root
    folder = next(path for path in (own, *own.absolute().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if free < peak and free + (there := _bytes(own)) < peak:
        yield Finding(
            "fails",
            "disk",
            f"the suite takes about {peak / 1e9:,.0f} GB at its peak; {folder} has {free / 1e9:,.0f} GB free, and "
            f"{there / 1e9:,.0f} GB in {own} are its own",
            "make results/ a link to a larger disk, or drop experiments: `spurious-rewards estimate` says what each takes",
        )


def wandb(machine: Settings) -> Iterator[Finding]:
    """Check whether metrics go where the user wants them."""
    if machine.tracking == "wandb" and tracking.keyless():
        said = "WANDB_MODE is online and there is no key, so metrics will stay offline, below results/"
        yield Finding("warns", "wandb", said, "run `wandb login`, or set WANDB_API_KEY; `wandb sync` uploads later")


def exclusive(study: Study, on: On) -> Iterator[Finding]:
    """Check that no other user can reach the machines where vLLM serves rollouts, because it serves anyone who asks."""
    for run in trained(study.suite):
        training, asked_for = study.suite.algorithms[run.variant], study.suite.resources_of(run.model)
        served = training.engine == "vllm" and training.vllm_mode == "server"
        if not served or (asked_for and asked_for.exclusive_node):
            continue
        if on == "local" and not runtime_slurm.exclusive():
            yield Finding("fails", "vLLM's server", vllm_server.SHARED, vllm_server.EXCLUSIVE)
        elif on == "slurm":
            said = "jobs with vllm_mode: server stop at once on nodes that other jobs may share"
            yield Finding("warns", "vLLM's server", said, vllm_server.EXCLUSIVE)
        return


def _bytes(folder: Path) -> int:
    return sum(os.lstat(os.path.join(where, name)).st_size for where, _, names in os.walk(folder) for name in names)
