"""Hides paths of this machine from readers elsewhere: neither its users nor the layout of its disks are shown."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

HOMES = re.compile(r"(?<![\w.])/(?:home|Users)/[^/\s\"'<>|:,;)\]]+")
"""Matches the home folder of any user, on Linux and macOS."""


def shown(path: Path | str) -> str:
    """Return a path relative to the working folder if it lies below it, and only its name otherwise."""
    inside = os.path.relpath(path)
    return Path(path).name if inside.startswith("..") else Path(inside).as_posix()


def without_places(text: str, known: Mapping[str, str] | None = None) -> str:
    """Return a text with the working folder, Python's folder and home folders taken out of its paths.

    `known` maps further paths to what is shown in their place.
    """
    said = dict(known or {})
    for folder in (os.getcwd(), os.path.realpath(os.getcwd())):
        said.setdefault(f"{folder}/", "")
        said.setdefault(folder, ".")
    said.setdefault(sys.prefix, "PYTHON")
    said.setdefault(str(Path.home()), "~")
    said.pop("/", None)
    for path in sorted(said, key=len, reverse=True):
        # After a final slash a name may follow. After any other path it must not: the path would be a longer one.
        found = (
            re.compile(rf"(?<![\w./-]){re.escape(path)}")
            if path.endswith("/")
            else re.compile(rf"(?<![\w./-]){re.escape(path)}(?![\w-]|\.\w)")
        )
        text = found.sub(lambda _, path=path: said[path], text)  # type: ignore[misc]
    return HOMES.sub("~", text)
