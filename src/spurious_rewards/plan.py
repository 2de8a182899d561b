"""What each job is told: the values of the suite that it uses and no others, so that a changed value re-makes what hangs on it.

A *job* is one frozen class a stage. `Plan` fills them for the workflow, which hands them to the command line as JSON; the
command line reads them back with the same classes.
"""

import os
from pathlib import Path
from typing import Literal

from spurious_rewards.layout import Layout, bases, checkpoint
from spurious_rewards.machine import Machine
from spurious_rewards.suite import (
    Benchmark,
    Family,
    Frozen,
    Model,
    Organism,
    ProblemSet,
    Prompt,
    Reward,
    Run,
    Sampling,
    Strategies,
    Suite,
    Training,
    Vote,
    seeds_of,
)
from spurious_rewards.tables import SHARED_BASE

FIGURES = ("bars", "curves", "code")
"""What is drawn for each benchmark, in the manner of the paper's Fig. 1, 2 and 6."""


class Weights(Frozen):
    """A model to load: a folder, or a hub id whose revision the lock file pins."""

    folder: Path | None = None
    hub: str | None = None
    revision: str | None = None
    lock: Path | None = None


class PrepareJob(Frozen):
    """Prepare one problem set."""

    version: int
    name: str
    problem_set: ProblemSet
    organism: Organism | None
    data_seed: int
    sources: dict[str, Path]
    lock: Path


class PretrainJob(Frozen):
    """Pretrain one organism."""

    version: int
    organism: Organism
    family: Family
    seed: int
    threads: int


class VoteJob(Frozen):
    """Sample the untrained models on the training problems; `bases` has one a seed."""

    version: int
    bases: dict[int, Weights]
    prompt: Prompt
    vote: Vote
    pool_size: int
    max_prompt_tokens: int
    sampling: Sampling
    engine: str
    threads: int


class LabelJob(Frozen):
    """Grade and count the votes."""

    version: int
    answer_in: Literal["box", "tag"]
    strategies: Strategies
    equivalence: Literal["math", "strings"]


class TrainJob(Frozen):
    """Train a segment of a run for a group of seeds."""

    version: int
    run: Run
    start: int
    stop: int
    bases: dict[int, Weights]
    training: Training
    reward: Reward
    prompt: Prompt
    strategies: Strategies
    threads: int


class RespondJob(Frozen):
    """Answer the benchmarks: with the untrained models (`bases`) or with the checkpoints of a segment (`seeds`, `steps`)."""

    version: int
    bases: dict[int, Weights]
    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    benchmarks: dict[str, Benchmark]
    prompt: Prompt
    sampling: Sampling
    engine: str
    threads: int


class GradeJob(Frozen):
    """Grade responses; `benchmarks` says which problem set each answers."""

    benchmarks: dict[str, str]
    answer_in: Literal["box", "tag"]
    strategies: Strategies


class AnalyseJob(Frozen):
    """Tables, figures and report of one experiment; `suite` holds no other."""

    suite: Suite
    experiment: str


class Plan:
    """Jobs, inputs and targets of a suite, by the wildcards of the paths they make."""

    def __init__(self, suite: Suite, machine: Machine, suite_path: Path):
        self.suite, self.machine = suite, machine
        self.name = suite_path.stem
        self.lock = Path(
            os.path.relpath(suite_path.with_suffix(".lock.yaml"))
        )  # the same in every copy of the checkout
        self.layout = Layout(Path("results") / self.name)

    # ------------------------------------------------------------ models before training

    def seed_group(self, folder: str) -> tuple[int, ...]:
        """Seeds of a `bases` folder name: those of an organism's group, or the one that stands for all."""
        return seeds_of(folder.removeprefix("seeds")) if folder.startswith("seeds") else (SHARED_BASE,)

    def weights(self, name: str, seeds: tuple[int, ...]) -> dict[int, Weights]:
        """What to load as the untrained model of each seed."""
        model = self.suite.models[name]
        return {seed: self._weights(name, model, seed) for seed in seeds}

    def _weights(self, name: str, model: Model, seed: int) -> Weights:
        if model.source == "organism":
            return Weights(folder=self.layout.pretrained(name, seed))
        assert model.id is not None
        if model.source == "local" or model.id in self.machine.sources:
            return Weights(folder=self.machine.sources.get(model.id, Path(model.id)))
        return Weights(hub=model.id, revision=model.revision, lock=self.lock)

    def pretrained(self, name: str, seeds: tuple[int, ...]) -> list[Path]:
        """Artifacts that the untrained models of these seeds are: checkpoints of organisms, nothing for other models."""
        if self.suite.models[name].source != "organism":
            return []
        return [self.layout.pretrained(name, seed) for seed in seeds]

    # ------------------------------------------------------------ jobs

    def prepare(self, name: str, version: int) -> str:
        """Job of a problem set."""
        problem_set = self.suite.problems[name]
        replaced = {hub: path for hub, path in self.machine.sources.items() if hub == problem_set.hub}
        return PrepareJob(
            version=version,
            name=name,
            problem_set=problem_set,
            organism=self.suite.organism if problem_set.generated else None,
            data_seed=self.suite.data_seed,
            sources=replaced,
            lock=self.lock,
        ).model_dump_json()

    def pretrain(self, name: str, seed: int, version: int) -> str:
        """Job of an organism; `version` is the stage's."""
        family, organism = self.suite.models[name].family, self.suite.organism
        assert family is not None
        assert organism is not None
        return PretrainJob(
            version=version, organism=organism, family=family, seed=seed, threads=self.machine.threads
        ).model_dump_json()

    def vote(self, model: str, folder: str, prompt: str, version: int) -> str:
        """Job of the votes of a model."""
        return VoteJob(
            version=version,
            bases=self.weights(model, self.seed_group(folder)),
            prompt=self._prompt(prompt),
            vote=self.suite.vote,
            pool_size=self.suite.pool_size,
            max_prompt_tokens=self.suite.training.max_prompt_tokens,
            sampling=self.suite.sampling,
            engine=self.machine.engine,
            threads=self.machine.threads,
        ).model_dump_json()

    def label(self, prompt: str, version: int) -> str:
        """Job of grading and counting votes."""
        return LabelJob(
            version=version,
            answer_in=self.suite.prompts[prompt].answer_in,
            strategies=self.suite.strategies,
            equivalence=self.suite.vote.equivalence,
        ).model_dump_json()

    def train(self, run: Run, start: int, stop: int, version: int) -> str:
        """Job of a segment."""
        return TrainJob(
            version=version,
            run=run,
            start=start,
            stop=stop,
            bases=self.weights(run.model, seeds_of(run.seeds)),
            training=self.suite.algorithms[run.variant],
            reward=self._reward(run.reward),
            prompt=self._prompt(run.prompt),
            strategies=self.suite.strategies,
            threads=self.machine.threads,
        ).model_dump_json()

    def respond_base(self, model: str, folder: str, prompt: str, version: int) -> str:
        """Job of the untrained models' answers."""
        seeds = self.seed_group(folder)
        return self._respond(self.weights(model, seeds), seeds, (0,), prompt, version)

    def respond_run(self, run: Run, start: int, stop: int, version: int) -> str:
        """Job of the answers of a segment's checkpoints."""
        return self._respond(
            {}, seeds_of(run.seeds), tuple(self.suite.eval_steps(run, start, stop)), run.prompt, version
        )

    def _respond(
        self, weights: dict[int, Weights], seeds: tuple[int, ...], steps: tuple[int, ...], prompt: str, version: int
    ) -> str:
        return RespondJob(
            version=version,
            bases=weights,
            seeds=seeds,
            steps=steps,
            benchmarks={
                name: benchmark.model_copy(update={"title": ""}) for name, benchmark in self.suite.benchmarks.items()
            },
            prompt=self._prompt(prompt),
            sampling=self.suite.sampling,
            engine=self.machine.engine,
            threads=self.machine.threads,
        ).model_dump_json()

    def grade(self, prompt: str) -> str:
        """Job of grading benchmark answers."""
        return GradeJob(
            benchmarks={name: benchmark.problems for name, benchmark in self.suite.benchmarks.items()},
            answer_in=self.suite.prompts[prompt].answer_in,
            strategies=self.suite.strategies,
        ).model_dump_json()

    def analyse(self, experiment: str) -> str:
        """Job of everything that is made of an experiment's grades, scores and tables."""
        alone = self.suite.model_copy(
            update={
                "experiments": {experiment: self.suite.experiments[experiment]},
                "report": self.suite.report.model_copy(update={"headline": experiment}),
            }
        )
        return AnalyseJob(suite=alone, experiment=experiment).model_dump_json()

    # Words for readers alone are kept out of the jobs of the stages up to the grades: they must not re-make anything there.

    def _reward(self, name: str) -> Reward:
        return self.suite.rewards[name].model_copy(update={"title": ""})

    def _prompt(self, name: str) -> Prompt:
        return self.suite.prompts[name].model_copy(update={"origin": ""})

    # ------------------------------------------------------------ what hangs on what

    def benchmark_problems(self) -> list[Path]:
        """Problem sets of all benchmarks, each once."""
        return [
            self.layout.problems(name) for name in dict.fromkeys(b.problems for b in self.suite.benchmarks.values())
        ]

    def training_data(self, run: Run) -> Path:
        """The labels that a run's reward needs, or the problems with their true answers."""
        if self.suite.rewards[run.reward].training_set == "truth":
            return self.layout.problems(self.suite.training_problems)
        return self.base_folder(run) / "labels.parquet"

    def base_folder(self, run: Run) -> Path:
        """Folder of the untrained model that a run starts from."""
        return self.layout.base(run.model, bases(self.suite.models[run.model], run.seeds), run.prompt)

    def previous(self, run: Run, start: int) -> list[Path]:
        """Checkpoints that a segment begins with: those of the one before, or none."""
        return [
            self.layout.segment(run, *segment) / "checkpoints"
            for segment in self.suite.segments(run)
            if segment[1] == start
        ]

    def grades(self, experiment: str) -> list[Path]:
        """Grades of all runs of an experiment, those of the untrained models first."""
        chosen = self.suite.experiments[experiment]
        runs = list(self.suite.runs_of(chosen))
        before = list(dict.fromkeys(self.base_folder(run) / "grades.parquet" for run in runs))
        return before + [folder / "grades.parquet" for folder in self._segments(runs, chosen.steps)]

    def metrics(self, experiment: str) -> list[Path]:
        """Training metrics of all runs of an experiment."""
        chosen = self.suite.experiments[experiment]
        return [folder / "metrics.parquet" for folder in self._segments(list(self.suite.runs_of(chosen)), chosen.steps)]

    def _segments(self, runs: list[Run], steps: int) -> list[Path]:
        return [
            self.layout.segment(run, start, stop)
            for run in runs
            for start, stop in self.suite.segments(run)
            if start < steps
        ]

    def voted(self, experiment: str, table: str) -> list[Path]:
        """A table of the votes ("labels", "vote_grades") of each model that an experiment trains on votes."""
        runs = self.suite.runs_of(self.suite.experiments[experiment])
        on_votes = (run for run in runs if self.suite.rewards[run.reward].training_set != "truth")
        return list(dict.fromkeys(self.base_folder(run) / f"{table}.parquet" for run in on_votes))

    def figures(self, experiment: str) -> list[Path]:
        """Every figure of an experiment, in every format."""
        folder = self.layout.experiment(experiment) / "figures"
        return [
            folder / f"{benchmark}_{kind}.{ending}"
            for benchmark in self.suite.benchmarks
            for kind in FIGURES
            for ending in ("svg", "png")
        ]


def trained(segment: Path, job: RespondJob) -> list[tuple[int, int, Path]]:
    """(seed, step, folder) of the checkpoints of a segment that a job answers with."""
    return [(seed, step, checkpoint(segment, seed, step)) for seed in job.seeds for step in job.steps]
