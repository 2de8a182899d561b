"""Reading text that a user wrote; and writing files and folders so that a crash leaves the old one, the new one or nothing."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from spurious_rewards.runtime.errors import UserError


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


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without a byte-order mark.

    Raises:
        UserError: it cannot be read, or is in another encoding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {reason(error)}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        what = "is in UTF-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else f"line {line} is not UTF-8"
        raise UserError(
            f"{path}: {what}; save the file as UTF-8, for example with `iconv -f ENCODING -t UTF-8`, where ENCODING is "
            "the one that it was written in (GB18030, UTF-16, ISO-8859-1, …)"
        ) from None


def reason(error: OSError) -> str:
    """Why a file cannot be read, in a few words."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "this is a folder; name a file"
    return (error.strerror or str(error)).lower()
