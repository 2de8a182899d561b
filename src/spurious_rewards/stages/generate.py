"""generate: have models answer the benchmarks, before training and at the checkpoints of a segment."""

from pathlib import Path
from typing import Any

from spurious_rewards.artifacts import local_copies
from spurious_rewards.artifacts.local_copies import LocalCopy, Locations
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.artifacts.paths import checkpoint, group_of
from spurious_rewards.config import costs
from spurious_rewards.config.experiments import Run, seeds_of
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.problems import Benchmark
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Sampling
from spurious_rewards.models.references import CheckpointRef
from spurious_rewards.stages import model_refs, resources
from spurious_rewards.stages.job import Inputs, ModelJob, Outputs, Stage
from spurious_rewards.stages.reading import problem_sets
from spurious_rewards.stages.study import Study

VERSION = 2


class GenerateJob(ModelJob):
    """Answer the benchmarks with the models `given`, or with the checkpoints of a segment (`seeds`, `steps`).

    Or take the answers from the file `imported`, which must have those of the `steps`.
    """

    version: int
    given: tuple[CheckpointRef, ...]
    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    imported: LocalCopy | None
    benchmarks: dict[str, Benchmark]
    prompt: Prompt
    sampling: Sampling
    threads: int


def job_of_base(study: Study, model: str, bases: str, prompt: str) -> GenerateJob:
    """Return the job of the untrained models' answers."""
    given = model_refs.untrained_checkpoints(study, model, group_of(bases))
    return _job(study, study.paths.base(model, bases, prompt), model, prompt, given=given)


def job_of_run(study: Study, run: Run, start: int, stop: int) -> GenerateJob:
    """Return the job of the answers of a segment's checkpoints, or of what was imported in their place."""
    folder = study.paths.segment(run, start, stop)
    if (imported := study.suite.imported(run)) is None:
        steps = tuple(study.suite.eval_steps(run, start, stop))
        return _job(study, folder, run.model, run.prompt, seeds=seeds_of(run.seeds), steps=steps)
    given = tuple(
        CheckpointRef(seed=imported.seed, step=step, weights=model_refs.elsewhere(study, where))
        for step, where in imported.checkpoints.items()
    )
    return _job(
        study,
        folder,
        run.model,
        run.prompt,
        given=given,
        seeds=(imported.seed,),
        steps=tuple(sorted(study.suite.asked_steps(run))),
        imported=study.contents.of(imported.responses) if imported.responses else None,
    )


def _job(
    study: Study,
    folder: Path,
    model: str,
    prompt: str,
    *,
    given: tuple[CheckpointRef, ...] = (),
    seeds: tuple[int, ...] = (),
    steps: tuple[int, ...] = (),
    imported: LocalCopy | None = None,
) -> GenerateJob:
    return GenerateJob(
        version=VERSION,
        given=given,
        seeds=seeds,
        steps=steps,
        imported=imported,
        benchmarks=study.benchmarks_in(folder),
        prompt=study.prompt(model, prompt),
        sampling=study.suite.sampling,
        threads=study.settings.threads,
        portable=study.portable,
    )


def inputs_of_run(study: Study, run: Run, start: int, stop: int) -> dict[str, Path]:
    """Return what the workflow makes for a segment's answers, besides problems: its checkpoints, if not imported."""
    return {} if study.suite.imported(run) else {"checkpoints": study.paths.segment(run, start, stop) / "checkpoints"}


def copies_of_run(study: Study, run: Run) -> list[Path]:
    """Return the user's files and folders that a run's answers come from: those of its import, if there is one."""
    if (imported := study.suite.imported(run)) is None:
        return []
    if imported.responses:
        return [imported.responses]
    return [path for where in imported.checkpoints.values() for path in model_refs.local_copies_elsewhere(study, where)]


def checkpoints_of_run(study: Study, run: Run, start: int, stop: int) -> int:
    """Return how many checkpoints of a segment answer; 0 if the responses were imported."""
    if imported := study.suite.imported(run):
        return len(imported.checkpoints)
    return len(study.suite.eval_steps(run, start, stop)) * len(seeds_of(run.seeds))


def minutes_of_base(study: Study, model: str, bases: str, prompt: str) -> int:
    """Return the time limit of the answers of untrained models, in minutes."""
    checkpoints = len(model_refs.untrained_seeds(group_of(bases)))
    return _minutes(study, study.paths.base(model, bases, prompt), model, checkpoints)


def minutes_of_run(study: Study, run: Run, start: int, stop: int) -> int:
    """Return the time limit of the answers of a segment's checkpoints, in minutes."""
    folder = study.paths.segment(run, start, stop)
    return _minutes(study, folder, run.model, checkpoints_of_run(study, run, start, stop))


def _minutes(study: Study, folder: Path, model: str, checkpoints: int) -> int:
    hours = costs.generate_hours(study.suite, model, checkpoints, study.benchmarks_in(folder))
    return resources.minutes(hours, resources.of_sampling(study, model))


def work(job: GenerateJob, inputs: Inputs, outputs: Outputs, hardware: Hardware, locations: Locations) -> None:
    """Answer the benchmarks with each checkpoint, or take the imported answers."""
    from spurious_rewards.generation import imported
    from spurious_rewards.generation.generate import generate
    from spurious_rewards.generation.tasks import Checkpoint, tasks_of
    from spurious_rewards.models import prompts, references

    recorder = Recorder("generate", job.model_dump(mode="json"), locations)
    problems, output = inputs["problems"], outputs["responses"]
    tasks = tasks_of(job.benchmarks, problem_sets(problems))
    elsewhere = job.imported is not None or any(each.step for each in job.given)
    said: dict[str, Any] = {"imported": True} if elsewhere else {}
    if job.imported:
        file = local_copies.locate(job.imported, locations)
        imported.take(file, job.seeds[0], job.steps, tasks, output)
        recorder.write(output, [*problems, file], prompt=job.prompt.hash, **said)
        return
    if job.given:
        checkpoints = [
            Checkpoint(each.seed, each.step, references.locate(each.weights, locations)) for each in job.given
        ]
        parents = [each.path for each in checkpoints]
    else:
        segment = output.parent
        checkpoints = [
            Checkpoint(seed, step, checkpoint(segment, seed, step)) for seed in job.seeds for step in job.steps
        ]
        parents = [segment / "checkpoints"]
    made = generate(
        checkpoints,
        tasks,
        job.prompt,
        job.sampling,
        output,
        version=job.version,
        threads=job.threads,
        hardware=hardware,
    )
    if made:
        recorder.write(output, [*problems, *parents], **prompts.hashes(job.prompt, checkpoints[0].path), **said)


STAGE = Stage(
    GenerateJob,
    work,
    reads=("problems",),
    writes=("responses",),
    version=VERSION,
    engine=lambda job: str(job.sampling.engine),
)
