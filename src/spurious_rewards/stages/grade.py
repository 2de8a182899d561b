"""grade: read the answer out of each response and say whether it is right."""

import sys
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.config.training import Strategies
from spurious_rewards.stages.job import Inputs, JobSpec, Outputs, Stage
from spurious_rewards.stages.reading import true_answers
from spurious_rewards.stages.study import Study


class GradeJob(JobSpec):
    """Grade responses. `benchmarks` maps each benchmark to its problem set."""

    benchmarks: dict[str, str]
    answer_in: Literal["box", "tag"]
    strategies: Strategies


def job(study: Study, folder: Path, model: str, prompt: str) -> GradeJob:
    """Return the job of grading the benchmark answers in a folder."""
    return GradeJob(
        benchmarks={name: benchmark.problems for name, benchmark in study.benchmarks_in(folder).items()},
        answer_in=study.suite.prompt(model, prompt).answer_in,
        strategies=study.suite.strategies,
    )


def grades(study: Study, experiment: str, models: Collection[str] = ()) -> list[Path]:
    """Return the grades of all runs of an experiment, or of some models; those of untrained models come first."""
    chosen = study.of_models(experiment, models)
    return [folder / "grades.parquet" for folder in [*study.base_folders(chosen), *study.segment_folders(chosen)]]


def every_grade(study: Study) -> list[Path]:
    """Return the grades of all experiments, each once."""
    return list(dict.fromkeys(path for name in study.suite.experiments for path in grades(study, name)))


def work(job: GradeJob, inputs: Inputs, outputs: Outputs, cores: int) -> None:
    """Read the answers in responses, and judge them."""
    from spurious_rewards.answers import grading_in_parts

    recorder = Recorder("grade", job.model_dump(mode="json"))
    [responses], problems = inputs["responses"], inputs["problems"]
    asked = grading_in_parts.Asked(true_answers(job.benchmarks, problems), job.answer_in, job.strategies)
    grading_in_parts.grade_table(responses, outputs["grades"], asked, cores)
    statuses = tables.read(outputs["grades"], tables.Grades)["status"].value_counts()
    failed = statuses.drop("graded", errors="ignore").to_dict()
    recorder.write(outputs["grades"], [responses, *problems], not_graded=failed)
    if failed:
        print(f"not graded, counted as wrong: {failed}", file=sys.stderr)


STAGE = Stage(GradeJob, work, reads=("responses", "problems"), writes=("grades",))
