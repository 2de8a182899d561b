"""probe: measure how one rollout batch of random rewards changes the share of code, with the clip and without it."""

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.training import Reward, Strategies, Training
from spurious_rewards.models.references import Weights
from spurious_rewards.stages import model_refs
from spurious_rewards.stages.job import Inputs, ModelJob, Outputs, Stage
from spurious_rewards.stages.study import Study

VERSION = 1

UNPROBED = {"segment_steps": 1, "eval_every": 1, "rollouts_every": None}
"""Keys of `Training` about more than one rollout batch, set to values that no suite changes."""


class ProbeJob(ModelJob):
    """The antithetic probe of an organism."""

    version: int
    bases: dict[int, Weights]
    prompt: Prompt
    reward: Reward
    variants: dict[str, Training]
    pairs: int
    strategies: Strategies
    threads: int


def job(study: Study, model: str) -> ProbeJob:
    """Return the job of the antithetic probe of a model."""
    clipping = study.suite.clipping
    assert clipping is not None
    return ProbeJob(
        version=VERSION,
        bases=model_refs.untrained(study, model, clipping.seeds),
        prompt=study.prompt(model, clipping.prompt),
        reward=study.reward(clipping.reward),
        variants={name: study.suite.algorithms[name].model_copy(update=UNPROBED) for name in clipping.variants},
        pairs=clipping.pairs,
        strategies=study.suite.strategies,
        threads=study.settings.threads,
        portable=study.portable,
    )


def work(job: ProbeJob, inputs: Inputs, outputs: Outputs) -> None:
    """Probe what the clip does to random rewards, from each of the models."""
    import torch

    from spurious_rewards.models import prompts, references
    from spurious_rewards.training import probe

    recorder = Recorder("probe", job.model_dump(mode="json"))
    [problems] = inputs["problems"]
    bases = {seed: references.locate(weights, {}) for seed, weights in job.bases.items()}
    torch.set_num_threads(job.threads)
    measured = probe.probe(
        bases,
        prompt=job.prompt,
        reward=job.reward,
        variants=job.variants,
        pairs=job.pairs,
        problems=tables.read(problems, tables.Problems),
        strategies=job.strategies,
    )
    tables.write(measured, tables.Probe, outputs["probe"])
    hashes = prompts.hashes(job.prompt, next(iter(bases.values())))
    recorder.write(outputs["probe"], [problems, *bases.values()], **hashes)


STAGE = Stage(ProbeJob, work, reads=("problems",), writes=("probe",), version=VERSION)
