"""claims: judge each claim of the ledger by the rules of config/claims.yaml."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spurious_rewards.artifacts import csv_files, tables
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.artifacts.paths import ResultPaths
from spurious_rewards.config.claims import PAPER, Ledger
from spurious_rewards.config.endpoints import untrained_rewards
from spurious_rewards.config.suite import Suite
from spurious_rewards.stages import score
from spurious_rewards.stages.job import Inputs, JobSpec, Outputs, Stage
from spurious_rewards.stages.study import Study

if TYPE_CHECKING:
    from pandas import DataFrame

PARQUET: dict[str, type[tables.Table]] = {"scores": tables.Scores, "rates": tables.Rates}
"""Name of a Parquet file -> its table."""

JUDGED = ("contributions", "clipping", "control")
"""Kinds of exhibits whose numbers are evidence, too. The evidence has them under the kind's name."""


class ClaimsJob(JobSpec):
    """The claims ledger of a suite. `paper` is the paper's own suite, which the paper's claims are about.

    If both suites have a problem file under one name, each is identified by its content. So a set of the same name with
    other problems is no evidence for a claim of the paper.
    """

    suite: Suite
    ledger: Ledger
    paper: Suite
    judged_only: bool = False
    """Whether claims on what was not run are left out."""

    def as_json(self) -> str:
        """Return the job as JSON without default values, because the whole suite is long."""
        return self.model_dump_json(exclude_defaults=True, ensure_ascii=True)


def job(study: Study, ledger: Ledger, paper: Suite) -> ClaimsJob:
    """Return the job of the claims ledger."""
    papers = Study(paper, study.settings, PAPER, contents=study.contents)
    suite, told = _by_content(study, papers), _by_content(papers, study)
    needless: dict[str, Any] = {"title": "", "note": "", "resources": ()}  # words, and what does not change numbers
    return ClaimsJob(suite=suite, ledger=ledger, paper=told.model_copy(update=needless))


def _by_content(study: Study, other: Study) -> Suite:
    """Return a suite as jobs are told it, with contents as paths of problem files that `other` has by the same name."""
    there = other.suite.problems
    told = study.suite_as_told
    changed = {
        name: told.problems[name].model_copy(
            update={"path": Path(study.contents.of(each.path).content + each.path.suffix)}
        )
        for name, each in study.suite.problems.items()
        if each.path and name in there and there[name].path
    }
    return told.model_copy(update={"problems": {**told.problems, **changed}})


def numbers(study: Study, ledger: Ledger) -> list[Path]:
    """Return the files with evidence: numbers of the experiments that claims name, and of some kinds of exhibits."""
    experiments = _experiments(study.suite, ledger)
    folders = [folder for name in experiments for folder in score.folders(study, name)]
    return [
        *(folder / f"{table}.parquet" for folder in folders for table in PARQUET),
        *(folder / f"{table}.csv" for folder in folders for table in ("headline", "comparisons", "before")),
        *(study.paths.experiment(name) / f"{table}.csv" for name in experiments for table in ("labels", "training")),
        *(study.paths.exhibit(name) / "table.csv" for name in _judging(study.suite)),
        study.paths.contamination() / "memorization.csv",
    ]


def _experiments(suite: Suite, ledger: Ledger) -> list[str]:
    """Return the experiments that rules name, and those with runs that learn nothing, as baselines for metrics."""
    untrained = set(untrained_rewards(suite))
    return [
        name
        for name, each in suite.experiments.items()
        if name in ledger.experiments or untrained & {run.reward for run in suite.runs_of(each)}
    ]


def _judging(suite: Suite) -> dict[str, str]:
    """Return the exhibits whose numbers are evidence, each with its kind."""
    return {name: exhibit.kind for name, exhibit in suite.exhibits.items() if exhibit.kind in JUDGED}


def work(job: ClaimsJob, inputs: Inputs, outputs: Outputs) -> None:
    """Judge each claim by the numbers of earlier stages."""
    from spurious_rewards.analysis.claims.ledger import counts, ledger

    recorder = Recorder("claims", job.model_dump(mode="json"))
    numbers, output = inputs.get("numbers", []), outputs["claims"]
    frame = ledger(job.ledger, job.suite, _evidence(job, output.parent, numbers), job.paper)
    if job.judged_only:
        frame = frame[~frame["verdict"].isin(["not run", "cannot run"])]
    csv_files.write(frame, output)
    recorder.write(output, numbers)
    print(f"{len(frame)} claims: {counts(frame)}", file=sys.stderr)


def _evidence(job: ClaimsJob, root: Path, numbers: list[Path]) -> "dict[str, DataFrame]":
    """Return the numbers by what they hold, each row with its experiment ("" if an exhibit has none)."""
    import pandas as pd

    from spurious_rewards.analysis.clipping import CLIPPING
    from spurious_rewards.analysis.contamination import MEMORIZATION
    from spurious_rewards.analysis.control import CONTROL
    from spurious_rewards.analysis.headline import COMPARISONS, HEADLINE
    from spurious_rewards.analysis.labels import LABELS
    from spurious_rewards.analysis.strategy_switches import CONTRIBUTIONS
    from spurious_rewards.analysis.training import LAST_FIFTH
    from spurious_rewards.analysis.untrained import BEFORE
    from spurious_rewards.stages import csv_tables

    columns = {
        **{"headline": HEADLINE, "before": BEFORE},
        **{"comparisons": COMPARISONS, "labels": LABELS, "training": LAST_FIFTH, "memorization": MEMORIZATION},
        **{"contributions": CONTRIBUTIONS, "clipping": CLIPPING, "control": CONTROL},
    }
    paths, suite = ResultPaths(root), job.suite
    experiments = {paths.experiment(name): name for name in suite.experiments}
    shown = {paths.exhibit(name): (kind, suite.exhibits[name].experiment) for name, kind in _judging(suite).items()}
    found: dict[str, list[DataFrame]] = {}
    for path in numbers:
        # What models know by heart belongs to no experiment.
        of = next((name for folder, name in experiments.items() if folder in path.parents), "")
        what, experiment = shown.get(path.parent) or (path.stem, of)
        is_parquet = path.suffix == ".parquet"
        frame = tables.read(path, PARQUET[what]) if is_parquet else csv_tables.read([path], columns[what], suite)
        if len(frame):
            words = {name: "" for name in ("reward", "variant") if name in frame}  # untrained models have none
            found.setdefault(what, []).append(frame.fillna(words).assign(experiment=experiment or ""))
    return {what: pd.concat(frames, ignore_index=True) for what, frames in found.items()}


STAGE = Stage(ClaimsJob, work, may_read=("numbers",), writes=("claims",))
