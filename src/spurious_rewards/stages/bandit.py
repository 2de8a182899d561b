"""bandit: run the two-action bandit under random rewards."""

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.config.experiments import Bandit
from spurious_rewards.stages.job import Inputs, JobSpec, Outputs, Stage
from spurious_rewards.stages.study import Study


class BanditJob(JobSpec):
    """The two-action bandit."""

    bandit: Bandit


def job(study: Study) -> BanditJob:
    """Return the job of the bandit."""
    assert study.suite.clipping is not None
    return BanditJob(bandit=study.suite.clipping.bandit)


def work(job: BanditJob, inputs: Inputs, outputs: Outputs) -> None:
    """Run the two-action bandit."""
    from spurious_rewards.analysis import bandit

    recorder = Recorder("bandit", job.model_dump(mode="json"))
    tables.write(bandit.bandits(job.bandit), tables.Bandit, outputs["bandit"])
    recorder.write(outputs["bandit"])


STAGE = Stage(BanditJob, work, writes=("bandit",))
