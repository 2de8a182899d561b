"""The ancestry of a file as a tree, from the manifests: what it was made from, back to the problems and models.

Today's files are hashed to answer two questions about every artifact: whether it is still what its manifest says, and
whether the files that it was made from have changed since.
"""

import os
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from spurious_rewards.artifacts.ancestry import manifest_of
from spurious_rewards.artifacts.checkpoints import GONE
from spurious_rewards.artifacts.digests import LARGE, digest
from spurious_rewards.artifacts.fingerprints import fingerprint
from spurious_rewards.artifacts.manifests import artifact_of, manifest_path, read
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import sha256
from spurious_rewards.stages.registry import registered

DEEPEST = 300
"""Most generations that a tree may have. The workflow makes a dozen, and one more for each segment of training."""

FEW = 2
"""Up to this many artifacts of a kind are shown one by one; more are shown together."""

State = Literal["unchanged", "CHANGED", "gone", "not hashed"]
"""What became of a file since its manifest was written."""


@dataclass(frozen=True)
class Artifact:
    """What a stage made or, without a manifest, what no stage made: a model, or a file of the user's.

    `path` is where it lies today. Without a manifest, `was` has the hashes that it had when others were made from it.
    """

    path: Path
    manifest: Mapping[str, Any] | None
    today: "Today" = field(repr=False, compare=False)
    was: frozenset[str] = frozenset()

    @property
    def stage(self) -> str:
        """Return the stage that made it; "" if none did."""
        return str(self.manifest["stage"]) if self.manifest else ""

    @property
    def kind(self) -> tuple[str, str]:
        """Return what artifacts that are shown together share: the stage and, for files, the name."""
        return self.stage, self.path.name if self.manifest and self.path.suffix else ""

    @cached_property
    def states(self) -> dict[Path, State]:
        """Return the state of each file that the manifest has a hash of, or of the file or folder as a whole."""
        if self.manifest is None:
            return {self.path: self._state(self.path, self.was)}
        if "files" in self.manifest:
            return {
                self.path / name: self._state(self.path / name, {was}) for name, was in self.manifest["files"].items()
            }
        return {self.path: self._state(self.path, {was} if (was := self.manifest["sha256"]) else ())}

    def _state(self, path: Path, was: Collection[str]) -> State:
        if not path.exists():
            return "gone"
        if not was:
            return "not hashed"
        return "unchanged" if set(was) == {self.today.hash(path)} else "CHANGED"

    @property
    def parents(self) -> list[Path]:
        """Return what it was made from, where that lies today."""
        return [path for path, _ in self.used]

    @property
    def used(self) -> list[tuple[Path, str | None]]:
        """Return its parents, each with the hash that it had then, or None."""
        parents = (self.manifest or {}).get("parents", ())
        return [(self.today.place(Path(parent["artifact"])), parent["sha256"]) for parent in parents]

    @cached_property
    def other_parents(self) -> list[Path]:
        """Return the parents that have other content today. Those that are gone or were not hashed are left out."""
        return [path for path, was in self.used if was and (now := self.today.hash(path)) and now != was]

    @cached_property
    def without_weights(self) -> int:
        """Return how many checkpoints in it have had their weights deleted."""
        return len(list(self.path.glob(f"seed*/step*/{GONE}")))

    @property
    def code_differs(self) -> bool:
        """Whether its stage has other code today."""
        return self.manifest is not None and self.manifest["fingerprint"] != _code_today(self.stage)


def _code_today(stage: str) -> str | None:
    """Return the fingerprint of a stage's code, or None if the stage no longer exists."""
    return fingerprint(stage) if stage in registered() else None


@dataclass
class Today:
    """Where things lie today, and their hashes, each computed once.

    A manifest names paths as seen from the folder where Snakemake ran. `recorded` is the beginning of these paths, and
    `found` is where it lies today. So a tree can be traced from another folder, and after it was moved.
    """

    recorded: Path
    found: Path
    _hashes: dict[Path, str | None] = field(default_factory=dict)

    def place(self, path: Path) -> Path:
        """Return where a path of a manifest lies today."""
        placed = self.found / path.relative_to(self.recorded) if path.is_relative_to(self.recorded) else path
        return Path(os.path.normpath(placed))

    def hash(self, path: Path) -> str | None:
        """Return the SHA-256 of a file, or of what is loaded of a model folder; None if it is gone."""
        if path not in self._hashes:
            if path.is_file() and (size := path.stat().st_size) > LARGE:
                print(
                    f"{path}: reading {size / 1e9:.0f} GB, to compare it with what a manifest says of it",
                    file=sys.stderr,
                )
            self._hashes[path] = digest(path) if path.is_dir() else sha256(path)
        return self._hashes[path]

    def artifact(self, path: Path, was: Iterable[str | None]) -> Artifact:
        """Return the artifact that a path is or lies in. `was` are the hashes with which it was used."""
        # No stage of this tree leaves a manifest outside it. A manifest there belongs to another tree and is ignored.
        manifest = manifest_of(path) if path.is_relative_to(self.found) else None
        if manifest is None:
            return Artifact(path, None, self, frozenset(filter(None, was)))
        return Artifact(artifact_of(manifest), read(manifest), self)


@dataclass(frozen=True)
class Node:
    """Artifacts of a kind, and what they were made from. Those that an earlier node shows are in `above`."""

    artifacts: tuple[Artifact, ...]
    above: tuple[Artifact, ...]
    parents: tuple["Node", ...]

    def everything(self) -> list[Artifact]:
        """Return the artifacts of the tree, each once, the nearest first."""
        return [*self.artifacts, *(one for parent in self.parents for one in parent.everything())]


def trace(file: Path, every: bool = False) -> Node:
    """Return what a file was made from, all the way back.

    Args:
        file: an artifact, or a file in one.
        every: show each artifact alone, even if there are many of a kind.

    Raises:
        UserError: no stage made the file, a manifest is damaged, or the tree is deeper than `DEEPEST`.
    """
    path = file.absolute()
    manifest = manifest_of(path)
    if manifest is None:
        what = "has no manifest" if path.exists() else "does not exist, and no manifest of it does"
        raise UserError(
            f"{file}: {what}; give a file that a stage made, such as results/SUITE/report.html (a manifest is "
            f"called {manifest_path(file).name}, or lies beside the folder)"
        )
    content, artifact = read(manifest), artifact_of(manifest)
    if path != artifact and "files" in content and path.name not in content["files"]:
        raise UserError(f"{file}: is not among the files that {manifest.name} is of: {', '.join(content['files'])}")
    today = Today(*_moved(Path(content["artifact"]), artifact))
    return _grow([(path, None)], today, every, set(), DEEPEST)[0]


def _moved(recorded: Path, found: Path) -> tuple[Path, Path]:
    """Return two paths without the parts at their ends that are the same."""
    while recorded.name and recorded.name == found.name:
        recorded, found = recorded.parent, found.parent
    return recorded, found


def _grow(
    used: Iterable[tuple[Path, str | None]], today: Today, every: bool, seen: set[Path], deepest: int
) -> tuple[Node, ...]:
    if not deepest:
        raise UserError(
            f"{next(iter(used))[0]}: {DEEPEST} generations of files depend on it; look at one of them alone"
        )
    hashes: dict[Path, list[str | None]] = defaultdict(list)
    for path, was in used:
        hashes[path].append(was)
    artifacts = {artifact.path: artifact for artifact in map(today.artifact, hashes, hashes.values())}
    kinds: dict[tuple[str, ...], list[Artifact]] = defaultdict(list)
    for artifact in artifacts.values():
        kinds[artifact.kind].append(artifact)
    nodes = []
    for together in kinds.values():
        alone = every or len(together) <= FEW
        for group in [[one] for one in together] if alone else [together]:
            new = [one for one in group if one.path not in seen]
            seen |= {one.path for one in new}
            parents = [parent for one in new for parent in one.used]
            fresh = {one.path for one in new}
            above = tuple(one for one in group if one.path not in fresh)
            nodes.append(Node(tuple(new), above, _grow(parents, today, every, seen, deepest - 1) if parents else ()))
    return tuple(nodes)


def versions(artifacts: Sequence[Artifact]) -> dict[str, list[str]]:
    """Return the packages that had several versions among the artifacts, with these versions."""
    found: dict[str, set[str]] = defaultdict(set)
    for artifact in artifacts:
        for name, version in (artifact.manifest or {}).get("versions", {}).items():
            found[name].add(version)
    return {name: sorted(versions) for name, versions in sorted(found.items()) if len(versions) > 1}
