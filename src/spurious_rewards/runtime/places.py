"""What readers elsewhere are told of places on this machine: nothing that names its users, or how its disks are laid out."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

HOMES = re.compile(r"(?<![\w.])/(?:home|Users)/[^/\s\"'<>|:,;)\]]+")
"""Home folders of any user, on Linux and macOS."""


def shown(path: Path | str) -> str:
    """A path below the working folder from there; of any other its name."""
    inside = os.path.relpath(path)
    return Path(path).name if inside.startswith("..") else Path(inside).as_posix()


def without_places(text: str, known: Mapping[str, str] | None = None) -> str:
    """A text with the working folder, Python's folder and home folders taken out of its paths.

    `known` are other paths, each with what to say in its place.
    """
    said = dict(known or {})
    for folder in (os.getcwd(), os.path.realpath(os.getcwd())):
        said.setdefault(f"{folder}/", "")
        said.setdefault(folder, ".")
    said.setdefault(sys.prefix, "PYTHON")
    said.setdefault(str(Path.home()), "~")
    said.pop("/", None)
    for path in sorted(said, key=len, reverse=True):
        # Behind a slash a name goes on; else the path is another's whose name goes on.
        found = (
            re.compile(rf"(?<![\w./-]){re.escape(path)}")
            if path.endswith("/")
            else re.compile(rf"(?<![\w./-]){re.escape(path)}(?![\w-]|\.\w)")
        )
        text = found.sub(lambda _, path=path: said[path], text)  # type: ignore[misc]
    return HOMES.sub("~", text)
