"""A model to load, by folder or hub id, and where that is on this machine."""

from pathlib import Path

from spurious_rewards.artifacts.hub import download_model, resolve
from spurious_rewards.config.base import Frozen


class ModelRef(Frozen):
    """A model to load: a folder, or a hub id whose revision the lock file pins."""

    folder: Path | None = None
    hub: str | None = None
    revision: str | None = None
    lock: Path | None = None


class CheckpointRef(Frozen):
    """A model that answers and that no training of ours made: its seed, its rollout step, and what to load."""

    seed: int
    step: int
    weights: ModelRef


def locate(weights: ModelRef) -> Path:
    """The folder of a model to load, fetched from the hub at the revision that the lock file pins if it has none yet.

    Raises:
        UserError: see `hub.download_model`.
    """
    if weights.folder is not None:
        return weights.folder
    assert weights.hub is not None
    assert weights.lock is not None
    return download_model(weights.hub, resolve("model", weights.hub, weights.revision, weights.lock))
