"""headline: report the headline experiment alone, before the rest of the suite is done."""

from pathlib import Path

from spurious_rewards.config.claims import Ledger
from spurious_rewards.config.settings import Settings
from spurious_rewards.config.suite import Suite
from spurious_rewards.runtime.files import remove
from spurious_rewards.stages import claims, plot, report, score, training_summary
from spurious_rewards.stages.claims import ClaimsJob
from spurious_rewards.stages.job import Inputs, JobSpec, Outputs, Stage
from spurious_rewards.stages.report import ReportJob
from spurious_rewards.stages.study import Study


class HeadlineJob(JobSpec):
    """Scores, figures, claims and report of the headline experiment of `suite`, which is a `Suite.headline`.

    `command` is the one of `ReportJob`.
    """

    suite: Suite
    command: str
    claims: ClaimsJob

    def as_json(self) -> str:
        """Return the job as JSON without default values, because suites are long."""
        return self.model_dump_json(exclude_defaults=True, ensure_ascii=True)


def job(study: Study, ledger: Ledger, paper: Suite) -> HeadlineJob:
    """Return the job of the headline's report."""
    part = study.headline
    judged = claims.job(_alone(part), ledger, paper).model_copy(update={"judged_only": True})
    return HeadlineJob(suite=part.suite_as_told, command=report.job(study).command, claims=judged)


def made_of(study: Study) -> list[Path]:
    """Return what scores, summary and figures of the headline read, without what this stage makes itself."""
    part = study.headline
    experiment = part.suite.report.headline
    read = [
        *(score.inputs(part, experiment, model) for model in part.suite.experiments[experiment].all_models),
        training_summary.inputs(part, experiment),
        *(plot.inputs(part, name) for name in part.suite.exhibits),
    ]
    paths = dict.fromkeys(path for inputs in read for each in inputs.values() for path in each)
    return [path for path in paths if not path.is_relative_to(part.paths.experiment(experiment))]


def _alone(part: Study) -> Study:
    """Return the headline experiment without the others, as its report shows it."""
    name = part.suite.report.headline
    suite = part.suite.model_copy(update={"experiments": {name: part.suite.experiments[name]}})
    return Study(suite, part.settings, part.suite_path, part.root, part.contents)


def work(job: HeadlineJob, inputs: Inputs, outputs: Outputs) -> None:
    """Make everything in the page's folder, laid out like `results/{suite}`.

    It all runs in one process, because each part takes only seconds.
    """
    page = outputs["report"]
    tree, results = page.parent, page.parent.parent
    remove(tree)
    part = Study(job.suite, Settings(), Path(f"{results.name}.yaml"))
    experiment = job.suite.report.headline

    def placed(path: Path) -> Path:
        return tree / path.relative_to(results)

    def found(read: Inputs) -> Inputs:
        made = part.paths.experiment(experiment)
        return {
            kind: [placed(path) if path.is_relative_to(made) else path for path in paths]
            for kind, paths in read.items()
        }

    for model in job.suite.experiments[experiment].all_models:
        folder = placed(part.paths.scored(experiment, model))
        score.work(score.job(part, experiment, model), score.inputs(part, experiment, model), {"folder": folder})
    folder = placed(part.paths.experiment(experiment))
    summary = training_summary.job(part, experiment)
    training_summary.work(summary, training_summary.inputs(part, experiment), {"folder": folder})
    for name in part.suite.exhibits:
        plot.work(plot.job(part, name), found(plot.inputs(part, name)), {"folder": placed(part.paths.exhibit(name))})
    alone = _alone(part)
    numbers = [path for path in map(placed, claims.numbers(alone, job.claims.ledger)) if path.exists()]
    claims.work(job.claims, {"numbers": numbers}, {"claims": placed(part.paths.claims())})
    report.work(ReportJob(suite=alone.suite, command=job.command), {}, {"report": page})


STAGE = Stage(HeadlineJob, work, reads=("made",), writes=("report",))
