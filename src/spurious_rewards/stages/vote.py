"""vote: sample the untrained model on the training problems."""

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.local_copies import Locations
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.artifacts.paths import group_of
from spurious_rewards.config import costs
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Sampling, Vote
from spurious_rewards.models.references import Weights
from spurious_rewards.stages import model_refs, resources
from spurious_rewards.stages.job import Inputs, ModelJob, Outputs, Stage
from spurious_rewards.stages.study import Study

VERSION = 2


class VoteJob(ModelJob):
    """Sample the untrained models on the training problems. `bases` has one model for each seed."""

    version: int
    bases: dict[int, Weights]
    prompt: Prompt
    vote: Vote
    pool_size: int
    max_prompt_tokens: int
    sampling: Sampling
    threads: int


def job(study: Study, model: str, bases: str, prompt: str) -> VoteJob:
    """Return the job of a model's votes."""
    return VoteJob(
        version=VERSION,
        bases=model_refs.untrained(study, model, group_of(bases)),
        prompt=study.prompt(model, prompt),
        vote=study.suite.vote.model_copy(update={"equivalence": "math"}),  # it matters only for counting
        pool_size=study.suite.pool_size,
        max_prompt_tokens=study.suite.training.max_prompt_tokens,
        sampling=study.suite.sampling,
        threads=study.settings.threads,
        portable=study.portable,
    )


def minutes(study: Study, model: str, bases: str) -> int:
    """Return the time limit of the votes of untrained models, in minutes."""
    voters = len(model_refs.untrained_seeds(group_of(bases)))
    return resources.minutes(voters * costs.vote_hours(study.suite, model), resources.of_sampling(study, model))


def work(job: VoteJob, inputs: Inputs, outputs: Outputs, hardware: Hardware, locations: Locations) -> None:
    """Sample the untrained models on the training problems that runs will reach."""
    from spurious_rewards.generation.generate import generate
    from spurious_rewards.generation.tasks import Checkpoint, Task
    from spurious_rewards.models import loading, prompts, references

    recorder = Recorder("vote", job.model_dump(mode="json"), locations)
    [problems], output = inputs["problems"], outputs["votes"]
    folders = {seed: references.locate(weights, locations) for seed, weights in job.bases.items()}
    any_folder = next(iter(folders.values()))
    usable, left_out = prompts.fitting(
        tables.read(problems, tables.Problems), job.prompt, loading.load_tokenizer(any_folder), job.max_prompt_tokens
    )
    pool = usable.head(job.pool_size)
    made = generate(
        [Checkpoint(seed, 0, folder) for seed, folder in folders.items()],
        [Task("vote", pool, job.vote.samples, job.vote.temperature)],
        job.prompt,
        job.sampling,
        output,
        version=job.version,
        threads=job.threads,
        hardware=hardware,
    )
    if made:
        recorder.write(
            output,
            [problems, *folders.values()],
            **prompts.hashes(job.prompt, any_folder),
            problems=len(pool),
            too_long=left_out,
        )


STAGE = Stage(
    VoteJob,
    work,
    reads=("problems",),
    writes=("votes",),
    version=VERSION,
    engine=lambda job: str(job.sampling.engine),
)
