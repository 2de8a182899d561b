"""GPU claims, which keep the jobs of one machine, or of one SLURM allocation, off each other's GPUs."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from spurious_rewards.runtime import visible_gpus
from spurious_rewards.runtime.errors import UserError

EVERY = 1.0
"""Seconds between two looks at GPUs that other jobs hold."""


def claim(count: int, visible: Sequence[str] | None = None) -> None:
    """Claim `count` GPUs that no other job of this user holds, and hide all other GPUs from this process.

    Waits while too few GPUs are free; the job that waits first is served first. The claim lasts until this process
    ends, also after an exec. Call this before torch is imported. Within a SLURM job, its own GPUs are shared out.

    Args:
        count: how many GPUs to claim.
        visible: the GPUs to choose from; by default all in CUDA_VISIBLE_DEVICES, or else all that nvidia-smi lists.

    Raises:
        UserError: there are fewer than `count` GPUs, or no folder for claims belongs to this user alone.
    """
    if not count:
        return
    among = _visible() if visible is None else visible
    if len(among) < count:
        raise UserError(
            f"the job needs {count} GPUs and this machine shows {len(among)} ({', '.join(among) or 'none'}); set "
            "CUDA_VISIBLE_DEVICES, or ask for fewer under `resources` of the suite"
        )
    folder = _private_folder(_places())
    # Each SLURM job has its own GPUs, and may number them from 0.
    job = os.environ.get("SLURM_JOB_ID", "alone")
    # Only one process at a time takes GPUs; otherwise two could each hold a GPU that the other waits for.
    turn = _open(folder, f"turn-{job}")
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        taken = _free(among, count, folder, job)
        if len(taken) < count:
            print(
                f"waiting for {count - len(taken)} of {count} GPUs, which other jobs hold", file=sys.stderr, flush=True
            )
        while len(taken) < count:
            time.sleep(EVERY)
            taken += _free([gpu for gpu in among if gpu not in taken], count - len(taken), folder, job)
    finally:
        os.close(turn)
    os.environ[visible_gpus.VARIABLE] = ",".join(taken)


def _visible() -> list[str]:
    if (named := visible_gpus.named()) is not None:
        return named
    if shutil.which("nvidia-smi") is None:
        return []
    # nvidia-smi numbers GPUs in the order of the PCI bus; CUDA by default starts with the fastest.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    listed = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    return subprocess.run(listed, capture_output=True, encoding="utf-8", errors="replace").stdout.split()


def _places() -> list[Path]:
    """Return the folders in which claims may lie, the preferred one first.

    Two jobs that look in different folders would take the same GPU. So the temporary folder comes first: not every
    job of a user has XDG_RUNTIME_DIR, and that folder goes when the user logs out, although jobs go on.
    XDG_RUNTIME_DIR is used if somebody else made the folder for claims first, which all jobs of this user find alike.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    temporary = Path(tempfile.gettempdir()) / f"spurious-rewards-{os.geteuid()}"
    return [temporary, *([Path(runtime) / "spurious-rewards"] if runtime else [])]


def _private_folder(places: Sequence[Path]) -> int:
    """Return a descriptor of the first of `places` that only this user can access; a missing folder is created.

    In a place that all users share, anyone may have created a folder or a link of this name before.

    Raises:
        UserError: none of the folders belongs to this user alone.
    """
    found = []
    for place in places:
        try:
            with contextlib.suppress(FileExistsError):
                place.mkdir(mode=0o700)
            folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            found.append(f"{place} is no folder or cannot be used ({os.strerror(error.errno or 0).lower()})")
            continue
        state = os.fstat(folder)
        if state.st_uid == os.geteuid() and not state.st_mode & 0o077:
            # Programs that clean up temporary folders spare locked ones. This lock, too, lasts until the job ends.
            fcntl.flock(folder, fcntl.LOCK_SH)
            os.set_inheritable(folder, True)
            return folder
        os.close(folder)
        owner = "others may use it too" if state.st_uid == os.geteuid() else f"user {state.st_uid} owns it"
        found.append(f"{place}: {owner} (mode {state.st_mode & 0o777:o})")
    raise UserError(
        f"no safe folder for GPU locks: {'; '.join(found)}; delete it, have its owner delete it, or set TMPDIR, "
        "the same for all jobs, to a folder that is yours alone"
    )


def _free(among: Sequence[str], count: int, folder: int, job: str) -> list[str]:
    """Take up to `count` GPUs that nobody holds, and return them."""
    taken: list[str] = []
    for gpu in among:
        # The name of a MIG instance has slashes: MIG-GPU-.../1/0.
        if len(taken) < count and _take(folder, f"gpu-{job}-{quote(gpu, safe='')}"):
            taken.append(gpu)
    return taken


def _open(folder: int, name: str) -> int:
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=folder)


def _take(folder: int, name: str) -> bool:
    """Lock a file until the process ends, if nobody else holds it: the descriptor stays open, even through an exec."""
    descriptor = _open(folder, name)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    os.set_inheritable(descriptor, True)
    return True
