"""References to models, and where the models are on this machine."""

from pathlib import Path

from spurious_rewards.artifacts import local_copies
from spurious_rewards.artifacts.hub import download_model, resolve
from spurious_rewards.artifacts.local_copies import LocalCopy, Locations
from spurious_rewards.config.base import Frozen


class ModelRef(Frozen):
    """A model to load: a folder that the workflow itself makes, or a hub id whose revision the lock file pins."""

    folder: Path | None = None
    hub: str | None = None
    revision: str | None = None
    lock: Path | None = None


Weights = ModelRef | LocalCopy
"""What can be loaded: a reference to a model, or a model folder of the user's."""


class CheckpointRef(Frozen):
    """A model that answers without any training of this project: its seed, its rollout step, and what to load."""

    seed: int
    step: int
    weights: Weights


def locate(weights: Weights, locations: Locations) -> Path:
    """Return the folder of a model to load. A hub model is downloaded first, at the revision that the lock file pins.

    Raises:
        UserError: see `hub.download_model` and `local_copies.locate`.
    """
    if isinstance(weights, LocalCopy):
        return local_copies.locate(weights, locations)
    if weights.folder is not None:
        return weights.folder
    assert weights.hub is not None
    assert weights.lock is not None
    return download_model(weights.hub, resolve("model", weights.hub, weights.revision, weights.lock))
