"""Write and read manifests. A manifest lies beside each artifact and records what it was made from."""

import functools
import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from pydantic import ValidationError

from spurious_rewards.artifacts.fingerprints import PACKAGE, fingerprint
from spurious_rewards.artifacts.local_copies import Locations
from spurious_rewards.artifacts.manifest_keys import Manifest
from spurious_rewards.artifacts.paths import PARTIAL
from spurious_rewards.config.messages import explain
from spurious_rewards.runtime import numerics
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import read_json, replacing, sha256
from spurious_rewards.runtime.links import below, refuse_links

ENDING = ".manifest.json"


def manifest_path(artifact: Path) -> Path:
    """Return the path of an artifact's manifest, beside it."""
    return artifact.with_name(artifact.name + ENDING)


def artifact_of(manifest: Path) -> Path:
    """Return the path of a manifest's artifact, beside it."""
    return manifest.with_name(manifest.name.removesuffix(ENDING))


class Recorder:
    """Measures a stage from the recorder's creation on, and writes the manifests of the stage's artifacts.

    Processor seconds include imports: they count from the start of the process, or from the end of its previous stage.
    """

    ended = 0.0
    """Processor seconds of this process when a stage last wrote a manifest."""

    def __init__(self, stage: str, request: Mapping[str, Any], locations: Locations | None = None):
        """`locations` are the paths of the local copies that the stage reads."""
        self.stage, self.request = stage, dict(request)
        # Local copies come from elsewhere and may change, so the hash is that of the content that was read.
        self.hashes = {path: content for content, path in (locations or {}).items()}
        self.started, self.used_before = time.time(), Recorder.ended

    def write(
        self, artifact: Path, parents: Sequence[Path] = (), files: Sequence[Path] = (), /, **details: Any
    ) -> None:
        """Write the manifest of `artifact`; `details` is further information for readers, such as a data card.

        One manifest of a folder covers all files that a stage made in it: `files`, each of which is hashed.
        """
        wall_seconds, hardware = time.time() - self.started, _hardware()
        # RUSAGE_CHILDREN covers children that have ended: the grader's workers.
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        Recorder.ended = sum(usage.ru_utime + usage.ru_stime for usage in used)
        content = {
            "stage": self.stage,
            "artifact": str(artifact),
            "sha256": sha256(artifact),
            **({"files": {file.name: sha256(file) for file in files}} if files else {}),
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "fingerprint": fingerprint(self.stage),
            "request": self.request,
            "versions": _versions(),
            "git": _git(),
            "hardware": hardware,
            "wall_seconds": round(wall_seconds, 3),
            "gpu_seconds": round(wall_seconds * len(hardware["gpus"]), 3),
            "processor_seconds": round(Recorder.ended - self.used_before, 3),
            "peak_memory_mb": max(usage.ru_maxrss for usage in used) // 1024,  # ru_maxrss is in KiB on Linux
            "parents": [
                {"artifact": str(parent), "sha256": self.hashes.get(parent) or _recorded(parent)} for parent in parents
            ],
            "details": details,
        }
        with replacing(manifest_path(artifact)) as temporary:
            temporary.write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")
        for file in files:
            refuse_links(manifest_path(file))
            # Earlier versions wrote one manifest per file; a leftover would be mistaken for a current one.
            manifest_path(file).unlink(missing_ok=True)


def _recorded(parent: Path) -> str | None:
    """Return the hash in a parent's own manifest, from when it was made; without a manifest, its hash now."""
    path = manifest_path(parent)
    if path.exists():
        recorded: str | None = read(path)["sha256"]
        return recorded
    return sha256(parent)


def read(manifest: Path) -> dict[str, Any]:
    """Return the content of a manifest, validated against `manifest_keys.Manifest`.

    Raises:
        UserError: the file cannot be read, or is not a manifest.
    """
    mend = "not a manifest, perhaps cut short by a crash; delete it and its artifact, then run again"
    try:
        content = read_json(manifest)
        Manifest.model_validate(content)
    except UserError as error:
        raise UserError(f"{error}; {mend}") from None
    except ValidationError as error:
        raise UserError(f"{explain(error, manifest, Manifest)}; {mend}") from None
    found: dict[str, Any] = content
    return found


def manifests_below(root: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each artifact with a manifest below the results of a suite, and the content of its manifest.

    Hidden folders are skipped, because their content is not finished. So is the tree made from a failed run
    (`paths.PARTIAL`), because nothing in it is a result.
    """
    for path in sorted(path for path in below(root) if path.name.endswith(ENDING)):
        parts = path.relative_to(root).parts
        if path.is_symlink():
            print(f"note: {path}: a symbolic link, which is not followed; delete it", file=sys.stderr)
        elif parts[0] != PARTIAL and not any(part.startswith(".") for part in parts):
            yield artifact_of(path), read(path)


@functools.cache
def _versions() -> dict[str, str]:
    """Return the version of Python and of every installed package, by name."""
    found = {one.metadata["Name"]: one.version for one in importlib.metadata.distributions()}
    return {"python": platform.python_version(), **dict(sorted(found.items()))}


@functools.cache
def _git() -> dict[str, Any]:
    def git(*arguments: str) -> str | None:
        try:
            return subprocess.run(
                ["git", "-C", str(PACKAGE), *arguments],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=True,
            ).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return None

    commit, changes = git("rev-parse", "HEAD"), git("status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "clean": changes == "" if changes is not None else None}


def _hardware() -> dict[str, Any]:
    torch = sys.modules.get("torch")  # a stage that did not import torch does not use a GPU
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch else []
    return {
        "machine": platform.machine(),
        "processor": numerics.processor(),
        "kernels": numerics.kernels(),
        "cores": os.cpu_count(),
        "memory_mb": psutil.virtual_memory().total // 2**20,
        "gpus": gpus,
    }
