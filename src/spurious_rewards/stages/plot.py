"""plot: make a figure or table of the suite, with its numbers and the page that the report shows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from spurious_rewards.artifacts import csv_files, tables
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting.exhibits.kinds import ENDINGS, pictures, shown_models
from spurious_rewards.runtime.files import replacing
from spurious_rewards.stages import memorization, score, train
from spurious_rewards.stages.job import Inputs, JobSpec, Outputs, Stage
from spurious_rewards.stages.reading import problem_sets
from spurious_rewards.stages.study import Study

if TYPE_CHECKING:
    from pandas import DataFrame

    from spurious_rewards.reporting.exhibits.exhibit import Made, ResultTables

FILES = ("table.csv", "table.md", "table.tex", "page.json")
"""Files of every figure or table, besides its pictures."""

NEEDS: dict[str, tuple[str, ...]] = {
    "gains": ("headline", "seeds"),
    "baselines": ("headline", "baselines"),
    "split": ("gain_split",),
    "noise": ("headline",),
    "curves": ("scores", "headline", "seeds", "comparisons"),
    "code": ("scores", "headline", "seeds"),
    "probability": ("metrics",),
    "health": ("metrics",),
    "switches": ("switches",),
    "clipping": ("probe", "bandit"),
    "strategies": ("before",),
    "contributions": ("contributions", "metrics"),
    "forcing": ("before",),
    "prompts": ("before", "headline"),
    "qualitative": ("responses", "perturbation"),
    "control": ("control",),
    "coverage": ("coverage",),
}
"""Kind of exhibit -> what it reads: frames of `exhibit.ResultTables`; `qualitative.make` takes those of qualitative."""

OF_RATES = ("control", "coverage")
"""Frames that are computed from the rates of single problems."""

PARQUET = {"scores": tables.Scores, "bandit": tables.Bandit}
"""Inputs that are Parquet files with a schema of their own; the others are CSV."""


class PlotJob(JobSpec):
    """A figure or table. `suite` has no other exhibit, and only the exhibit's experiment and models.

    `incomplete` is added to its captions if something that it should show is missing.
    """

    suite: Suite
    exhibit: str
    incomplete: str = ""


def job(study: Study, name: str) -> PlotJob:
    """Return the job of a figure or table."""
    exhibit, suite = study.suite.exhibits[name], study.suite
    alone = study.alone(exhibit.experiment or suite.report.headline, exhibit.models)
    shown = {
        "exhibits": {name: exhibit},
        "clipping": None if exhibit.experiment else suite.clipping,
        "report": suite.report.model_copy(update={"headline": alone.report.headline, "best_prompt": None}),
        "partial_prompt": suite.partial_prompt if exhibit.kind == "control" else None,
    }
    return PlotJob(suite=alone.model_copy(update=shown), exhibit=name)


def inputs(study: Study, name: str) -> dict[str, list[Path]]:
    """Return what a figure or table is made of."""
    suite, exhibit = study.suite, study.suite.exhibits[name]
    if exhibit.experiment is None:
        assert suite.clipping is not None
        return {"probe": list(map(study.paths.probe, suite.clipping.models)), "bandit": [study.paths.bandit()]}
    numbers = score.folders(study, exhibit.experiment, exhibit.models)
    compared = study.before_and_after(study.of_models(exhibit.experiment, exhibit.models), exhibit.step)
    found: dict[str, list[Path]] = {}
    for frame in NEEDS[exhibit.kind]:
        if frame == "scores":
            found[frame] = [folder / "scores.parquet" for folder in numbers]
        elif frame in score.TABLES:
            found[frame] = [folder / f"{frame}.csv" for folder in numbers]
        elif frame == "metrics":
            metrics = train.metrics(study, exhibit.experiment, exhibit.models, exhibit.step)
            runs = {folder.parent for folder in compared}  # without those that end before the step
            found[frame] = [path for path in metrics if path.parent.parent in runs]
        elif frame == "responses":
            found[frame] = [folder / "responses.parquet" for folder in compared]
            found["problems"] = study.problems_of(suite.benchmarks_of(suite.experiments[exhibit.experiment]))
        elif frame in OF_RATES:
            found["rates"] = [folder / "rates.parquet" for folder in numbers]
            if exhibit.kind == "control" and (probe := suite.partial_prompt):
                found["completions"] = [
                    study.paths.memorization(model) for model in shown_models(suite, exhibit) if model in probe.models
                ]
                found["problems"] = memorization.problems(study)
        else:  # the frame is computed from single responses
            found["grades"] = [folder / "grades.parquet" for folder in compared]
    return found


def files(study: Study, name: str) -> list[Path]:
    """Return all files of a figure or table."""
    folder = study.paths.exhibit(name)
    drawn = [f"{stem}.{ending}" for stem in pictures(study.suite, study.suite.exhibits[name]) for ending in ENDINGS]
    return [folder / each for each in (*FILES, *drawn)]


def work(job: PlotJob, inputs: Inputs, outputs: Outputs) -> None:
    """Write pictures, numbers and page.json into the folder; without inputs, a page that says what is `incomplete`."""
    from spurious_rewards.reporting import figures, latex
    from spurious_rewards.reporting.exhibits.exhibit import make, markdown, marked, not_made
    from spurious_rewards.reporting.page_file import write_page

    recorder = Recorder("plot", job.model_dump(mode="json"))
    if not inputs:
        made = not_made(job.exhibit, job.suite)
    elif "responses" in inputs:
        made = _qualitative(job, inputs)
    else:
        made = make(job.exhibit, job.suite, _frames(job, inputs))
    folder, page = outputs["folder"], marked(made.page, job.incomplete)
    written = [folder / name for name in FILES]
    for stem, figure in made.figures.items():
        for ending in ENDINGS:
            written.append(folder / f"{stem}.{ending}")
            figures.save(figure, written[-1])
    csv_files.write(made.numbers, folder / "table.csv")
    texts = {
        "table.md": markdown(page),
        "table.tex": latex.document_part(page),
    }
    for name, text in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    write_page(page, folder)
    recorder.write(folder, [path for paths in inputs.values() for path in paths], written)


def _frames(job: PlotJob, inputs: Inputs) -> "ResultTables":
    import pandas as pd

    from spurious_rewards.analysis import conditions, paper_numbers, scores, strategy_switches
    from spurious_rewards.analysis.baselines import BASELINES
    from spurious_rewards.analysis.gain_split import GAIN_SPLIT
    from spurious_rewards.analysis.headline import COMPARISONS, HEADLINE
    from spurious_rewards.analysis.paper_columns import with_paper
    from spurious_rewards.analysis.seeds import SEEDS
    from spurious_rewards.analysis.untrained import BEFORE
    from spurious_rewards.reporting.exhibits.exhibit import ResultTables
    from spurious_rewards.stages import csv_tables

    columns = {
        **{"headline": with_paper(HEADLINE), "before": with_paper(BEFORE)},
        **{"seeds": SEEDS, "baselines": BASELINES, "comparisons": COMPARISONS, "gain_split": GAIN_SPLIT},
    }
    shown = job.suite.exhibits[job.exhibit]
    frames: dict[str, Any] = {}
    for kind, paths in inputs.items():
        if kind == "grades":
            assert shown.experiment is not None
            experiment = job.suite.experiments[shown.experiment]
            graded = conditions.collect(conditions.sources(paths))
            switches = strategy_switches.switches(graded, job.suite, experiment, shown.step)
            switches = switches[switches["reward"].isin(shown.rewards or switches["reward"])]
            frames["switches"] = switches
            if shown.kind == "contributions":
                metrics = conditions.collect(conditions.sources(inputs.get("metrics", [])), tables.Metrics)
                metrics = scores.of_experiment(metrics, job.suite, experiment)
                contributions = strategy_switches.contributions(
                    graded, job.suite, experiment, metrics, shown.step, shown.rewards
                )
                frames["contributions"] = paper_numbers.beside(contributions, job.suite, shown.experiment)
        elif kind == "rates":
            frames |= _of_rates(job, inputs)
        elif kind in ("completions", "problems"):
            continue  # they are read with the rates
        elif kind == "metrics":
            frames[kind] = conditions.collect(conditions.sources(paths), tables.Metrics)
        elif kind == "probe":
            frames[kind] = pd.concat([tables.read(path, tables.Probe).assign(model=path.stem) for path in paths])
        elif kind in PARQUET:
            frames[kind] = pd.concat([tables.read(path, PARQUET[kind]) for path in paths], ignore_index=True)
        else:
            frames[kind] = csv_tables.read(paths, columns[kind], job.suite)
    return ResultTables(**frames)


def _of_rates(job: PlotJob, inputs: Inputs) -> "dict[str, DataFrame]":
    import pandas as pd

    from spurious_rewards.analysis import control, coverage
    from spurious_rewards.reporting.exhibits.kinds import benchmarks

    shown = job.suite.exhibits[job.exhibit]
    assert shown.experiment is not None
    rates = pd.concat([tables.read(path, tables.Rates) for path in inputs["rates"]], ignore_index=True)
    rates = rates[rates["reward"].isin(["", *(shown.rewards or job.suite.rewards)])]
    [benchmark] = benchmarks(job.suite, shown)
    experiment = job.suite.experiments[shown.experiment]
    if shown.kind == "coverage":
        return {"coverage": coverage.coverage(rates, job.suite, experiment, benchmark)}
    completions = {path.stem: tables.read(path, tables.Responses) for path in inputs.get("completions", [])}
    problems = problem_sets(inputs.get("problems", []))
    return {"control": control.control(rates, job.suite, experiment, benchmark, completions, problems)}


def _qualitative(job: PlotJob, inputs: Inputs) -> "Made":
    from spurious_rewards.analysis import conditions, perturbation
    from spurious_rewards.reporting.exhibits import qualitative
    from spurious_rewards.reporting.exhibits.kinds import benchmarks

    suite, shown = job.suite, job.suite.exhibits[job.exhibit]
    original = suite.benchmarks[benchmarks(suite, shown)[0]].problems
    return qualitative.make(
        job.exhibit,
        suite,
        responses=qualitative.shown(conditions.sources(inputs["responses"]), tables.Responses, suite, shown),
        grades=qualitative.shown(conditions.sources(inputs["grades"]), tables.Grades, suite, shown),
        problems=tables.read(next(path for path in inputs["problems"] if path.stem == original), tables.Problems),
        perturbation=perturbation.perturbation(conditions.collect(conditions.sources(inputs["grades"])), suite, shown),
    )


READ_TOO = ("problems", "grades", "probe", "bandit", "rates", "completions")
"""Inputs that a kind of exhibit may read besides its frames in `NEEDS`, or in place of them."""

READS = tuple(dict.fromkeys([*READ_TOO, *(frame for kind in NEEDS.values() for frame in kind)]))

STAGE = Stage(PlotJob, work, may_read=READS, writes=("folder",))
