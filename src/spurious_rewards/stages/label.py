"""label: grade the votes and count them, which gives majority labels."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.artifacts.paths import group_of
from spurious_rewards.config import costs
from spurious_rewards.config.training import Strategies
from spurious_rewards.stages import model_refs, resources
from spurious_rewards.stages.job import Inputs, JobSpec, Outputs, Stage
from spurious_rewards.stages.reading import true_answers
from spurious_rewards.stages.study import Study

VERSION = 2


class LabelJob(JobSpec):
    """Grade and count the votes."""

    version: int
    answer_in: Literal["box", "tag"]
    strategies: Strategies
    equivalence: Literal["math", "strings"]


def job(study: Study, model: str, prompt: str) -> LabelJob:
    """Return the job of grading and counting votes."""
    return LabelJob(
        version=VERSION,
        answer_in=study.suite.prompt(model, prompt).answer_in,
        strategies=study.suite.strategies,
        equivalence=study.suite.vote.equivalence,
    )


def cores(study: Study, model: str) -> int:
    """Return the processor cores of a job. Grading so many votes takes hours on one core."""
    return resources.cores(study, model) if study.suite.resources else 1


def minutes(study: Study, model: str, bases: str) -> int:
    """Return the time limit in minutes: half an hour, and twice the estimate for grading."""
    return 30 + math.ceil(2 * 60 * _votes(study, bases) * costs.GRADING_SECONDS / 3600 / cores(study, model))


def megabytes(study: Study, model: str, bases: str) -> int:
    """Return the main memory in MB that the processes and the grades to count take."""
    return 1000 + 1000 * cores(study, model) + math.ceil(_votes(study, bases) * costs.GRADE_BYTES / 1e6)


def _votes(study: Study, bases: str) -> int:
    return len(model_refs.untrained_seeds(group_of(bases))) * costs.votes(study.suite)


def labels(study: Study, experiment: str) -> list[Path]:
    """Return the labels of each model that an experiment trains on votes."""
    return [folder / "labels.parquet" for folder in _voters(study, experiment)]


def grades(study: Study, experiment: str) -> list[Path]:
    """Return the grades of the votes of each model that an experiment trains on votes."""
    return [folder / "vote_grades.parquet" for folder in _voters(study, experiment)]


def _voters(study: Study, experiment: str) -> Iterable[Path]:
    suite = study.suite
    on_votes = (
        run
        for run in suite.runs_of(suite.experiments[experiment])
        if suite.rewards[run.reward].training_set != "truth" and not suite.imported(run)
    )
    return dict.fromkeys(study.base_folder(run.model, run.prompt, run.seeds) for run in on_votes)


def work(job: LabelJob, inputs: Inputs, outputs: Outputs, cores: int) -> None:
    """Grade the votes and count them. The grades are kept, for pass@k."""
    from spurious_rewards.answers import grading_in_parts, majority_vote
    from spurious_rewards.answers.verifier import Verifier

    recorder = Recorder("label", job.model_dump(mode="json"))
    [votes], [problems] = inputs["votes"], inputs["problems"]
    pool = tables.read(problems, tables.Problems)
    asked = grading_in_parts.Asked(true_answers({"vote": problems.stem}, [problems]), job.answer_in, job.strategies)
    grading_in_parts.grade_table(votes, outputs["grades"], asked, cores)
    with Verifier(cores) as verifier:
        grades = tables.read(outputs["grades"], tables.Grades)
        labels = majority_vote.label(grades, pool, job.equivalence, verifier)
    tables.write(labels, tables.Labels, outputs["labels"])
    for artifact in (outputs["grades"], outputs["labels"]):
        recorder.write(artifact, [votes, problems])


STAGE = Stage(LabelJob, work, reads=("votes", "problems"), writes=("grades", "labels"), version=VERSION)
