"""Writing files and folders so that a crash leaves either the old one, the new one or nothing, and never half of one."""

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil

from spurious_rewards.errors import UserError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` and rename it to `path` when the block ends; on an error nothing is left.

    The block may make a file or a folder at the temporary path. A folder that already stands at `path` is replaced, and so
    is what a killed process left at the temporary path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    remove(temporary)
    try:
        yield temporary
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)
    finally:
        remove(temporary)


def remove(path: Path) -> None:
    """Remove a file or a folder, or nothing if there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the only right to write the artifact at `path`, against another process that was told to make it too.

    A rename alone does not keep out a second writer: a job whose controller was killed goes on, and a restarted
    controller starts the same job again. The lock names host, process and its start, and one whose process is gone is
    taken over.

    Raises:
        UserError: a living process holds the lock, or one of another host, whose life cannot be seen from here.
    """
    lock = path.with_name(f".{path.name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    mine = lock.with_name(f"{lock.name}.{os.getpid()}")
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}
    mine.write_text(json.dumps(holder))
    try:
        # A link appears at once and filled, where a file that is opened and then written can be read empty.
        while not _link(mine, lock):
            _remove_if_dead(lock, path)
    finally:
        mine.unlink()
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> bool:
    try:
        target.hardlink_to(source)
    except FileExistsError:
        return False
    return True


def _remove_if_dead(lock: Path, path: Path) -> None:
    """Remove `lock` if its holder is dead, unless another process has just done so and taken the lock itself."""
    try:
        text = lock.read_text()
    except FileNotFoundError:
        return
    holder = json.loads(text)
    if holder["host"] != socket.gethostname():
        raise UserError(
            f"{path}: is being written by process {holder['pid']} on {holder['host']}; wait for it, or, if that "
            f"process is gone, delete {lock}"
        )
    with contextlib.suppress(psutil.NoSuchProcess):
        if psutil.Process(holder["pid"]).create_time() == holder["started"]:
            raise UserError(
                f"{path}: is being written by process {holder['pid']}, which still runs; wait for it to end"
            )
    aside = lock.with_name(f"{lock.name}.{os.getpid()}.dead")
    with contextlib.suppress(FileNotFoundError):
        lock.rename(aside)
        if aside.read_text() != text:
            _link(aside, lock)
        aside.unlink()
