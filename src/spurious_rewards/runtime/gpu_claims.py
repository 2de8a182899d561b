"""Keeping the jobs of one machine, or of one allocation of SLURM, off each other's GPUs."""

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
"""Seconds between two looks at GPUs that others hold."""


def claim(count: int, visible: Sequence[str] | None = None) -> None:
    """Take `count` GPUs that no other job of this user has, and let this process see no others.

    Waits while too few are free; who waits first is served first. They are held until this process has ended, whatever
    it has become by exec by then. To be called before torch is imported. Within a SLURM job its own GPUs are shared out.

    Args:
        count: how many.
        visible: those to choose from; all that CUDA_VISIBLE_DEVICES names, or that nvidia-smi lists.

    Raises:
        UserError: there are fewer than `count`, or there is no place for claims that is this user's alone.
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
    # Each SLURM job has GPUs of its own, and may count them from 0.
    job = os.environ.get("SLURM_JOB_ID", "alone")
    # Only one process at a time takes GPUs: two could each hold what the other waits for.
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
    # nvidia-smi counts in the order of the bus, CUDA by itself from the fastest.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    listed = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    return subprocess.run(listed, capture_output=True, encoding="utf-8", errors="replace").stdout.split()


def _places() -> list[Path]:
    """Where claims may lie, the best first.

    The temporary folder goes before XDG_RUNTIME_DIR, which not every job of a user has, and which goes when the user logs out
    though jobs go on: two jobs that look in different places would take the same GPU. It is for when somebody else was there
    first, which all jobs of this user find alike.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    temporary = Path(tempfile.gettempdir()) / f"spurious-rewards-{os.geteuid()}"
    return [temporary, *([Path(runtime) / "spurious-rewards"] if runtime else [])]


def _private_folder(places: Sequence[Path]) -> int:
    """A descriptor of the first of some folders that nobody but this user can write to; it is made if it is not there.

    Whoever can write to a folder that is shared by all can have made a folder of any name in it before, or a link.

    Raises:
        UserError: none of them is this user's alone.
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
            # What cleans temporary folders up leaves those alone that are locked. Held like the GPUs, until the job has ended.
            fcntl.flock(folder, fcntl.LOCK_SH)
            os.set_inheritable(folder, True)
            return folder
        os.close(folder)
        owner = "others may use it too" if state.st_uid == os.geteuid() else f"user {state.st_uid} owns it"
        found.append(f"{place}: {owner} (mode {state.st_mode & 0o777:o})")
    raise UserError(
        f"there is no safe place to say which GPUs are taken: {'; '.join(found)}; delete it, have its owner delete it, or set "
        "TMPDIR, the same for all jobs, to a folder that is yours alone"
    )


def _free(among: Sequence[str], count: int, folder: int, job: str) -> list[str]:
    """Take up to `count` GPUs that nobody holds."""
    taken: list[str] = []
    for gpu in among:
        # Parts of a GPU are called MIG-GPU-.../1/0.
        if len(taken) < count and _take(folder, f"gpu-{job}-{quote(gpu, safe='')}"):
            taken.append(gpu)
    return taken


def _open(folder: int, name: str) -> int:
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=folder)


def _take(folder: int, name: str) -> bool:
    """Lock a file until the process ends: the descriptor is left open, through an exec too."""
    descriptor = _open(folder, name)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    os.set_inheritable(descriptor, True)
    return True
