"""train: train a segment of a run with GRPO, for a group of seeds."""

from collections.abc import Collection
from pathlib import Path

from pydantic import Field

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.local_copies import LocalCopy, Locations, locate
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.artifacts.paths import results_of
from spurious_rewards.config import costs
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Reward, Strategies, Training
from spurious_rewards.models.references import Weights
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages import model_refs, resources
from spurious_rewards.stages.job import Inputs, ModelJob, Outputs, Stage
from spurious_rewards.stages.study import Study

VERSION = 3


class TrainJob(ModelJob):
    """Train a segment of a run for a group of seeds."""

    version: int
    run: Run
    start: int
    stop: int
    bases: dict[int, Weights]
    training: Training
    reward: Reward
    reward_code: LocalCopy | None
    """The code of a reward from a file; None for other rewards."""
    prompt: Prompt
    strategies: Strategies
    threads: int
    reaches: tuple[int, ...] = Field((), exclude_if=lambda reaches: not reaches)
    """If `data_order` is per_seed: prompts that the run takes up to each step where experiments end it, and in all."""


def job(study: Study, run: Run, start: int, stop: int) -> TrainJob:
    """Return the job of a segment."""
    training = study.suite.algorithms[run.variant]
    return TrainJob(
        version=VERSION,
        run=run,
        start=start,
        stop=stop,
        bases=model_refs.untrained(study, run.model, run.seeds),
        training=training,
        reward=study.reward(run.reward),
        reward_code=study.reward_code(run.reward),
        prompt=study.prompt(run.model, run.prompt),
        strategies=study.suite.strategies,
        threads=study.settings.threads,
        portable=study.portable,
        reaches=study.suite.reaches(run) if training.data_order == "per_seed" else (),
    )


def data(study: Study, run: Run) -> Path:
    """Return the labels that a run's reward needs, or the problems with their true answers."""
    reward = study.suite.rewards[run.reward]
    if reward.training_set == "truth":
        return study.paths.problems(reward.problems or study.suite.training_problems)
    return study.base_folder(run.model, run.prompt, run.seeds) / "labels.parquet"


def previous(study: Study, run: Run, start: int) -> list[Path]:
    """Return the checkpoints that a segment begins with, which the segment before it makes; none for the first."""
    return [
        study.paths.segment(run, *segment) / "checkpoints"
        for segment in study.suite.segments(run)
        if segment[1] == start
    ]


def following(study: Study, run: Run, stop: int) -> list[Path]:
    """Return the checkpoints of the segment that begins where another ends, if there is one."""
    return [
        study.paths.segment(run, *segment) / "checkpoints"
        for segment in study.suite.segments(run)
        if segment[0] == stop
    ]


def copies(study: Study, run: Run) -> list[Path]:
    """Return the user's files and folders that a run is trained with."""
    file = study.suite.rewards[run.reward].file
    return [*model_refs.local_copies(study, run.model), *([file] if file else [])]


def minutes(study: Study, run: Run, start: int, stop: int) -> int:
    """Return the time limit of a segment, in minutes."""
    return resources.minutes(costs.train_hours(study.suite, run, start, stop), resources.of_training(study, run))


def metrics(study: Study, experiment: str, models: Collection[str] = (), until: int | None = None) -> list[Path]:
    """Return the training metrics of an experiment's runs, or of those of some models; up to step `until`, or all."""
    folders = study.segment_folders(study.of_models(experiment, models), trained_here=True, until=until)
    return [folder / "metrics.parquet" for folder in folders]


def work(job: TrainJob, inputs: Inputs, outputs: Outputs, hardware: Hardware, locations: Locations) -> None:
    """Train a segment of a run for a group of seeds, and write metrics and rollouts beside the checkpoints."""
    import torch

    from spurious_rewards.answers import majority_vote
    from spurious_rewards.models import prompts, references
    from spurious_rewards.rewards import user_file
    from spurious_rewards.runtime import tracking
    from spurious_rewards.training import launching
    from spurious_rewards.training.segment import Segment, train

    recorder = Recorder("train", job.model_dump(mode="json"), locations)
    processes = launching.join(hardware)
    [data], checkpoints = inputs["data"], outputs["checkpoints"]
    previous = next(iter(inputs.get("previous", [])), None)
    if (previous is None) != (job.start == 0):
        wanted = "no" if job.start == 0 else "an"
        raise UserError(f"a segment from step {job.start} needs {wanted} --input previous=CHECKPOINTS")
    torch.set_num_threads(job.threads)
    code = user_file.planned(locate(job.reward_code, locations), job.reward_code.content) if job.reward_code else None
    which, seeds = job.reward.training_set, list(job.bases)
    if which == "truth":
        sets = majority_vote.truth_set(tables.read(data, tables.Problems), seeds)
    else:
        sets = majority_vote.training_set(tables.read(data, tables.Labels), which, job.reward.right_labels)
    with processes.main_process_first():  # so that models are downloaded and pinned only once
        bases = {seed: str(references.locate(weights, locations)) for seed, weights in job.bases.items()}
    segment = checkpoints.parent
    made = train(
        Segment(job.start, job.stop, job.training, job.reward, job.prompt, job.strategies, job.reaches),
        bases=bases,
        previous=previous,
        training_sets={seed: tables.of_seed(sets, seed) for seed in seeds},
        output=segment,
        tracker=tracking.Tracker(
            tracking.chosen(),
            results_of(segment) / "wandb",
            "/".join(job.run.model_dump().values()),
            job.model_dump(mode="json"),
        ),
        version=job.version,
        hardware=hardware,
        code=code,
    )
    if not made or not processes.is_main_process:
        return
    read = code.hashes if code else {}
    recorder.hashes |= read
    parents = [data, *read, *([previous] if previous else map(Path, bases.values()))]
    given = prompts.hashes(job.prompt, next(iter(bases.values())))
    for artifact in (checkpoints, segment / "metrics.parquet", segment / "rollouts.parquet"):
        recorder.write(artifact, parents, **given)


STAGE = Stage(
    TrainJob,
    work,
    reads=("data",),
    may_read=("previous",),
    writes=("checkpoints",),
    version=VERSION,
    engine=lambda job: str(job.training.engine),
)
