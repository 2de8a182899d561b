"""Compute a digest of a file or model folder of the user's. It depends only on the content, not on the location.

Every call of Snakemake and every job read such files, and weights can have tens of gigabytes. So the digest of each
file is cached with its file system metadata (size, times, inode), and is recomputed when any of these differ. The cache
file `CACHE` has one line for each look-up that had to read a file. Lines are only appended, so that any number of
processes may write at once. A line that cannot be read costs no more than reading the file again.
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
"""Cache of digests. It lies in Snakemake's folder, whose job records contain the digests, so both move together."""

LOADED = (
    *("*config.json", "*.safetensors", "*.safetensors.index.json"),
    *("*token*.json", "vocab*", "merges.txt", "*.model", "*.jinja", "additional_chat_templates/*.jinja"),
)
"""Files of a model folder that are loaded: weights, tokenizer and their configuration, but no trainer state."""

AT_REST = 2
"""Seconds since a file's last change after which another change alters its times for certain, on any file system."""

LARGE = 10**9
"""Bytes from which on a message says that files are being read, because that takes seconds."""


class Stamp(NamedTuple):
    """Metadata that changes with a file; the change time reveals edits that keep size and modification time."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Seen(NamedTuple):
    """A file as it was last read. The stamp is None if the file was too new for its times to reveal another change."""

    stamp: Stamp | None
    sha256: str


def digest(path: Path) -> str | None:
    """Return the SHA-256 (hex) of a file's bytes, or of the names and digests of a model folder's loaded files.

    For a Python file, return the digest of its code, which includes the modules beside it that it imports
    (`reward_file.read`). Return None if nothing is there, no file would be loaded, or a file cannot be read.
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
    """Return the digest that a path had at its last look-up, even if nothing is there now; None without a look-up."""
    known = _last_look(path)
    return _of(known) if known else None


def listing(folder: Path) -> list[tuple[str, int, int]]:
    """Return name, size and time (ns) of a file, or of a model folder's loaded files, without reading their content."""
    stamps = {name: _stamp(file) for name, file in _files(folder).items()}
    return [(name, stamp.size, stamp.mtime_ns) for name, stamp in stamps.items()]


# ---------------------------------------------------------------- what is there


def _files(path: Path) -> dict[str, Path]:
    """Return the files that count, by name in the folder (a file itself by an empty name); none if nothing is there."""
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
    # Two changes within one tick of the file system's clock leave the times equal.
    at_rest = before == _stamp(file) and began - max(before.mtime_ns, before.ctime_ns) > AT_REST * 10**9
    return Seen(before if at_rest else None, sha256)


def _of(seen: Mapping[str, Seen]) -> str:
    if list(seen) == [""]:
        return seen[""].sha256
    return hashlib.sha256(json.dumps([[name, one.sha256] for name, one in sorted(seen.items())]).encode()).hexdigest()


# ---------------------------------------------------------------- what is remembered


def _key(path: Path) -> str:
    """Return a path relative to the current folder if it lies below it: checkouts are moved and copied as a whole."""
    absolute, here = Path(os.path.abspath(path)), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)


def _last_look(path: Path) -> dict[str, Seen]:
    """Return the files of a path as they were at its last look-up; none if there was none."""
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
    """Append a look-up to the cache, if Snakemake runs or will run in this folder; elsewhere the cache is skipped."""
    line = json.dumps({"path": _key(path), "files": seen})
    with contextlib.suppress(OSError):
        if Path("Snakefile").is_file():
            CACHE.parent.mkdir(exist_ok=True)
        if CACHE.parent.is_dir():
            with CACHE.open("a", encoding="utf-8") as lines:
                lines.write(f"\n{line}\n")  # starts a new line even after a line that a killed process left unfinished
