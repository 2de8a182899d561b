"""What manifests say of artifacts: which job made them, and what they were made from.

The report shows it, so this code counts in its fingerprint; how manifests are written (`manifests`) does not.
"""

import json
import os
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from spurious_rewards.artifacts.manifests import manifest_path, read
from spurious_rewards.runtime.links import root_of


def manifest_of(artifact: Path) -> Path | None:
    """The manifest that says how an artifact was made: its own, or that of the folder which it lies in; None without one."""
    return next(filter(Path.exists, map(manifest_path, [artifact, *artifact.parents[:-1]])), None)


def job_of(manifest: Mapping[str, Any]) -> tuple[str, str, str]:
    """What the manifests of a job's artifacts, and of no others, have in common: stage, folder, and request as JSON."""
    folder = str(Path(manifest["artifact"]).parent)
    return str(manifest["stage"]), folder, json.dumps(manifest["request"], sort_keys=True)


@dataclass(frozen=True)
class Job:
    """One execution of a stage, as in `job_of`: its artifacts with their manifests, which say the same but for the artifact."""

    stage: str
    folder: str
    request: str
    artifacts: Mapping[Path, Mapping[str, Any]]

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """The manifest that was written last."""
        return max(self.artifacts.values(), key=lambda manifest: manifest["created"])

    @property
    def parents(self) -> list[Path]:
        """What it read, each once."""
        return list(dict.fromkeys(parent for one in self.artifacts.values() for parent in parents_of(one)))

    @property
    def hours(self) -> float:
        """What it took from its last start on: wall time x GPUs, or wall time without one."""
        taken = (one["wall_seconds"] / 3600 * max(1, len(one["hardware"]["gpus"])) for one in self.artifacts.values())
        return float(max(taken))


def jobs_of(manifests: Iterable[tuple[Path, Mapping[str, Any]]]) -> list[Job]:
    """The jobs behind artifacts that come with their manifests, in the order of the first artifact of each."""
    made: dict[tuple[str, str, str], dict[Path, Mapping[str, Any]]] = defaultdict(dict)
    for artifact, manifest in manifests:
        made[job_of(manifest)][artifact] = manifest
    return [Job(*job, artifacts) for job, artifacts in made.items()]


def parents_of(manifest: Mapping[str, Any]) -> list[Path]:
    """The artifacts that a manifest's artifact was made from."""
    return [Path(parent["artifact"]) for parent in manifest["parents"]]


def ancestry(artifacts: Sequence[Path]) -> list[dict[str, Any]]:
    """Manifests of the artifacts and of everything that they were made from, each once, nearest first.

    What a manifest names outside of the results that they are in is no artifact of ours, and is not looked at.
    """
    manifests: dict[Path, dict[str, Any]] = {}
    todo, results = deque(artifacts), {root_of(artifact) for artifact in artifacts}
    while todo:
        artifact = todo.popleft()
        path = manifest_of(artifact)
        if path is not None and path not in manifests:
            manifests[path] = read(path)
            parents = [Path(os.path.normpath(parent)) for parent in parents_of(manifests[path])]
            todo += [parent for parent in parents if None in results or root_of(parent) in results]
    return list(manifests.values())
