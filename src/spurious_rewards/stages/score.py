"""score: compute the numbers of an experiment for one of its models, from grades and training metrics."""

from collections.abc import Collection
from pathlib import Path

from spurious_rewards.artifacts import csv_files, tables
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.config.experiments import BestPrompt
from spurious_rewards.config.suite import Suite
from spurious_rewards.stages import grade, train
from spurious_rewards.stages.job import Inputs, JobSpec, Outputs, Stage
from spurious_rewards.stages.study import Study

TABLES = ("headline", "seeds", "baselines", "gain_split", "comparisons", "before", "grading")
"""Names of the CSV files beside scores.parquet and rates.parquet."""


class ScoreJob(JobSpec):
    """Scores and tables of one experiment and model.

    `suite` has no other model, and no other experiment except the one in which the headline's best prompt is chosen.
    """

    suite: Suite
    experiment: str


def job(study: Study, experiment: str, model: str) -> ScoreJob:
    """Return the job of an experiment's numbers for one model."""
    alone, report = study.alone(experiment, [model]), study.suite.report
    best = _best_prompt(study, experiment, model)
    further = {best.experiment: study.of_models(best.experiment, [model])} if best else {}
    changed = {"smoothing_steps": report.smoothing_steps, "best_prompt": best}
    suite = alone.model_copy(
        update={"experiments": {**further, **alone.experiments}, "report": alone.report.model_copy(update=changed)}
    )
    return ScoreJob(suite=suite, experiment=experiment)


def inputs(study: Study, experiment: str, model: str) -> dict[str, list[Path]]:
    """Return what the numbers of an experiment and model are made of."""
    return {
        "grades": grade.grades(study, experiment, [model]),
        "metrics": train.metrics(study, experiment, [model]),
        "prompts": _prompts(study, experiment, model),
    }


def folders(study: Study, experiment: str, models: Collection[str] = ()) -> list[Path]:
    """Return the folders of an experiment's numbers, one for each of its models or of `models`."""
    shown = models or study.suite.experiments[experiment].all_models
    return [study.paths.scored(experiment, model) for model in shown]


def _best_prompt(study: Study, experiment: str, model: str) -> BestPrompt | None:
    """Return where the best prompt of a model is chosen; None except for the headline."""
    best = study.suite.report.best_prompt
    if best is None or experiment != study.suite.report.headline:
        return None
    return best if model in study.suite.experiments[best.experiment].all_models else None


def _prompts(study: Study, experiment: str, model: str) -> list[Path]:
    """Return a model's grades before training under the prompts to choose from; none except for the headline."""
    if (best := _best_prompt(study, experiment, model)) is None:
        return []
    chosen = study.base_folders(study.of_models(best.experiment, [model]))
    return [folder / "grades.parquet" for folder in chosen]


def work(job: ScoreJob, inputs: Inputs, outputs: Outputs) -> None:
    """Write scores.parquet, rates.parquet and the tables into the folder."""
    from spurious_rewards.analysis import (
        baselines,
        conditions,
        gain_split,
        headline,
        labels,
        paper_numbers,
        scores,
        seeds,
        untrained,
    )

    recorder = Recorder("score", job.model_dump(mode="json"))
    suite, experiment = job.suite, job.suite.experiments[job.experiment]
    graded = conditions.collect(conditions.sources(inputs.get("grades", [])))
    metrics = conditions.collect(conditions.sources(inputs.get("metrics", [])), tables.Metrics)
    metrics = scores.of_experiment(metrics, suite, experiment)  # a run may be longer for another experiment
    prompts = conditions.collect(conditions.sources(inputs["prompts"])) if inputs.get("prompts") else None
    main = headline.headline(graded, suite, experiment, metrics, prompts)
    found = {
        "headline": paper_numbers.beside(main, suite, job.experiment),
        "seeds": seeds.seeds(graded, suite, experiment),
        "baselines": baselines.baselines(graded, suite, experiment),
        "gain_split": gain_split.gain_split(graded, suite, experiment),
        "comparisons": headline.comparisons(graded, suite, experiment, metrics),
        "before": paper_numbers.beside(untrained.before(graded, suite, experiment), suite, job.experiment),
        "grading": labels.grading(graded),
    }
    folder = outputs["folder"]
    for name in TABLES:
        csv_files.write(found[name], folder / f"{name}.csv")
    tables.write(scores.scores(graded), tables.Scores, folder / "scores.parquet")
    tables.write(scores.rates(graded, suite, experiment, prompts), tables.Rates, folder / "rates.parquet")
    written = [folder / "scores.parquet", folder / "rates.parquet", *(folder / f"{name}.csv" for name in TABLES)]
    recorder.write(folder, [path for paths in inputs.values() for path in paths], written)


STAGE = Stage(ScoreJob, work, may_read=("grades", "metrics", "prompts"), writes=("folder",))
