"""Reads files that anyone may have written. Writes files and folders so that a crash leaves the old or the new one."""

import contextlib
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.links import refuse_links

MOST = 2**27
"""Maximum size of a text or JSON file in bytes: 128 MiB, more than any file of this project has."""

REMAKE = "delete the file and run again to remake it"
"""Advice in error messages about a results file that does not look as the stages write it."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` when the block ends.

    The block may make a file or a folder at the temporary path. A folder that already stands at `path` is replaced.
    What a killed process left at the temporary path is removed first. If the block raises, nothing is left there.

    Raises:
        UserError: `path` is a symbolic link, or lies behind one, in the results of a suite (see `links.refuse_links`).
    """
    temporary = path.with_name(f".{path.name}.tmp")
    refuse_links(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove(temporary)
    try:
        yield temporary
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        os.replace(temporary, path)
    finally:
        remove(temporary)


def remove(path: Path) -> None:
    """Remove a file or a folder; do nothing if there is none.

    Raises:
        UserError: `path` is a symbolic link, or lies behind one, in the results of a suite (see `links.refuse_links`).
    """
    refuse_links(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def read_text(path: Path) -> str:
    """Return the content of a UTF-8 text file, with or without a byte-order mark.

    Raises:
        UserError: the file cannot be read, is not a regular file, has more than `MOST` bytes, or has another encoding.
    """
    content = _content(path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        what = "is in UTF-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else f"line {line} is not UTF-8"
        raise UserError(
            f"{path}: {what}; save the file as UTF-8, for example with `iconv -f ENCODING -t UTF-8`, where ENCODING is "
            "the one that it was written in (GB18030, UTF-16, ISO-8859-1, …)"
        ) from None


def read_json(path: Path) -> Any:
    """Return the parsed content of a JSON file.

    Raises:
        UserError: the file cannot be read (see `read_text`), or it is not JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except RecursionError:
        raise UserError(f"{path}: not readable JSON: lists or objects are nested too deep") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON, perhaps cut short by a crash ({error})") from None


def sha256(path: Path) -> str | None:
    """Return the SHA-256 of a regular file, or None for anything else: a pipe may never end, and weights are large.

    Reads no more than the size that the file has when it is opened: some system files report no size and never end.
    """
    if not path.is_file():
        return None
    hashed = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        left = os.fstat(file.fileno()).st_size
        while left and (part := file.read(min(left, 2**20))):
            hashed.update(part)
            left -= len(part)
    return hashed.hexdigest()


def _content(path: Path) -> bytes:
    try:
        status = path.stat()  # checked before opening, because opening a pipe may block for ever
        if stat.S_ISDIR(status.st_mode):
            raise UserError(f"{path}: this is a folder; name a file")
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path}: this is a pipe, socket or device; a file is wanted in its place")
        with path.open("rb") as file:
            content = file.read(MOST + 1)
    except OSError as error:
        raise UserError(f"{path}: {reason(error)}") from None
    if len(content) > MOST:
        raise UserError(f"{path}: has more than {MOST // 2**20} MiB; no file of this kind does")
    return content


def reason(error: OSError) -> str:
    """Return in a few words why a file cannot be read."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "this is a folder; name a file"
    return (error.strerror or str(error)).lower()
