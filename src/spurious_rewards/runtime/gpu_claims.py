"""Keeping the jobs of one machine, or of one allocation of SLURM, off each other's GPUs."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from spurious_rewards.runtime.errors import UserError

EVERY = 1.0
"""Seconds between two looks at GPUs that others hold."""


def claim(count: int, visible: Sequence[str] | None = None) -> None:
    """Take `count` GPUs that no other job of this user has, and let this process see no others.

    Waits while too few are free; who waits first is served first. They are held until this process has ended, whatever
    it has become by exec by then. To be called before torch is imported. Within a SLURM job its own GPUs are shared out.

    Args:
        count: how many.
        visible: those to choose from; all that CUDA_VISIBLE_DEVICES names, or that nvidia-smi lists.

    Raises:
        UserError: there are fewer than `count`.
    """
    if not count:
        return
    among = _visible() if visible is None else visible
    if len(among) < count:
        raise UserError(
            f"the job needs {count} GPUs and this machine shows {len(among)} ({', '.join(among) or 'none'}); set "
            "CUDA_VISIBLE_DEVICES, or ask for fewer under `resources` of the suite"
        )
    # Each SLURM job has GPUs of its own, and may count them from 0.
    folder = Path(tempfile.gettempdir()) / f"spurious-rewards-gpus-{os.getuid()}-{os.environ.get('SLURM_JOB_ID', '')}"
    folder.mkdir(mode=0o700, exist_ok=True)
    # Only one process at a time takes GPUs: two could each hold what the other waits for.
    with (folder / "turn").open("w", encoding="utf-8") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        taken = _free(among, count, folder)
        if len(taken) < count:
            print(
                f"waiting for {count - len(taken)} of {count} GPUs, which other jobs hold", file=sys.stderr, flush=True
            )
        while len(taken) < count:
            time.sleep(EVERY)
            taken += _free([gpu for gpu in among if gpu not in taken], count - len(taken), folder)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(taken)


def _visible() -> list[str]:
    if (named := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [gpu.strip() for gpu in named.split(",") if gpu.strip()]
    if shutil.which("nvidia-smi") is None:
        return []
    # nvidia-smi counts in the order of the bus, CUDA by itself from the fastest.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    listed = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    return subprocess.run(listed, capture_output=True, encoding="utf-8", errors="replace").stdout.split()


def _free(among: Sequence[str], count: int, folder: Path) -> list[str]:
    """Take up to `count` GPUs that nobody holds."""
    taken: list[str] = []
    for gpu in among:
        if len(taken) < count and _take(folder / gpu):
            taken.append(gpu)
    return taken


def _take(lock: Path) -> bool:
    """Lock a file until the process ends: the descriptor is left open, through an exec too."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    os.set_inheritable(descriptor, True)
    return True
