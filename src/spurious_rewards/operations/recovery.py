"""Make a checkout ready to continue after Snakemake itself was killed."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import dropwhile
from pathlib import Path

import psutil

from spurious_rewards.runtime import slurm
from spurious_rewards.runtime.errors import UserError

PATIENCE = 10.0
"""Seconds that an orphaned process gets to end by itself after SIGTERM."""

SLURM_PATIENCE = 300.0
"""Seconds that SLURM gets to end cancelled jobs. The time that SLURM itself gives a job, KillWait, is shorter."""


def recover(folder: Path, root: Path) -> None:
    """End the stages and the SLURM jobs that a killed Snakemake left behind in `folder`, and remove its lock.

    `folder` is the folder of the checkout (`root`), or another one where Snakemake was run with --directory.

    An orphan cannot be adopted: Snakemake takes its output for incomplete and makes it again. But what the orphan has
    finished within its job lies in the partial folder beside its artifact, and is used again.

    Raises:
        UserError: Snakemake never ran here, a Snakemake is still running here, SLURM does not answer or does not end a
            job, or Snakemake cannot read the workflow.
    """
    if folder.resolve() != root.resolve() and not (folder / ".snakemake").is_dir():
        raise UserError(f"{folder}: the workflow was never run here; go to the folder where it was")
    controllers, stages = _processes(folder)
    if controllers:
        listed = ", ".join(str(process.pid) for process in controllers)
        raise UserError(
            f"{folder}: a run is at work here (snakemake, process {listed}); wait for it or stop it with kill"
        )
    if (folder / slurm.LOGS).exists():
        _cancel(folder)
        stages = _processes(folder)[1]
    for process in stages:
        print(f"ending process {process.pid}, which a killed run left behind", file=sys.stderr)
        process.terminate()
    for process in psutil.wait_procs(stages, timeout=PATIENCE)[1]:
        process.kill()
    unlock = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(root.resolve() / "Snakefile"),
        "--unlock",
        "--cores",
        "1",
    ]
    if subprocess.run(unlock, cwd=folder).returncode != 0:
        raise UserError(f"{folder}: snakemake --unlock failed, and said above why; its lock is still there")


def _cancel(folder: Path) -> None:
    """Cancel the SLURM jobs that were submitted from `folder` and wait until they are gone."""
    end = time.monotonic() + SLURM_PATIENCE
    left = slurm.jobs(folder)
    if left:
        print(f"cancelling SLURM jobs {', '.join(left)}, which a killed run left behind", file=sys.stderr, flush=True)
        slurm.cancel(left)
    while left := slurm.jobs(folder):
        if time.monotonic() > end:
            raise UserError(
                f"{folder}: SLURM jobs {', '.join(left)} still run {SLURM_PATIENCE:.0f} seconds after scancel; try again "
                "when squeue shows them no more"
            )
        time.sleep(1)


def _processes(folder: Path) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """Return (anybody's controllers, this user's stages) that run in `folder`, except this process and its parents."""
    mine = {psutil.Process().pid, *(parent.pid for parent in psutil.Process().parents())}
    controllers, stages = [], []
    for process in psutil.process_iter():
        try:
            if process.pid in mine or Path(process.cwd()) != folder.resolve():
                continue
            words, user = process.cmdline(), process.uids().real
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
        if is_controller(words) and _holds(process, folder / ".snakemake"):
            controllers.append(process)
        elif is_stage(words) and user == os.getuid():
            stages.append(process)
    return controllers, stages


def _holds(process: psutil.Process, place: Path) -> bool:
    """Whether a process has a file open below `place`, as a running Snakemake has its log. True if access is denied."""
    try:
        return any(Path(file.path).is_relative_to(place.resolve()) for file in process.open_files())
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False


def is_stage(words: Sequence[str]) -> bool:
    """Whether a command line runs a stage of this project, and does not only mention the package."""
    return _program(words)[:3] == ["-m", "spurious_rewards.cli", "stage"]


def is_controller(words: Sequence[str]) -> bool:
    """Whether a command line may be a Snakemake that runs a workflow, and not a single job of one."""
    program = _program(words)
    # The system starts a script by its path.
    script = bool(program) and "/" in program[0] and Path(program[0]).name == "snakemake"
    return (program[:2] == ["-m", "snakemake"] or script) and "--mode" not in words


def _program(words: Sequence[str]) -> list[str]:
    """Return what a command line has Python run: without the interpreter, of any name, and one-letter options."""
    return list(dropwhile(lambda word: re.fullmatch(r"-[a-zA-Z]", word) and word not in ("-m", "-c"), words[1:]))
