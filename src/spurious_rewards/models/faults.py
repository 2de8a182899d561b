"""Faults of the files in a model folder, in words, and a reader for files that may hold anything."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from spurious_rewards.artifacts import limits
from spurious_rewards.runtime.errors import LONGEST, UserError, in_a_line, one_line

T = TypeVar("T")

LFS = b"version https://git-lfs.github.com/spec/"

AGAIN = "copy or make it again"


@dataclass(frozen=True)
class Fault:
    """What is wrong with a model folder, in which file, and what to do about it (as it follows "To fix it:")."""

    file: Path
    wrong: str
    mend: str

    @property
    def said(self) -> str:
        """The file and its fault, safe to print whatever the file holds."""
        return one_line(f"{self.file}: {self.wrong}", LONGEST)

    def __str__(self) -> str:
        return f"{self.said}; {self.mend}"


class FolderError(UserError):
    """A fault that shows only when a folder is loaded."""

    def __init__(self, fault: Fault):
        super().__init__(str(fault))
        self.fault = fault


def together(found: Iterable[Fault]) -> str:
    """Join faults into one line."""
    return "; moreover, ".join(map(str, found))


def raised_by_library(error: BaseException) -> bool:
    """Whether an error comes from code, and not from a user or a signal; panics of Rust are no `Exception`s."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def read(path: Path, parse: Callable[[str], T]) -> "T | Fault":
    """Return the parsed content of a text file, or the fault of the file."""
    for fault in not_there(path):
        return fault
    with path.open("rb") as file:
        content = file.read(limits.DOCUMENT + 1)
    if len(content) > limits.DOCUMENT:
        most = limits.megabytes(limits.DOCUMENT)
        return Fault(path, f"has more than {most}, the limit for such a file", "take another model")
    if content.startswith(b"\xef\xbb\xbf"):
        return Fault(path, "begins with a byte order mark, which transformers does not read", "save it as plain UTF-8")
    try:
        return parse(content.decode())
    except UnicodeDecodeError:
        return Fault(path, "not UTF-8", "save it as plain UTF-8")
    except (ValueError, RecursionError) as error:
        return Fault(path, f"not the JSON that it should be ({in_a_line(error)})", AGAIN)


def as_object(text: str) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        ValueError: the text is not a JSON object.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"{type(found).__name__} where an object should be")
    return found


def not_there(path: Path) -> Iterator[Fault]:
    """Yield why a file has no content to read, if it has none."""
    try:
        if not path.exists():
            yield Fault(
                path,
                f"a link to {os.readlink(path)}, which is not there" if path.is_symlink() else "no such file",
                AGAIN,
            )
        elif not path.is_file():
            yield Fault(path, "not a file", AGAIN)
        else:
            with path.open("rb") as file:
                if file.read(len(LFS)) == LFS:
                    what, mend = (
                        "a Git LFS pointer, not the file that it stands for",
                        "run `git lfs pull` in its repository",
                    )
                    yield Fault(path, what, mend)
    except OSError as error:
        yield unreadable(path, error)


def unreadable(path: Path, error: OSError) -> Fault:
    """Return the fault of a file that the operating system refuses to open."""
    return Fault(path, f"cannot be read ({error.strerror or in_a_line(error)})", "give this user the right to read it")
