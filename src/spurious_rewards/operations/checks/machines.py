"""What nvidia-smi reports about this machine's GPUs, and SLURM about its partitions."""

import subprocess
from typing import NamedTuple

from spurious_rewards.runtime import numerics, visible_gpus

PATIENCE = 60
"""Seconds that a command gets to answer."""


class Gpu(NamedTuple):
    """A GPU of this machine, and its memory in GB of 10^9 bytes."""

    name: str
    gb: float
    card: str = ""
    """The card's name, as its maker calls it."""


class Partition(NamedTuple):
    """Nodes of one kind in a SLURM partition: their time limit in hours (infinite if there is none), and their GPUs."""

    name: str
    hours: float
    gpus: int


def gpus() -> list[Gpu]:
    """Return the GPUs that nvidia-smi lists and CUDA_VISIBLE_DEVICES does not hide; none if there is no nvidia-smi."""
    command = ("nvidia-smi", "--query-gpu=index,uuid,memory.total,name", "--format=csv,noheader,nounits")
    shown = visible_gpus.named()
    return [
        Gpu(index, float(mebibytes) * 2**20 / 1e9, ", ".join(card))
        for index, uuid, mebibytes, *card in (line.split(", ") for line in _lines(*command))
        if shown is None or index in shown or uuid in shown
    ]


def processor() -> str:
    """Return "CPU, " and the name by which this machine's processor calls itself."""
    return f"CPU, {numerics.processor()}"


def partitions() -> list[Partition]:
    """Return the partitions of the cluster, one entry for each kind of node; none if SLURM does not answer."""
    return [partition(line) for line in _lines("sinfo", "--noheader", "--format=%P|%l|%G")]


def partition(line: str) -> Partition:
    """Parse one line of `sinfo --format=%P|%l|%G`, such as `gpu*|2-00:00:00|gpu:a100:8(S:0-1)`."""
    name, limit, resources = line.split("|")
    counts = (resource.split("(")[0].split(":") for resource in resources.split(","))
    gpus = sum(int(count) for kind, *_, count in (each for each in counts if len(each) > 1) if kind == "gpu")
    return Partition(name.rstrip("*"), hours(limit), gpus)


def hours(limit: str) -> float:
    """Parse a time limit of SLURM: `[days-]hours:minutes:seconds`, `minutes:seconds` or `infinite`. Return hours."""
    if limit in ("infinite", "n/a"):
        return float("inf")
    days, _, clock = limit.rpartition("-")
    parts = [0, 0, *map(int, clock.split(":"))][-3:]
    return float(24 * int(days or 0) + sum(part / 60.0**place for place, part in enumerate(parts)))


def _lines(*command: str) -> list[str]:
    """Return the lines that a command prints, without blank ones; none if the command is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line for line in done.stdout.splitlines() if line.strip()] if done.returncode == 0 else []
