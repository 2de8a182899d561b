"""Questions to SLURM about jobs: which one this process belongs to, which live, which were started from a folder."""

import os
import re
import subprocess
from pathlib import Path

from spurious_rewards.runtime.errors import UserError

NAME = "spurious-rewards"
"""Beginning of the names of this project's jobs (`slurm-jobname-prefix` in profiles/slurm/config.yaml)."""

LOGS = Path(".snakemake/slurm_logs")
"""Where the executor plugin has its jobs log, below the folder that Snakemake runs in. It exists while a job lives."""

PATIENCE = 60
"""Seconds after which a SLURM command is given up."""


def job() -> str | None:
    """Return the SLURM job that this process belongs to, `12` or (a task of a job array) `12_3`; None outside SLURM."""
    if "SLURM_ARRAY_TASK_ID" in os.environ:
        return f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    return os.environ.get("SLURM_JOB_ID")


def exclusive() -> bool:
    """Whether SLURM gives this process' job its nodes alone, or shared only with other jobs of the same user.

    False outside a SLURM job, or if SLURM does not answer.
    """
    if not (number := os.environ.get("SLURM_JOB_ID")):
        return False
    try:
        said = _call("scontrol", "--oneliner", "show", "job", number)
    except UserError:
        return False
    # From scontrol's manual: NO means --exclusive, USER means --exclusive=user, OK and YES mean shared nodes.
    return re.search(r"\bOverSubscribe=(NO|USER)\b", said.stdout) is not None


def alive(job: str) -> bool:
    """Whether a job has processes. A job that waits in the queue, for the first time or again, has none.

    Raises:
        UserError: SLURM cannot be asked.
    """
    return any(state != "PENDING" for state in _squeue("--jobs", job, "--format=%T"))


def jobs(folder: Path) -> list[str]:
    """Return this user's jobs that Snakemake submitted from `folder`, waiting or running.

    Raises:
        UserError: SLURM cannot be asked.
    """
    found = [line.split("|", maxsplit=2) for line in _squeue("--me", "--format=%i|%j|%Z")]
    return [number for number, name, started in found if name.startswith(NAME) and Path(started) == folder.resolve()]


def cancel(jobs: list[str]) -> None:
    """Let SLURM end jobs: it sends SIGTERM, and SIGKILL after its KillWait.

    Raises:
        UserError: scancel is not there, or does not answer.
    """
    _call("scancel", *jobs)


def _squeue(*arguments: str) -> list[str]:
    answer = _call("squeue", "--noheader", *arguments)
    # squeue says this of a job that ended too long ago for SLURM to remember it.
    if answer.returncode and "Invalid job id" not in answer.stderr:
        raise UserError(f"squeue cannot be asked about jobs: {answer.stderr.strip()}; try again where it answers")
    return answer.stdout.splitlines()


def _call(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=PATIENCE)
    except FileNotFoundError:
        raise UserError(f"there is no {command[0]} here; run this on a machine of the SLURM cluster") from None
    except subprocess.TimeoutExpired:
        raise UserError(f"{command[0]} did not answer within {PATIENCE} seconds; try again later") from None
