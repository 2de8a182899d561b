"""Which model a job loads: an organism of the workflow's own, the end of another run, a local folder, or the hub's."""

from pathlib import Path

from spurious_rewards.artifacts.paths import BASE, checkpoint
from spurious_rewards.artifacts.tables import SHARED_BASE
from spurious_rewards.config.experiments import seeds_of
from spurious_rewards.config.models import Model, Start
from spurious_rewards.models.references import CheckpointRef, ModelRef
from spurious_rewards.stages.study import Study


def untrained(study: Study, name: str, group: str) -> dict[int, ModelRef]:
    """What to load as the untrained model of each seed of a group; "base" is the one that all seeds share."""
    model = study.suite.models[name]
    seeds = (SHARED_BASE,) if group == BASE else seeds_of(group)
    return {seed: _untrained(study, name, model, group, seed) for seed in seeds}


def untrained_checkpoints(study: Study, name: str, group: str) -> tuple[CheckpointRef, ...]:
    """The same as checkpoints that answer, at step 0."""
    found = untrained(study, name, group)
    return tuple(CheckpointRef(seed=seed, step=0, weights=weights) for seed, weights in found.items())


def made_here(study: Study, name: str, group: str) -> list[Path]:
    """Artifacts that the untrained models of a seed group are: checkpoints that the workflow itself makes."""
    model = study.suite.models[name]
    if model.start:
        return [_end(study, model.start, group) / "checkpoints"]
    return [study.paths.pretrained(name, seed) for seed in seeds_of(group)] if model.source == "organism" else []


def elsewhere(study: Study, where: str) -> ModelRef:
    """A checkpoint of an imported run: a folder, or a hub id."""
    return ModelRef(folder=Path(where)) if Path(where).is_dir() else _from_hub(study, where, None)


def _untrained(study: Study, name: str, model: Model, group: str, seed: int) -> ModelRef:
    if model.source == "organism":
        return ModelRef(folder=study.paths.pretrained(name, seed))
    if model.start:
        return ModelRef(folder=checkpoint(_end(study, model.start, group), seed, model.start.step))
    assert model.id is not None
    if model.source == "local":
        return ModelRef(folder=Path(model.id))
    return _from_hub(study, model.id, model.revision)


def _from_hub(study: Study, id_: str, revision: str | None) -> ModelRef:
    if id_ in study.settings.sources:
        return ModelRef(folder=study.settings.sources[id_])
    return ModelRef(hub=id_, revision=revision, lock=study.lock)


def _end(study: Study, start: Start, group: str) -> Path:
    """The segment of a run that holds the checkpoint another model starts from."""
    run = study.suite.run_before(start, group)
    return next(
        study.paths.segment(run, first, last) for first, last in study.suite.segments(run) if first < start.step <= last
    )
