"""Which model a job loads: an organism of this workflow, the end of another run, a user's folder, or a hub model."""

from pathlib import Path

from spurious_rewards.artifacts.digests import last_known
from spurious_rewards.artifacts.hub import cached_model, is_id, pinned
from spurious_rewards.artifacts.paths import BASE, checkpoint
from spurious_rewards.artifacts.tables import SHARED_BASE
from spurious_rewards.config.experiments import seeds_of
from spurious_rewards.config.models import Model, Start
from spurious_rewards.models.references import CheckpointRef, ModelRef, Weights
from spurious_rewards.stages.study import Study


def untrained(study: Study, name: str, group: str) -> dict[int, Weights]:
    """Return the weights of the untrained model of each seed of a group. Group "base" is one model for all seeds."""
    model = study.suite.models[name]
    return {seed: _untrained(study, name, model, group, seed) for seed in untrained_seeds(group)}


def untrained_seeds(group: str) -> list[int]:
    """Return the seeds of the untrained models of a group."""
    return [SHARED_BASE] if group == BASE else list(seeds_of(group))


def untrained_checkpoints(study: Study, name: str, group: str) -> tuple[CheckpointRef, ...]:
    """Return the untrained models as checkpoints that answer, at step 0."""
    found = untrained(study, name, group)
    return tuple(CheckpointRef(seed=seed, step=0, weights=weights) for seed, weights in found.items())


def made_here(study: Study, name: str, group: str) -> list[Path]:
    """Return the artifacts of this workflow that are the untrained models of a seed group, if it makes them."""
    model = study.suite.models[name]
    if model.start:
        return [_end(study, model.start, group) / "checkpoints"]
    return [study.paths.pretrained(name, seed) for seed in seeds_of(group)] if model.source == "organism" else []


def local_copies(study: Study, name: str) -> list[Path]:
    """Return the user's folder that an untrained model is read from, if it is read from one."""
    model = study.suite.models[name]
    if model.id is None:
        return []
    return [Path(model.id)] if model.source == "local" else _instead_of_hub(study, model.id)


def folder_here(study: Study, name: str) -> Path | None:
    """Return where a model from elsewhere is on this machine: a user's folder or the hub client's cache; else None."""
    model = study.suite.models[name]
    if copies := local_copies(study, name):
        return copies[0]
    if model.source != "hub" or model.id is None:
        return None
    config = cached_model(model.id, pinned("model", model.id, model.revision, study.lock))
    return config.parent if config else None


def elsewhere(study: Study, where: str) -> Weights:
    """Return the weights of an imported run's checkpoint, which is a folder or a hub id."""
    copies = local_copies_elsewhere(study, where)
    return study.contents.of(copies[0]) if copies else _from_hub(study, where, None)


def is_local(checkpoint: str) -> bool:
    """Whether an imported checkpoint is a folder, also one that is gone, or a path that cannot be a hub id."""
    folder = Path(checkpoint)
    return folder.is_dir() or last_known(folder) is not None or not is_id(checkpoint)


def local_copies_elsewhere(study: Study, where: str) -> list[Path]:
    """Return the user's folder that an imported checkpoint is read from, if any.

    A folder that is gone counts, too.
    """
    return [Path(where)] if is_local(where) else _instead_of_hub(study, where)


def _untrained(study: Study, name: str, model: Model, group: str, seed: int) -> Weights:
    if model.source == "organism":
        return ModelRef(folder=study.paths.pretrained(name, seed))
    if model.start:
        return ModelRef(folder=checkpoint(_end(study, model.start, group), seed, model.start.step))
    assert model.id is not None
    copies = local_copies(study, name)
    return study.contents.of(copies[0]) if copies else _from_hub(study, model.id, model.revision)


def _from_hub(study: Study, id_: str, revision: str | None) -> ModelRef:
    return ModelRef(hub=id_, revision=revision, lock=study.lock)


def _instead_of_hub(study: Study, id_: str) -> list[Path]:
    return [study.settings.sources[id_]] if id_ in study.settings.sources else []


def _end(study: Study, start: Start, group: str) -> Path:
    """Return the segment of a run with the checkpoint that another model starts from."""
    run = study.suite.run_before(start, group)
    return next(
        study.paths.segment(run, first, last) for first, last in study.suite.segments(run) if first < start.step <= last
    )
