"""memorization: have models before training complete problems from their beginnings."""

from pathlib import Path

from spurious_rewards.artifacts.local_copies import Locations
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.artifacts.paths import bases, group_of
from spurious_rewards.config.experiments import PartialPrompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Sampling
from spurious_rewards.models.references import CheckpointRef
from spurious_rewards.problems.partial_prompts import LONGEST_REST
from spurious_rewards.stages import model_refs, resources
from spurious_rewards.stages.job import Inputs, ModelJob, Outputs, Stage
from spurious_rewards.stages.reading import problem_sets
from spurious_rewards.stages.study import Study

VERSION = 3


class MemorizationJob(ModelJob):
    """Have untrained models complete problems from the first `share` of their words."""

    version: int
    given: tuple[CheckpointRef, ...]
    share: float
    sampling: Sampling
    threads: int


def job(study: Study, model: str) -> MemorizationJob:
    """Return the job of the partial-prompt probe of an untrained model."""
    sampling = study.suite.sampling
    return MemorizationJob(
        version=VERSION,
        given=model_refs.untrained_checkpoints(study, model, _group(study, model)),
        share=_asked(study).share,
        sampling=sampling.model_copy(update={"max_new_tokens": min(sampling.max_new_tokens, LONGEST_REST)}),
        threads=study.settings.threads,
        portable=study.portable,
    )


def problems(study: Study) -> list[Path]:
    """Return the problem sets of the partial-prompt probe."""
    probe = study.suite.partial_prompt
    return [study.paths.problems(name) for name in probe.problems] if probe else []


def made_here(study: Study, model: str) -> list[Path]:
    """Return the artifacts of this workflow that the partial-prompt probe of a model starts from."""
    return model_refs.made_here(study, model, _group(study, model))


def completions(study: Study) -> list[Path]:
    """Return the files with the completions of all probed models."""
    probe = study.suite.partial_prompt
    return [study.paths.memorization(model) for model in probe.models] if probe else []


def minutes() -> int:
    """Return the time limit in minutes. The probe writes a tenth of what answering takes."""
    return resources.minutes(0.5, Hardware())


def _group(study: Study, model: str) -> str:
    return group_of(bases(study.suite.models[model], _asked(study).seeds))


def _asked(study: Study) -> PartialPrompt:
    assert study.suite.partial_prompt is not None
    return study.suite.partial_prompt


def work(job: MemorizationJob, inputs: Inputs, outputs: Outputs, hardware: Hardware, locations: Locations) -> None:
    """Have untrained models complete problems from their beginnings."""
    from spurious_rewards.generation.generate import generate
    from spurious_rewards.generation.tasks import Checkpoint, Task
    from spurious_rewards.models import prompts, references
    from spurious_rewards.problems import partial_prompts

    recorder = Recorder("memorization", job.model_dump(mode="json"), locations)
    problems, output = inputs["problems"], outputs["completions"]
    checkpoints = [Checkpoint(each.seed, each.step, references.locate(each.weights, locations)) for each in job.given]
    tasks = [
        Task(name, frame.assign(problem=[partial_prompts.cut(text, job.share)[0] for text in frame["problem"]]), 1, 0.0)
        for name, frame in problem_sets(problems).items()
    ]
    prompt = partial_prompts.PROMPT
    made = generate(
        checkpoints,
        tasks,
        prompt,
        job.sampling,
        output,
        version=job.version,
        threads=job.threads,
        hardware=hardware,
    )
    if made:
        parents = [*problems, *(each.path for each in checkpoints)]
        recorder.write(output, parents, **prompts.hashes(prompt, checkpoints[0].path))


STAGE = Stage(
    MemorizationJob,
    work,
    reads=("problems",),
    writes=("completions",),
    version=VERSION,
    engine=lambda job: str(job.sampling.engine),
)
