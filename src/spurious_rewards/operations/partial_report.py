"""Make a report of what is there after the workflow has failed, with marks for what is missing, in a separate tree.

The tree (`ResultPaths.partial`) is laid out like `results/{suite}/`. Finished artifacts are copied into it, the stages
make the others from what is there, and `report.html` lies at its root. Nothing is written where the workflow writes, so
the workflow can take none of it for its own artifacts.
"""

import os
import shlex
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO

from spurious_rewards.artifacts.manifests import manifest_path
from spurious_rewards.artifacts.paths import ResultPaths
from spurious_rewards.config import claims as ledgers
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.loading import load
from spurious_rewards.operations.unfinished import Lacks, Outcome, UnfinishedJob, UnfinishedRun, last_lines, named, read
from spurious_rewards.reporting.unfinished import Failed, Unfinished
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import read_text, remove, replacing
from spurious_rewards.runtime.links import refuse_links, refuse_links_in
from spurious_rewards.runtime.places import without_places
from spurious_rewards.stages import claims, compare_graders, contamination, plot, report, score, training_summary
from spurious_rewards.stages.job import Inputs
from spurious_rewards.stages.study import Study

SCORED = {"scores", *score.TABLES}
"""Inputs of exhibits that are numbers of an experiment."""

ANSWERS = {"grades", "responses"}
"""Inputs of exhibits that show models both before and after training."""


# ---------------------------------------------------------------- after a failure


def after_failure(study: Study, unfinished: Collection[UnfinishedJob]) -> None:
    """Record what a run of the workflow left undone, and make the report if nothing else could have been made.

    A run that stopped short (interrupted, or at its first error without --keep-going) is only told the command that
    makes the report. Nothing is made if the run was not to make a report, or if the report itself failed.
    """
    outcome = Outcome(tuple(unfinished))
    asked = outcome.maker.get(study.paths.report())
    if asked is None:
        return
    remove(study.paths.partial())
    if asked.failed:
        return
    run, record = UnfinishedRun(unfinished=tuple(unfinished)), study.paths.unfinished()
    with replacing(record) as temporary:
        temporary.write_text(run.model_dump_json(indent=1) + "\n", encoding="utf-8")
    words = ["partial-report", str(record), *study.settings.option]
    if outcome.stopped_short:
        _say(f"{shlex.join(['spurious-rewards', *words])} makes a report of what is finished")
        return
    _say("making a report of what is finished")
    log = record.with_name("partial-report.log")
    refuse_links(log)
    with log.open("w", encoding="utf-8") as file:
        made = _run([sys.executable, "-m", "spurious_rewards.cli", *words], file)
    _say(f"see {made}: what is finished, and what is missing and why" if made else f"the report failed; see {log}")


def _run(command: list[str], log: IO[str]) -> str:
    """Run a command and return what it prints; "" if it fails or is interrupted."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=log, encoding="utf-8", errors="replace", check=False
        )
    except KeyboardInterrupt:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _say(note: str) -> None:
    print(f"note: {note}", file=sys.stderr, flush=True)


def _has_rows(path: Path) -> bool:
    """Whether a table has rows below its header. The table of a figure that could not be made has none."""
    return path.suffix != ".csv" or len(read_text(path).splitlines()) > 1


# ---------------------------------------------------------------- what there is


def make(study: Study, record: Path) -> Path:
    """Make the report of what is there, and return its path.

    Args:
        study: the study that was run. Nothing of it is taken from the record, which may come from someone else.
        record: the file in which `after_failure` recorded the run.

    Raises:
        UserError: the record cannot be read, is of another suite or names a log that is not the suite's; or a symbolic
            link is among the results.
    """
    run, own = read(record), study.paths.unfinished()
    if os.path.realpath(record) != os.path.realpath(own):
        raise UserError(
            f"{record}: is no record of the suite {study.name}, which lies at {own}; name that, or choose the suite that it "
            "is of with --config suite=NAME"
        )
    refuse_links_in(study.paths.root)
    for log in (job.log for job in run.unfinished if job.log):
        if ".." in log.parts or not log.is_relative_to(study.paths.root / "logs"):
            raise UserError(
                f"{log}: is no log of the suite {study.name}, and the record of a run names it; run Snakemake again"
            )
    return PartialReport(study, Outcome(run.unfinished)).make()


class PartialReport:
    """The tree of what is there, made in the order of the pipeline."""

    def __init__(self, study: Study, outcome: Outcome):
        self.study, self.suite, self.outcome = study, study.suite, outcome
        self.tree = ResultPaths(study.paths.partial())

    def make(self) -> Path:
        """Make everything, the report last, and return the report's path."""
        experiments = {name: {**self._summarised(name)} for name in self.suite.experiments}
        for (experiment, _), lacks in self._scored.items():
            experiments[experiment] |= lacks
        exhibits = {name: self._exhibit(name) for name in self.suite.exhibits}
        missing: dict[str, str] = {}
        for lacks in [*experiments.values(), *exhibits.values()]:
            for what, why in lacks.items():
                missing.setdefault(self._named(what), why)
        for first, *_ in (contamination.files(self.study), compare_graders.files(self.study)):
            if not self.outcome.there(first):
                missing.setdefault(self._named(first), self.outcome.why(first))
        for name in exhibits:
            missing.pop(self._named(self._page(name)), None)
        unfinished = Unfinished(
            failed=tuple(
                Failed(name=job.name, log=job.log, lines=last_lines(job.log))
                for job in self.outcome.undone
                if job.failed
            ),
            missing=missing,
            experiments={name: mark for name, lacks in experiments.items() if (mark := self._incomplete(lacks))},
            exhibits={name: mark for name, lacks in exhibits.items() if (mark := self._mark(name, lacks))},
        )
        self._copy_if_there(contamination.files(self.study))
        self._copy_if_there(compare_graders.files(self.study))
        self._judge_claims()
        job = report.job(self.study).model_copy(update={"unfinished": unfinished})
        report.work(job, {}, {"report": self.tree.report()})
        return self.tree.report()

    # ------------------------------------------------------------ what the report is made of

    @cached_property
    def _scored(self) -> dict[tuple[str, str], Lacks]:
        """Return (experiment, model) -> what its numbers lack, and make these numbers."""
        return {
            (name, model): self._score(name, model)
            for name, experiment in self.suite.experiments.items()
            for model in experiment.all_models
        }

    def _score(self, experiment: str, model: str) -> Lacks:
        job, folder = score.job(self.study, experiment, model), self.study.paths.scored(experiment, model)
        usable, lacks = self._usable(score.inputs(self.study, experiment, model))
        return self._made(
            [folder / "scores.parquet"],
            usable,
            lacks,
            lambda inputs, _: score.work(job, inputs, {"folder": self._in_tree(folder)}),
        )

    def _summarised(self, experiment: str) -> Lacks:
        job = training_summary.job(self.study, experiment)
        folder = self.study.paths.experiment(experiment)
        usable, lacks = self._usable(training_summary.inputs(self.study, experiment))
        return self._made(
            [folder / "labels.csv", folder / "health.csv"],
            usable,
            lacks,
            lambda inputs, _: training_summary.work(job, inputs, {"folder": self._in_tree(folder)}),
        )

    def _exhibit(self, name: str) -> Lacks:
        job = plot.job(self.study, name)
        folder = self.study.paths.exhibit(name)

        def make(inputs: Inputs, lacks: Lacks) -> None:
            marked = job.model_copy(update={"incomplete": self._mark(name, lacks)})
            plot.work(marked, inputs, {"folder": self._in_tree(folder)})

        return self._made(plot.files(self.study, name), *self._shown(name), make)

    def _shown(self, name: str) -> tuple[Inputs, Lacks]:
        """Return the usable inputs of a figure or table, and what it lacks."""
        exhibit, inputs = self.suite.exhibits[name], plot.inputs(self.study, name)
        scored = {kind: paths for kind, paths in inputs.items() if kind in SCORED}
        usable, lacks = self._usable({kind: paths for kind, paths in inputs.items() if kind not in SCORED})
        if scored:
            assert exhibit.experiment is not None
            for model in exhibit.models or self.suite.experiments[exhibit.experiment].all_models:
                lacks = {**self._scored[exhibit.experiment, model], **lacks}
        rewards = () if set(inputs) == {"before"} else exhibit.rewards or self.suite.rewards
        return {
            **{kind: [self._in_tree(path) for path in paths] for kind, paths in scored.items()},
            **usable,
        }, {what: why for what, why in lacks.items() if isinstance(what, Path) or what.reward in ("", *rewards)}

    def _judge_claims(self) -> None:
        """Judge the claims by the numbers that are there. The verdict on other claims is that they were not run."""
        ledger = ledgers.read(self.study.root / ledgers.FILE)
        judged = [
            path for path in map(self._in_tree, claims.numbers(self.study, ledger)) if path.exists() and _has_rows(path)
        ]
        paper = load(self.study.root / ledgers.PAPER)
        claims.work(claims.job(self.study, ledger, paper), {"numbers": judged}, {"claims": self.tree.claims()})

    # ------------------------------------------------------------ from what is there

    def _copy_if_there(self, outputs: Sequence[Path]) -> None:
        """Copy files that do not depend on missing runs, if they are finished. Otherwise the report omits them."""
        if all(map(self.outcome.there, outputs)):
            self._copy(outputs)

    def _copy(self, outputs: Sequence[Path]) -> None:
        """Copy finished files into the tree, with their manifests and the manifests of their folders."""
        files = [each for made in outputs for each in (made, manifest_path(made), manifest_path(made.parent))]
        for path in filter(Path.is_file, dict.fromkeys(files)):
            with replacing(self._in_tree(path)) as temporary:
                shutil.copy2(path, temporary)

    def _made(
        self, outputs: Sequence[Path], usable: Inputs, lacks: Lacks, make: Callable[[Inputs, Lacks], None]
    ) -> Lacks:
        """Copy finished outputs into the tree; else make them from usable inputs or, if that fails, from nothing.

        Returns what the outputs lack. If they are made from nothing, that includes the first of `outputs`.
        """
        first = outputs[0]
        if all(map(self.outcome.there, outputs)):
            self._copy([path for path in first.parent.iterdir() if path.is_file()])
            return {}
        if (job := self.outcome.maker.get(first)) and job.failed:
            lacks = {first: "its own job failed"}
        else:
            print(self._named(first), file=sys.stderr, flush=True)
            try:
                make(usable, lacks)
                return lacks
            except UserError as error:
                print(f"{self._named(first)}: {error}", file=sys.stderr, flush=True)
                lacks = {first: "the remaining data are not enough" if lacks else without_places(str(error)), **lacks}
            except Exception as error:  # whatever the error is, the rest of the report can be read
                traceback.print_exc()
                lacks = {first: "the remaining data are not enough" if lacks else without_places(str(error)), **lacks}
        make({}, lacks)
        return lacks

    def _usable(self, inputs: Inputs) -> tuple[Inputs, Lacks]:
        """Return the inputs without the runs and untrained models that lack any input, and what these lack.

        A run is also left out if the answers of the model that it started from are missing.
        """
        lacking: dict[Run | Path, str] = {}
        for path in (path for paths in inputs.values() for path in paths):
            if not self.outcome.there(path):
                lacking.setdefault(self._owner(path), self.outcome.why(path))
        if ANSWERS & set(inputs):
            for path in (path for paths in inputs.values() for path in paths):
                if isinstance(run := self._owner(path), Run) and run.reward:
                    start = self.study.conditions[self.study.base_folder(run.model, run.prompt, run.seeds)]
                    if start in lacking:
                        lacking.setdefault(run, f"not used, because this is missing: {named(self.suite, start)}")
        usable = {kind: [path for path in paths if self._owner(path) not in lacking] for kind, paths in inputs.items()}
        return usable, lacking

    def _owner(self, path: Path) -> Run | Path:
        return self.study.conditions.get(path.parent, path)

    def _in_tree(self, path: Path) -> Path:
        return self.tree.root / path.relative_to(self.study.paths.root)

    # ------------------------------------------------------------ in words

    def _page(self, exhibit: str) -> Path:
        return plot.files(self.study, exhibit)[0]

    def _mark(self, exhibit: str, lacks: Lacks) -> str:
        """Return what the captions of a figure or table say about what it lacks."""
        if (own := self._page(exhibit)) not in lacks:
            return self._incomplete(lacks)
        return f"Not made: {lacks[own]}.{self._missing(what for what in lacks if what != own)}"

    def _incomplete(self, lacks: Lacks) -> str:
        return f"Incomplete.{self._missing(lacks)}" if lacks else ""

    def _missing(self, lacks: Iterable[Run | Path]) -> str:
        names = "; ".join(map(self._named, lacks))
        return f" Missing: {names}." if names else ""

    def _named(self, what: Run | Path) -> str:
        if isinstance(what, Run):
            return named(self.suite, what)
        return self.outcome.maker[what].name if what in self.outcome.maker else str(what)
