"""What is in a file or model folder of the user's, as a digest: the same wherever it lies, another one whenever it changes.

Such files are read at every call of Snakemake and by every job, and weights can have tens of gigabytes. So the digest of each
file is remembered with what the file system says of it (size, times, inode), and is worked out again when any of that is
another. What is remembered stands in `CACHE`, a line for each look that had to read something: lines are only added, so that
any number of processes may do so at once, and one that cannot be read costs no more than a second look.
"""

import contextlib
import fnmatch
import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from spurious_rewards.artifacts.checkpoints import STATE
from spurious_rewards.config import reward_file
from spurious_rewards.runtime.errors import UserError

CACHE = Path(".snakemake/digests.jsonl")
"""Beside what Snakemake knows of the jobs that were told these digests, so that it comes along when results move."""

LOADED = (
    *("*config.json", "*.safetensors", "*.safetensors.index.json"),
    *("*token*.json", "vocab*", "merges.txt", "*.model", "*.jinja", "additional_chat_templates/*.jinja"),
)
"""Files of a model folder that are loaded: the weights, the tokenizer, what configures them; no trainer state."""

AT_REST = 2
"""Seconds after its last change from which a file's times would tell of another one, on any file system."""

LARGE = 10**9
"""Bytes of which to say that they are being read, for it takes seconds."""


class Stamp(NamedTuple):
    """What changes whenever a file does. The change time tells of those that keep size and modification time."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Seen(NamedTuple):
    """A file as it was last read; without a stamp if it was too young to be known again."""

    stamp: Stamp | None
    sha256: str


def digest(path: Path) -> str | None:
    """The SHA-256 (hex) of a file's bytes, or of the names and digests of the files of a model folder that are loaded.

    Of a Python file it is the digest of its code, which is that of the modules beside it too (`reward_file.read`).
    None where there is nothing, nothing that would be loaded, or nothing that can be read.
    """
    if path.suffix == reward_file.SUFFIX and path.is_file():
        try:
            return reward_file.digest(path)
        except UserError:
            return None
    known = _last_look(path)
    try:
        files = _files(path)
        stamps = {name: _stamp(file) for name, file in files.items()}
        new = {name for name, stamp in stamps.items() if name not in known or known[name].stamp != stamp}
        if (size := sum(stamps[name].size for name in new)) > LARGE:
            print(f"{path}: reading {size / 1e9:.0f} GB, to know them by their content from now on", file=sys.stderr)
        seen = {name: _read(file, stamps[name]) if name in new else known[name] for name, file in files.items()}
    except OSError:
        return None
    if seen and seen != known:
        _remember(path, seen)
    return _of(seen) if seen else None


def last_known(path: Path) -> str | None:
    """The digest that a file or folder had when it was last looked at, whether or not it is there; None if it never was."""
    known = _last_look(path)
    return _of(known) if known else None


def listing(folder: Path) -> list[tuple[str, int, int]]:
    """Name, size and time (ns) of each file of a model folder that is loaded: in place of its content where none must be read."""
    stamps = {name: _stamp(file) for name, file in _files(folder).items()}
    return [(name, stamp.size, stamp.mtime_ns) for name, stamp in stamps.items()]


# ---------------------------------------------------------------- what is there


def _files(path: Path) -> dict[str, Path]:
    """The files that count, by their names in the folder; a file itself under an empty name. None of what is not there."""
    if path.is_file():
        return {"": path}
    found = {file.relative_to(path): file for pattern in LOADED for file in path.glob(pattern) if file.is_file()}
    return {
        name.as_posix(): file
        for name, file in sorted(found.items())
        if not name.name.startswith(".") and not any(fnmatch.fnmatch(name.name, pattern) for pattern in STATE)
    }


def _stamp(file: Path) -> Stamp:
    status = file.stat()
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _read(file: Path, before: Stamp) -> Seen:
    began = time.time_ns()
    with file.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    # A change within one tick of the file system's clock would leave the times as they are.
    at_rest = before == _stamp(file) and began - max(before.mtime_ns, before.ctime_ns) > AT_REST * 10**9
    return Seen(before if at_rest else None, sha256)


def _of(seen: Mapping[str, Seen]) -> str:
    if list(seen) == [""]:
        return seen[""].sha256
    return hashlib.sha256(json.dumps([[name, one.sha256] for name, one in sorted(seen.items())]).encode()).hexdigest()


# ---------------------------------------------------------------- what is remembered


def _key(path: Path) -> str:
    """A path as it is called from here, if it lies below: checkouts are moved and copied with what is in them."""
    absolute, here = Path(os.path.abspath(path)), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)


def _last_look(path: Path) -> dict[str, Seen]:
    """The files of a path as they were when it was last looked at; none if it never was."""
    key, found = _key(path), {}
    with contextlib.suppress(OSError), CACHE.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            with contextlib.suppress(ValueError, TypeError, AttributeError, KeyError, RecursionError):
                said = json.loads(line)
                if said["path"] == key:
                    found = {name: _seen(*one) for name, one in said["files"].items()}
    return found


def _seen(stamp: Any, sha256: str) -> Seen:
    return Seen(Stamp(*stamp) if stamp else None, sha256)


def _remember(path: Path, seen: Mapping[str, Seen]) -> None:
    """Add a look to the cache, in a folder where Snakemake runs or will run. Without it, the next look takes as long again."""
    line = json.dumps({"path": _key(path), "files": seen})
    with contextlib.suppress(OSError):
        if Path("Snakefile").is_file():
            CACHE.parent.mkdir(exist_ok=True)
        if CACHE.parent.is_dir():
            with CACHE.open("a", encoding="utf-8") as lines:
                lines.write(f"\n{line}\n")  # on a line of its own whatever a process that was killed has left
