"""What manifests say of artifacts: which job made them, and what they were made from.

The report shows it, so this code counts in its fingerprint; how manifests are written (`manifests`) does not.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spurious_rewards.artifacts.manifests import manifest_path, read


def manifest_of(artifact: Path) -> Path | None:
    """The manifest that says how an artifact was made: its own, or that of the folder which it lies in; None without one."""
    return next(filter(Path.exists, map(manifest_path, [artifact, *artifact.parents[:-1]])), None)


def job_of(manifest: Mapping[str, Any]) -> tuple[str, str, str]:
    """What the manifests of a job's artifacts, and of no others, have in common: stage, folder, and request as JSON."""
    folder = str(Path(manifest["artifact"]).parent)
    return str(manifest["stage"]), folder, json.dumps(manifest["request"], sort_keys=True)


def parents_of(manifest: Mapping[str, Any]) -> list[Path]:
    """The artifacts that a manifest's artifact was made from."""
    return [Path(parent["artifact"]) for parent in manifest["parents"]]


def ancestry(artifacts: Sequence[Path]) -> list[dict[str, Any]]:
    """Manifests of the artifacts and of everything that they were made from, each once, nearest first."""
    manifests: dict[Path, dict[str, Any]] = {}
    todo = list(artifacts)
    while todo:
        artifact = todo.pop(0)
        path = manifest_of(artifact)
        if path is not None and path not in manifests:
            manifests[path] = read(path)
            todo += parents_of(manifests[path])
    return list(manifests.values())
