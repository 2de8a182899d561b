"""report: write one HTML page of everything that earlier stages made."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spurious_rewards.artifacts.ancestry import ancestry
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.artifacts.paths import ResultPaths
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting.unfinished import Unfinished
from spurious_rewards.runtime.files import replacing
from spurious_rewards.stages import score
from spurious_rewards.stages.job import Inputs, JobSpec, Outputs, Stage
from spurious_rewards.stages.study import Study

if TYPE_CHECKING:
    from pandas import DataFrame


class ReportJob(JobSpec):
    """The report of a suite. `command` makes a target, once the target's name is added."""

    suite: Suite
    command: str
    unfinished: Unfinished | None = None


def job(study: Study) -> ReportJob:
    """Return the job of the report."""
    command = shlex.join(["snakemake", *study.settings.option_elsewhere, "--cores", "all"])
    return ReportJob(suite=study.suite_as_told, command=command)


def numbers(study: Study, experiment: str) -> list[Path]:
    """Return the tables that the report shows of every experiment, whatever its exhibits."""
    folder = study.paths.experiment(experiment)
    made = ("headline.csv", "seeds.csv", "grading.csv")
    tables_of_models = [each / name for each in score.folders(study, experiment) for name in made]
    return [folder / "labels.csv", folder / "health.csv", *tables_of_models]


def work(job: ReportJob, inputs: Inputs, outputs: Outputs) -> None:
    """Write the report from the files beside it. What a failed run did not make is left out."""
    from spurious_rewards.analysis.claims.ledger import LEDGER
    from spurious_rewards.analysis.grader_agreement import ACCURACY, AGREEMENT, DIFFERENCES
    from spurious_rewards.analysis.headline import HEADLINE
    from spurious_rewards.analysis.paper_columns import with_paper
    from spurious_rewards.analysis.seeds import SEEDS
    from spurious_rewards.reporting import report
    from spurious_rewards.reporting.page_file import read_page
    from spurious_rewards.stages import csv_tables

    recorder = Recorder("report", job.model_dump(mode="json"))
    output, suite = outputs["report"], job.suite
    paths = ResultPaths(output.parent)
    exhibits = [paths.exhibit(name) for name in suite.exhibits]
    scored = {
        name: [paths.scored(name, model) for model in experiment.all_models]
        for name, experiment in suite.experiments.items()
    }
    graders = {name: paths.graders() / f"{name}.csv" for name in ("agreement", "accuracy", "differences")}
    if not any(path.exists() for path in graders.values()):  # as after a run that failed
        graders = {}
    made = [
        *(folder / "scores.parquet" for folders in scored.values() for folder in folders),
        *(paths.experiment(name) / table for name in scored for table in ("labels.csv", "health.csv")),
        *(folder / "table.csv" for folder in exhibits),
        paths.contamination(),
        paths.claims(),
        *graders.values(),
    ]
    judged = {"agreement": AGREEMENT, "accuracy": ACCURACY, "differences": DIFFERENCES}
    of_headline = scored[suite.report.headline]
    shown = report.Numbers(
        claims=csv_tables.read([paths.claims()], LEDGER, suite),
        headline=csv_tables.read([folder / "headline.csv" for folder in of_headline], with_paper(HEADLINE), suite),
        seeds=csv_tables.read([folder / "seeds.csv" for folder in of_headline], SEEDS, suite),
        judged={name: csv_tables.read([path], judged[name], suite) for name, path in graders.items()},
        **_before_training(paths, suite),
        **_of_experiments(paths, scored, suite),
    )
    costs = {name: ancestry([folder / "scores.parquet" for folder in folders]) for name, folders in scored.items()}
    pages = list(map(read_page, exhibits))
    html = report.build(suite, shown, pages, ancestry(made), costs, job.command, job.unfinished)
    with replacing(output) as temporary:
        # Names of files may hold bytes that are not text.
        temporary.write_text(html, encoding="utf-8", errors="backslashreplace")
    recorder.write(output, made)
    if (size := output.stat().st_size) > report.LARGEST:
        print(
            f"warning: {output} has {size / 1e6:.0f} MB, more than {report.LARGEST / 1e6:.0f}; leave out exhibits or "
            "benchmarks of them, or lower report.qualitative_problems",
            file=sys.stderr,
        )


def _before_training(paths: ResultPaths, suite: Suite) -> "dict[str, DataFrame]":
    """Return the tables of leakage and memorization; empty ones if they are not there, as after a run that failed."""
    import pandas as pd

    from spurious_rewards.analysis.contamination import LEAKAGE, MEMORIZATION
    from spurious_rewards.stages import csv_tables

    return {
        name: csv_tables.read([path], columns, suite)
        if (path := paths.contamination() / f"{name}.csv").exists()
        else pd.DataFrame(columns=list(columns))
        for name, columns in (("leakage", LEAKAGE), ("memorization", MEMORIZATION))
    }


def _of_experiments(paths: ResultPaths, scored: dict[str, list[Path]], suite: Suite) -> "dict[str, DataFrame]":
    """Return the tables on voting, training and grading, each row with its experiment."""
    import pandas as pd

    from spurious_rewards.analysis.labels import GRADING, LABELS
    from spurious_rewards.analysis.training import TRAINING_HEALTH
    from spurious_rewards.stages import csv_tables

    files = {
        "labels": (LABELS, {name: [paths.experiment(name) / "labels.csv"] for name in scored}),
        "health": (TRAINING_HEALTH, {name: [paths.experiment(name) / "health.csv"] for name in scored}),
        "grading": (GRADING, {name: [each / "grading.csv" for each in folders] for name, folders in scored.items()}),
    }
    frames = {
        kind: pd.concat(
            [csv_tables.read(paths_, columns, suite).assign(experiment=name) for name, paths_ in of.items()],
            ignore_index=True,
        )
        for kind, (columns, of) in files.items()
    }
    frames["grading"] = frames["grading"].groupby(["experiment", "benchmark"], sort=False).sum().reset_index()
    return frames


STAGE = Stage(ReportJob, work, writes=("report",))
