"""pretrain: make an organism, the model before training."""

from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.config.models import Family, Organism
from spurious_rewards.runtime.progress import Progress
from spurious_rewards.stages.job import Inputs, ModelJob, Outputs, Stage
from spurious_rewards.stages.study import Study

VERSION = 1


class PretrainJob(ModelJob):
    """Pretrain one organism."""

    version: int
    organism: Organism
    family: Family
    seed: int
    threads: int


def job(study: Study, name: str, seed: int) -> PretrainJob:
    """Return the job of an organism."""
    family, organism = study.suite.models[name].family, study.suite.organism
    assert family is not None
    assert organism is not None
    return PretrainJob(
        version=VERSION,
        organism=organism,
        family=family,
        seed=seed,
        threads=study.settings.threads,
        portable=study.portable,
    )


def work(job: PretrainJob, inputs: Inputs, outputs: Outputs) -> None:
    """Pretrain the organism."""
    from spurious_rewards.models import pretraining
    from spurious_rewards.runtime.locks import exclusive

    recorder = Recorder("pretrain", job.model_dump(mode="json"))
    shown = Progress("updates", job.organism.steps)
    with exclusive(outputs["model"], job.model_dump_json()) as made:
        if made:
            return
        pretraining.pretrain(
            job.organism,
            job.family,
            job.seed,
            outputs["model"],
            job.threads,
            progress=lambda step, loss: shown.advance(step - shown.done, f"loss {loss:.3f}"),
        )
    recorder.write(outputs["model"])


STAGE = Stage(PretrainJob, work, writes=("model",), version=VERSION)
