"""Read from manifests which job made an artifact, and from what.

The report shows this, so this module counts in the report's fingerprint. The module that writes manifests (`manifests`)
does not.
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
    """Return the manifest of an artifact: its own, else that of a folder that contains it, else None."""
    return next(filter(Path.exists, map(manifest_path, [artifact, *artifact.parents[:-1]])), None)


def job_of(manifest: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what identifies the job that wrote a manifest: its stage, its output folder, and its request as JSON."""
    folder = str(Path(manifest["artifact"]).parent)
    return str(manifest["stage"]), folder, json.dumps(manifest["request"], sort_keys=True)


@dataclass(frozen=True)
class Job:
    """One execution of a stage (see `job_of`): its artifacts and their manifests, which differ only per artifact."""

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
        """The artifacts that the job read, each once."""
        return list(dict.fromkeys(parent for one in self.artifacts.values() for parent in parents_of(one)))

    @property
    def hours(self) -> float:
        """The time since the job's last start, in GPU-hours (wall time x GPUs), or hours of wall time without a GPU."""
        taken = (one["wall_seconds"] / 3600 * max(1, len(one["hardware"]["gpus"])) for one in self.artifacts.values())
        return float(max(taken))


def jobs_of(manifests: Iterable[tuple[Path, Mapping[str, Any]]]) -> list[Job]:
    """Group artifacts, given with their manifests, into jobs; the jobs are in the order of their first artifacts."""
    made: dict[tuple[str, str, str], dict[Path, Mapping[str, Any]]] = defaultdict(dict)
    for artifact, manifest in manifests:
        made[job_of(manifest)][artifact] = manifest
    return [Job(*job, artifacts) for job, artifacts in made.items()]


def parents_of(manifest: Mapping[str, Any]) -> list[Path]:
    """Return the artifacts that a manifest's artifact was made from."""
    return [Path(parent["artifact"]) for parent in manifest["parents"]]


def ancestry(artifacts: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the manifests of the artifacts and of all their ancestors, each once, nearest first.

    Parents outside the results folders of `artifacts` are not followed, because the project did not make them.
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
