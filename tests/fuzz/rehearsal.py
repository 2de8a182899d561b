"""Run the stages after grading on invented responses, to find errors that planning should have reported.

The stages work on invented inputs, in this process and below its working folder.
"""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from case import Wrong

from spurious_rewards.artifacts import tables
from spurious_rewards.config import claims as ledgers
from spurious_rewards.config.experiments import Run, seeds_of
from spurious_rewards.config.loading import load
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages import (
    claims,
    compare_graders,
    contamination,
    memorization,
    plot,
    report,
    score,
    training_summary,
)
from spurious_rewards.stages.study import Study

PROBLEMS = 6
SOME = 6


def warm_up() -> None:
    """Import what the stages import when they work."""
    import spurious_rewards.analysis.claims.ledger
    import spurious_rewards.analysis.headline
    import spurious_rewards.analysis.perturbation
    import spurious_rewards.reporting.exhibits.exhibit
    import spurious_rewards.reporting.exhibits.qualitative
    import spurious_rewards.reporting.figures
    import spurious_rewards.reporting.report  # noqa: F401


class Rehearsal:
    """A study whose runs are invented when a stage needs them."""

    def __init__(self, study: Study):
        self.study = study
        self._random = np.random.default_rng(0)

    def exhibits(self, before: Study | None = None) -> None:
        """Make the scores and exhibits; given the study `before` a change, only the first `SOME` that differ from it.

        Raises:
            Wrong: a stage refuses.
        """
        study, suite = self.study, self.study.suite
        shown = list(suite.exhibits)
        scored = [(name, model) for name, experiment in suite.experiments.items() for model in experiment.all_models]
        if before:
            known, scores = before.suite.exhibits, before.suite.experiments
            shown = [name for name in shown if name not in known or plot.job(study, name) != plot.job(before, name)]
            scored = [
                (name, model)
                for name, model in scored
                if name not in scores
                or model not in scores[name].all_models
                or score.job(study, name, model) != score.job(before, name, model)
            ]
            shown, scored = shown[:SOME], scored[:SOME]
        for name in shown:
            self._have(study.paths.exhibit(name) / "table.csv")
        for name, model in scored:
            self._have(study.paths.scored(name, model) / "scores.parquet")

    def report(self) -> None:
        """Make the report and everything that it needs.

        Raises:
            Wrong: a stage refuses.
        """
        self.exhibits()
        self._have(self.study.paths.report())

    # ---------------------------------------------------------------- what a file is made of

    def _have(self, path: Path) -> None:
        if not path.exists():
            self._maker(path)()

    def _maker(self, path: Path) -> Callable[[], object]:
        study, paths = self.study, self.study.paths
        for folder, run in study.conditions.items():
            if path.parent == folder:
                return functools.partial(self._of_condition, folder, run, path)
        for experiment in study.suite.experiments:
            for model in study.suite.experiments[experiment].all_models:
                if path.parent == paths.scored(experiment, model):
                    return lambda: self._work(
                        score, path.parent, score.job(study, experiment, model), score.inputs(study, experiment, model)
                    )
            if path.parent == paths.experiment(experiment):
                return lambda: self._work(
                    training_summary,
                    path.parent,
                    training_summary.job(study, experiment),
                    training_summary.inputs(study, experiment),
                )
        for name in study.suite.exhibits:
            if path.parent == paths.exhibit(name):
                return lambda: self._work(plot, path.parent, plot.job(study, name), plot.inputs(study, name))
        if path == paths.claims():
            ledger, paper = ledgers.read(ledgers.FILE), load(ledgers.PAPER)
            return lambda: self._work(
                claims, path, claims.job(study, ledger, paper), {"numbers": claims.numbers(study, ledger)}
            )
        if path.parent == paths.contamination():
            inputs = {"problems": contamination.problems(study), "completions": memorization.completions(study)}
            return lambda: self._work(contamination, path.parent, contamination.job(study), inputs)
        if path.parent == paths.graders():
            return lambda: self._work(
                compare_graders, path.parent, compare_graders.job(study), compare_graders.inputs(study)
            )
        if path == paths.report():
            return self._report
        return functools.partial(self._invent, path)

    def _work(self, module: object, output: Path, job: object, inputs: dict[str, list[Path]]) -> None:
        """Run a stage, and first make the inputs that do not exist yet."""
        for found in inputs.values():
            for path in found:
                self._have(path)
        stage = module.STAGE  # type: ignore[attr-defined]
        [name] = stage.writes
        try:
            stage.work(job, {kind: found for kind, found in inputs.items() if found}, {name: output})
        except UserError as error:
            raise Wrong("late", f"{stage.work.__module__.rpartition('.')[2]} of {output.name}: {error}") from None

    def _report(self) -> None:
        study = self.study
        needed = [
            *(path for name in study.suite.experiments for path in report.numbers(study, name)),
            *(path for name in study.suite.exhibits for path in plot.files(study, name)),
            *contamination.files(study),
            study.paths.claims(),
            *compare_graders.files(study),
        ]
        for path in needed:
            self._have(path)
        self._work(report, study.paths.report(), report.job(study), {})

    # ---------------------------------------------------------------- inventions

    def _invent(self, path: Path) -> None:
        paths, suite = self.study.paths, self.study.suite
        ids = [f"p{number}" for number in range(PROBLEMS)]
        if path.parent == paths.problems("x").parent:
            texts = [f"What is {number} + {number} in {path.stem}?" for number in range(PROBLEMS)]
            tables.write(
                pd.DataFrame({"id": ids, "problem": texts, "answer": "1", "source": "invented"}), tables.Problems, path
            )
        elif path.parent == paths.memorization("x").parent:
            assert suite.partial_prompt is not None
            rows = [(0, 0, name, id_, 0, "What is", 2, False) for name in suite.partial_prompt.problems for id_ in ids]
            tables.write(pd.DataFrame(rows, columns=list(tables.Responses.to_schema().columns)), tables.Responses, path)
        elif path.parent == paths.probe("x").parent:
            assert suite.clipping is not None
            rows = [
                (variant, seed, pair, *self._random.random(3))
                for variant in suite.clipping.variants
                for seed in seeds_of(suite.clipping.seeds)
                for pair in range(2)
            ]
            tables.write(pd.DataFrame(rows, columns=list(tables.Probe.to_schema().columns)), tables.Probe, path)
        elif path == paths.bandit():
            assert suite.clipping is not None
            rows = [
                (variant, optimiser, step, 0.5, 0.4, 0.6, 2)
                for variant in ("clip", "no clip", "one update")
                for optimiser in suite.clipping.bandit.learning_rates
                for step in range(min(suite.clipping.bandit.steps, 50) + 1)
            ]
            tables.write(pd.DataFrame(rows, columns=list(tables.Bandit.to_schema().columns)), tables.Bandit, path)
        else:
            raise AssertionError(f"{path}: nobody makes this")

    def _of_condition(self, folder: Path, run: Run, path: Path) -> None:
        """Write responses, grades, metrics, labels or votes of a model before training or of a segment."""
        seeds = [tables.SHARED_BASE] if not run.seeds else list(seeds_of(run.seeds))
        steps = [0]
        if run.reward:
            start, stop = map(int, folder.name.split("-"))
            steps = list(self.study.suite.eval_steps(run, start, stop))
        if path.name == "metrics.parquet":
            tables.write(self._metrics(seeds, *map(int, folder.name.split("-"))), tables.Metrics, path)
        elif path.name == "labels.parquet":
            rows = [(seed, f"p{i}", f"{i}", "1", "1", 1, 2, bool(i % 2)) for seed in seeds for i in range(PROBLEMS)]
            tables.write(pd.DataFrame(rows, columns=list(tables.Labels.to_schema().columns)), tables.Labels, path)
        elif path.name == "vote_grades.parquet":
            tables.write(self._grades(seeds, [0], {"vote": 2}), tables.Grades, path)
        else:
            asked = {name: each.samples for name, each in self.study.benchmarks_in(folder).items()}
            graded = self._grades(seeds, steps, asked)
            if path.name == "grades.parquet":
                tables.write(graded, tables.Grades, path)
            else:
                said = graded.assign(response="It is \\boxed{1}.", tokens=5)
                tables.write(said[list(tables.Responses.to_schema().columns)], tables.Responses, path)

    def _grades(self, seeds: list[int], steps: list[int], samples: dict[str, int]) -> pd.DataFrame:
        keys = pd.DataFrame(_keys(seeds, steps, samples), columns=["seed", "step", "benchmark", "id", "sample"])
        draws = self._random.random((4, len(keys))) < 0.5
        return keys.assign(
            extracted=np.where(draws[0], "1", "2"),
            rule="box",
            correct=draws[0],
            status="graded",
            has_code=draws[1],
            has_box=draws[2],
            repeats=draws[3],
            truncated=False,
        )

    def _metrics(self, seeds: list[int], start: int, stop: int) -> pd.DataFrame:
        names = list(tables.Metrics.to_schema().columns)
        keys = pd.DataFrame([(seed, step) for seed in seeds for step in range(start + 1, stop + 1)], columns=names[:2])
        return keys.assign(**{name: self._random.random(len(keys)) for name in names[2:]})


def _keys(seeds: list[int], steps: list[int], samples: dict[str, int]) -> Iterator[tuple[int, int, str, str, int]]:
    for seed in seeds:
        for step in steps:
            for benchmark, count in samples.items():
                for number in range(PROBLEMS):
                    for sample in range(min(count, 4)):
                        yield seed, step, benchmark, f"p{number}", sample
