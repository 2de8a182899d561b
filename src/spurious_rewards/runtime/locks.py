"""Locks that give each artifact one writer. A lock does not outlive its process or its SLURM job."""

import contextlib
import json
import os
import re
import socket
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from spurious_rewards.runtime import slurm
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.links import refuse_links

LONGEST = 2**16
"""How many bytes of a lock file are read; the program's own lock files have a few hundred."""


@contextlib.contextmanager
def exclusive(path: Path, request: str = "") -> Iterator[bool]:
    """Hold the only right to write the artifact at `path`, against another process that was told to make it too.

    A rename alone does not keep out a second writer: the job of a killed controller goes on, and a restarted
    controller starts the same job again. The lock names the host, the process and its start time, the SLURM job, and
    `request`, the digest of what the job is asked to make. A lock whose process or job is gone is taken over. A SLURM
    job that lives is waited for.

    Yields:
        Whether there is nothing left to do, because another job has made `path` for the same `request` (which must not
        be empty for that). In this case the block holds no lock.

    Raises:
        UserError: a living process outside SLURM holds the lock; a process on another host, which cannot be checked
            from here, holds it; SLURM cannot be asked; the lock was not made by this program; or a symbolic link is in
            the way.
    """
    lock = path.with_name(f".{path.name}.lock")
    refuse_links(path)  # fail before the work, which may take days
    lock.parent.mkdir(parents=True, exist_ok=True)
    holder = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
        "job": slurm.job(),
        "request": request,
    }
    made = False
    while not made and not _take(lock, json.dumps(holder)):
        made = _give_way(lock, path, request)
    try:
        yield made
    finally:
        if not made:
            lock.unlink(missing_ok=True)


def _take(lock: Path, text: str) -> bool:
    """Make the lock, or return False if there is one.

    The lock is a hard link, which appears at once and filled. A new file could be read before it is filled.
    """
    mine = lock.with_name(f"{lock.name}.{socket.gethostname()}.{os.getpid()}")
    mine.unlink(missing_ok=True)  # left by a killed process with the same number
    try:
        with mine.open("x", encoding="utf-8") as file:  # never through a link that somebody has put there
            file.write(text)
        return _link(mine, lock)
    finally:
        mine.unlink()


def _link(source: Path, target: Path) -> bool:
    try:
        target.hardlink_to(source)
    except FileExistsError:
        return False
    return True


def _give_way(lock: Path, path: Path, request: str) -> bool:
    """Wait for the holder of `lock` if it is a living SLURM job, and remove the lock if the holder is dead.

    Returns:
        Whether the holder has made `path` for `request`.
    """
    try:
        text, since = _read(lock), lock.stat().st_mtime_ns
    except FileNotFoundError:
        return False
    if text is None:
        return False
    holder = _holder(text, lock)
    job = holder["job"]
    if job in (None, slurm.job()) or not _released(lock, text, path, job):
        _complain_if_alive(holder, lock, path)
        _remove(lock, text)
    # An older file at `path` belongs to another request: what the holder made is no older than its lock.
    asked = request and holder.get("request") == request
    if made := bool(asked and path.exists() and path.stat().st_mtime_ns >= since):
        print(f"{path}: made by {f'SLURM job {job}' if job else 'the job before'}", file=sys.stderr)
    return made


def _complain_if_alive(holder: dict[str, Any], lock: Path, path: Path) -> None:
    """Raise a UserError if the process that holds the lock lives, or may live: on another host and outside SLURM."""
    if holder["host"] != socket.gethostname():
        if holder.get("job"):
            return  # the job is gone, or is this one, requeued: SLURM has ended what it ran there
        raise UserError(
            f"{path}: is being written by process {holder['pid']} on {holder['host']}; wait for it, or, if that "
            f"process is gone, delete {lock}"
        )
    with contextlib.suppress(psutil.NoSuchProcess):
        if psutil.Process(holder["pid"]).create_time() == holder["started"]:
            raise UserError(
                f"{path}: is being written by process {holder['pid']}, which still runs; wait for it to end"
            )


def _released(lock: Path, text: str, path: Path, job: str) -> bool:
    """Wait until a SLURM job is gone or gives up `lock`, whose text is `text`, with a message every minute.

    Returns:
        Whether it gave up the lock before it was gone.
    """
    while slurm.alive(job):
        print(f"{path}: is being written by SLURM job {job}; waiting for it", file=sys.stderr, flush=True)
        for _ in range(60):
            if _read(lock) != text:
                return True
            time.sleep(1)
    return _read(lock) != text


def _read(lock: Path) -> str | None:
    """Return the text of a lock, or None if the lock is gone."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(lock.lstat().st_mode):
            raise UserError(f"{lock}: not a file, so no lock of this program's; delete it")
        with lock.open("rb") as file:
            return file.read(LONGEST).decode(errors="replace")
    return None


def _holder(text: str, lock: Path) -> dict[str, Any]:
    """Return the keys of a lock whose text is `text`; raise a UserError if a key is missing or has a wrong type."""
    with contextlib.suppress(ValueError, RecursionError):
        holder = json.loads(text)
        if (
            isinstance(holder, dict)
            and isinstance(holder.get("host"), str)
            and type(pid := holder.get("pid")) is int
            and 0 < pid < 2**31
            and isinstance(holder.get("started"), int | float)
            and isinstance(job := holder.setdefault("job", None), str | None)
            and (job is None or re.fullmatch(r"[0-9][0-9_+]*", job))  # it is passed to squeue
        ):
            return holder
    raise UserError(f"{lock}: not a lock of this program's, or damaged; if nothing runs here, delete it")


def _remove(lock: Path, text: str) -> None:
    """Remove `lock`, whose text was `text`, unless another process has just removed it and taken the lock itself."""
    aside = lock.with_name(f"{lock.name}.{socket.gethostname()}.{os.getpid()}.dead")
    with contextlib.suppress(FileNotFoundError):
        lock.rename(aside)
        if _read(aside) != text:
            _link(aside, lock)
        aside.unlink()
