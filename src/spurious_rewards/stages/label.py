"""label: grade the votes and count them, which gives majority labels."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.config.training import Strategies
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
    """Job of grading and counting votes."""
    return LabelJob(
        version=VERSION,
        answer_in=study.suite.prompt(model, prompt).answer_in,
        strategies=study.suite.strategies,
        equivalence=study.suite.vote.equivalence,
    )


def labels(study: Study, experiment: str) -> list[Path]:
    """Labels of each model that an experiment trains on votes."""
    return [folder / "labels.parquet" for folder in _voters(study, experiment)]


def grades(study: Study, experiment: str) -> list[Path]:
    """Grades of the votes of each model that an experiment trains on votes."""
    return [folder / "vote_grades.parquet" for folder in _voters(study, experiment)]


def _voters(study: Study, experiment: str) -> Iterable[Path]:
    suite = study.suite
    on_votes = (
        run
        for run in suite.runs_of(suite.experiments[experiment])
        if suite.rewards[run.reward].training_set != "truth" and not suite.imported(run)
    )
    return dict.fromkeys(study.base_folder(run.model, run.prompt, run.seeds) for run in on_votes)


def work(job: LabelJob, inputs: Inputs, outputs: Outputs) -> None:
    """Grade the votes (kept, for pass@k) and count them."""
    from spurious_rewards.answers import grading, majority_vote
    from spurious_rewards.answers.verifier import Verifier

    recorder = Recorder("label", job.model_dump(mode="json"))
    [votes], [problems] = inputs["votes"], inputs["problems"]
    pool = tables.read(problems, tables.Problems)
    truths = true_answers({"vote": problems.stem}, [problems])
    with Verifier() as verifier:
        grades = grading.grade(tables.read(votes, tables.Responses), truths, job.answer_in, job.strategies, verifier)
        labels = majority_vote.label(grades, pool, job.equivalence, verifier)
    tables.write(grades, tables.Grades, outputs["grades"])
    tables.write(labels, tables.Labels, outputs["labels"])
    for artifact in (outputs["grades"], outputs["labels"]):
        recorder.write(artifact, [votes, problems])


STAGE = Stage(LabelJob, work, reads=("votes", "problems"), writes=("grades", "labels"), version=VERSION)
