"""Find keys and passwords in what is about to be archived, before anything is written."""

import contextlib
import netrc
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.secret_names import is_secret

SHORTEST = 12
"""Least number of characters of a value that is searched for. A shorter one would be found by chance."""

LONGEST_PATH = 255
"""Largest number of characters of a value that may be a path. The system rejects longer names."""

KINDS = {
    "an address with a user and a password": re.compile(
        rb"\b[a-z][a-z0-9+.-]{0,20}://[^\s/@:\"'<>]{1,200}:[^\s/@\"'<>]{1,200}@"
    ),
    "a token of the Hugging Face hub": re.compile(rb"\bhf_[A-Za-z0-9]{30,}"),
    "a token of GitHub": re.compile(rb"\bgh[opsur]_[A-Za-z0-9]{36}"),
    "a key of AWS": re.compile(rb"\bAKIA[0-9A-Z]{16}\b"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
"""Patterns of what looks like a secret, whoever owns it."""


def refuse_secrets(files: Iterable[tuple[Path, bytes]], code: Iterable[tuple[Path, bytes]]) -> None:
    """Raise UserError if a file holds a secret of this user or, except in `code`, anything that looks like a secret.

    Raises:
        UserError: it names the file and what is in it, but never the secret.
    """
    known = secrets()
    for kinds, each in ((KINDS, files), ({}, code)):
        for path, content in each:
            found = next((name for name, value in known.items() if value.encode() in content), None)
            found = found or next((kind for kind, pattern in kinds.items() if pattern.search(content)), None)
            if found:
                raise UserError(
                    f"{path}: holds {found}, which must not be in an archive; take it out, and export again"
                )


def secrets(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the secrets of the environment, the hub client and ~/.netrc, each under a description for messages."""
    found = {f"the value of {name}": value for name, value in environment.items() if is_secret(name)}
    home = Path(environment.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    for path in (Path(environment.get("HF_TOKEN_PATH", home / "token")),):
        with contextlib.suppress(OSError, ValueError):
            if path.is_file():
                found[f"the token of {path.name}"] = path.read_text(encoding="utf-8").strip()
    with contextlib.suppress(OSError, netrc.NetrcParseError, ValueError):
        for host, (_, _, password) in netrc.netrc().hosts.items():
            found[f"the password of {host} in ~/.netrc"] = password or ""
    return {name: value for name, value in found.items() if len(value) >= SHORTEST and not _is_path(value)}


def _is_path(value: str) -> bool:
    """Whether a value names a file, as the value of a variable such as HF_TOKEN_PATH does."""
    return len(value) <= LONGEST_PATH and Path(value).exists()
