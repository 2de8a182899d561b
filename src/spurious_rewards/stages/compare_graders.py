"""compare_graders: compare three graders on the headline's answers, and say how far each would move the headline."""

from pathlib import Path

from spurious_rewards.artifacts import csv_files
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.config.suite import Suite
from spurious_rewards.stages.job import Inputs, JobSpec, Outputs, Stage
from spurious_rewards.stages.reading import true_answers
from spurious_rewards.stages.study import Study


class CompareGradersJob(JobSpec):
    """A comparison of graders on the answers of one experiment. `suite` has no other experiment."""

    suite: Suite
    experiment: str


def job(study: Study) -> CompareGradersJob:
    """Return the job of the headline's answers."""
    experiment = study.suite.report.headline
    return CompareGradersJob(suite=study.alone(experiment), experiment=experiment)


def inputs(study: Study) -> dict[str, list[Path]]:
    """Return what the other graders judge: the headline's answers before and after training, and the true answers."""
    experiment = study.suite.experiments[study.suite.report.headline]
    return {
        "grades": [folder / "grades.parquet" for folder in study.before_and_after(experiment, None)],
        "problems": study.problems_of(study.suite.benchmarks_of(experiment)),
    }


def files(study: Study) -> list[Path]:
    """Return the tables that say how far graders agree."""
    return [study.paths.graders() / f"{name}.csv" for name in ("agreement", "accuracy", "differences")]


def work(job: CompareGradersJob, inputs: Inputs, outputs: Outputs) -> None:
    """Write agreement.csv, accuracy.csv and differences.csv into the folder."""
    from spurious_rewards.analysis import grader_agreement
    from spurious_rewards.analysis.conditions import collect, sources
    from spurious_rewards.answers.verifier import Verifier

    recorder = Recorder("compare_graders", job.model_dump(mode="json"))
    suite, experiment = job.suite, job.suite.experiments[job.experiment]
    benchmarks = {name: suite.benchmarks[name].problems for name in suite.benchmarks_of(experiment)}
    graded = collect(sources(inputs["grades"]), texts=["extracted"])
    with Verifier(judge="sympy") as sympy:
        judged = grader_agreement.judged(graded, suite, experiment, true_answers(benchmarks, inputs["problems"]), sympy)
    found = {
        "agreement": grader_agreement.agreement(judged),
        "accuracy": grader_agreement.accuracy(judged, suite, experiment),
        "differences": grader_agreement.differences(judged),
    }
    for name, frame in found.items():
        path = outputs["folder"] / f"{name}.csv"
        csv_files.write(frame, path)
        recorder.write(path, [*inputs["grades"], *inputs["problems"]])


STAGE = Stage(CompareGradersJob, work, reads=("grades", "problems"), writes=("folder",))
