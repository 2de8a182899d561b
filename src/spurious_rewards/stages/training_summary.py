"""training_summary: summarise the votes and the training of an experiment."""

from pathlib import Path

from spurious_rewards.artifacts import csv_files, tables
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.config.endpoints import untrained_lengths
from spurious_rewards.config.suite import Suite
from spurious_rewards.stages import label, train
from spurious_rewards.stages.job import Inputs, JobSpec, Outputs, Stage
from spurious_rewards.stages.study import Study


class TrainingSummaryJob(JobSpec):
    """A summary of the votes and the training of an experiment. `suite` has no other experiment.

    `lengths` are the lengths of the runs that are compared with the experiment's runs in which nothing is learned. It
    is empty if the experiment has no such runs.
    """

    suite: Suite
    experiment: str
    lengths: tuple[int, ...] = ()


def job(study: Study, experiment: str) -> TrainingSummaryJob:
    """Return the job of an experiment."""
    lengths = untrained_lengths(study.suite, study.suite.experiments[experiment])
    return TrainingSummaryJob(suite=study.alone(experiment), experiment=experiment, lengths=lengths)


def inputs(study: Study, experiment: str) -> dict[str, list[Path]]:
    """Return what the summary is made of."""
    return {
        "labels": label.labels(study, experiment),
        "votes": label.grades(study, experiment),
        "metrics": train.metrics(study, experiment),
    }


def work(job: TrainingSummaryJob, inputs: Inputs, outputs: Outputs) -> None:
    """Write labels.csv, health.csv and training.csv into the folder."""
    from spurious_rewards.analysis.conditions import collect, sources
    from spurious_rewards.analysis.labels import labels_summary
    from spurious_rewards.analysis.scores import of_experiment
    from spurious_rewards.analysis.training import last_fifth, training_health

    recorder = Recorder("training_summary", job.model_dump(mode="json"))
    labels, votes, metrics = (inputs.get(name, []) for name in ("labels", "votes", "metrics"))
    of_votes = collect(sources(labels), tables.Labels), collect(sources(votes))
    of_training = of_experiment(
        collect(sources(metrics), tables.Metrics), job.suite, job.suite.experiments[job.experiment]
    )
    folder = outputs["folder"]
    csv_files.write(labels_summary(*of_votes), folder / "labels.csv")
    csv_files.write(training_health(of_training), folder / "health.csv")
    csv_files.write(last_fifth(of_training, job.lengths), folder / "training.csv")
    recorder.write(folder / "labels.csv", [*labels, *votes])
    for name in ("health.csv", "training.csv"):
        recorder.write(folder / name, metrics)


STAGE = Stage(TrainingSummaryJob, work, may_read=("labels", "votes", "metrics"), writes=("folder",))
