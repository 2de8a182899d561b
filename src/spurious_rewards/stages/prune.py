"""prune: delete weights and trainer states of a segment that are no longer needed after evaluation."""

import json
from collections.abc import Collection
from pathlib import Path

from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.config.experiments import Run, seeds_of
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.problems import Benchmark
from spurious_rewards.config.retention import kept_states, kept_steps
from spurious_rewards.config.training import Sampling
from spurious_rewards.runtime.files import replacing
from spurious_rewards.stages.job import Inputs, JobSpec, Outputs, Stage
from spurious_rewards.stages.reading import problem_sets
from spurious_rewards.stages.study import Study


class PruneJob(JobSpec):
    """Delete weights and trainer states of a segment, except weights of the steps `keep` and states of `states`."""

    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    keep: tuple[int, ...]
    states: tuple[int, ...]
    benchmarks: dict[str, Benchmark]
    prompt: Prompt
    sampling: Sampling


def job(study: Study, run: Run, start: int, stop: int) -> PruneJob:
    """Return the job of a segment."""
    steps = study.suite.eval_steps(run, start, stop)
    kept, states = kept_steps(study.suite, run), kept_states(study.suite, run)
    return PruneJob(
        seeds=seeds_of(run.seeds),
        steps=tuple(steps),
        keep=tuple(step for step in steps if step in kept),
        states=tuple(step for step in steps if step in states),
        benchmarks=study.benchmarks_in(study.paths.segment(run, start, stop)),
        prompt=study.prompt(run.model, run.prompt),
        sampling=study.suite.sampling,
    )


def pruned(study: Study, experiment: str | None = None, models: Collection[str] = ()) -> list[Path]:
    """Return the files that record which segments are pruned; none if all weights are kept.

    With `experiment`, a segment counts if the experiment also trains the next one, or if it is the last of its run: a
    segment is pruned when the next one is made.
    """
    suite = study.suite
    if suite.keep_weights == "all":
        return []
    asked = suite.runs if experiment is None else suite.runs_of(study.of_models(experiment, models))
    return [
        study.paths.segment(run, start, stop) / "pruned.json"
        for run, steps in asked.items()
        for start, stop in suite.segments(run)
        if (stop < steps or (start < steps and stop == suite.runs[run])) and not suite.imported(run)
    ]


def work(job: PruneJob, inputs: Inputs, outputs: Outputs) -> None:
    """Delete the files, and write what each checkpoint is now."""
    from spurious_rewards.generation import pruning
    from spurious_rewards.generation.tasks import tasks_of

    recorder = Recorder("prune", job.model_dump(mode="json"))
    [checkpoints], [responses], problems = inputs["checkpoints"], inputs["responses"], inputs["problems"]
    fates = pruning.prune(
        checkpoints,
        responses,
        keep=job.keep,
        states=job.states,
        seeds=job.seeds,
        steps=job.steps,
        tasks=tasks_of(job.benchmarks, problem_sets(problems)),
        prompt=job.prompt,
        sampling=job.sampling,
    )
    with replacing(outputs["pruned"]) as temporary:
        temporary.write_text(json.dumps(fates, indent=1) + "\n", encoding="utf-8")
    recorder.write(outputs["pruned"], [checkpoints, responses, *problems])


STAGE = Stage(PruneJob, work, reads=("checkpoints", "responses", "problems"), writes=("pruned",))
