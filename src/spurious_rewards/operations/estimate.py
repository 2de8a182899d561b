"""What a suite takes before it has run, and what was measured beside that once it has; `costs` has the arithmetic.

The unit is *work*: an artifact that a model makes on a GPU (votes, a segment's checkpoints, answers), with its GPU-hours, its
bytes and the work that it needs before it. An experiment or a target is the set of work that it needs, as the workflow makes
it: whole segments, answered for every benchmark that anyone asks of them. What parts share, what one would save, which
is free once another is made: all of it is arithmetic of these sets.
"""

import functools
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import Literal

from spurious_rewards.artifacts.paths import bases, group_of
from spurious_rewards.config import costs
from spurious_rewards.config.costs import AS_THE_PAPER, Assumed
from spurious_rewards.config.experiments import Run, seeds_of
from spurious_rewards.config.retention import kept_states, kept_steps
from spurious_rewards.operations.calibrated import Calibrated
from spurious_rewards.stages import generate, grade, model_refs, plot, resources, score, train
from spurious_rewards.stages.study import Study

ModelStage = Literal["train", "vote", "generate"]
STAGES: dict[ModelStage, str] = {"train": "training", "vote": "votes", "generate": "answers"}
"""Stages in which a model is at work, and how tables call what they make; organisms' pretraining needs no GPU."""


@dataclass(frozen=True)
class Work:
    """What one job makes with a model."""

    stage: ModelStage
    hours: float
    """GPU-hours"""
    gpus: int
    """that it runs on at once; 1 where the suite has no `resources`"""
    needs: tuple[Path, ...]
    run: Run | None = None
    """whose segment it is"""
    weights: float = 0
    """bytes of checkpoints that stay"""
    states: float = 0
    """bytes of optimisers' states that stay"""
    text: float = 0
    """bytes of responses"""
    passing: float = 0
    """bytes that go once the checkpoints have answered and the next segment is made"""
    working: float = 0
    """bytes that are there while the job runs"""

    @property
    def kept(self) -> float:
        """Bytes that stay."""
        return self.weights + self.states + self.text


Artifacts = frozenset[Path]


@dataclass(frozen=True)
class Estimate:
    """All the work of a suite, and which of it each experiment and each target needs."""

    works: Mapping[Path, Work]
    experiments: Mapping[str, Artifacts]
    targets: Mapping[str, Artifacts]
    gpus: int
    downloads: float
    """bytes of the models as the hub has them"""

    def hours(self, artifacts: Iterable[Path], *stages: ModelStage) -> float:
        """GPU-hours of some work, of some stages or of all."""
        works = (self.works[each] for each in artifacts)
        return fsum(work.hours for work in works if work.stage in (stages or STAGES))  # the same in any order

    def kept(self, artifacts: Iterable[Path]) -> float:
        """Bytes of some work at the end."""
        return sum(self.works[each].kept for each in artifacts)

    def runs(self, artifacts: Iterable[Path]) -> set[Run]:
        """The runs that are trained for some work."""
        return {run for each in artifacts if (run := self.works[each].run)}

    def only(self, experiment: str) -> Artifacts:
        """The work that would not be done without an experiment."""
        others = (artifacts for name, artifacts in self.experiments.items() if name != experiment)
        return self.experiments[experiment].difference(*others)

    @property
    def disk(self) -> float:
        """Bytes at the end: downloaded models, checkpoints, responses."""
        return self.downloads + self.kept(self.works)

    @property
    def peak(self) -> float:
        """Bytes at the peak, where a run that has begun goes on before another begins: the largest that fit on the GPUs."""
        left, passing = self.gpus, 0.0
        # What a segment no longer needs goes when the next one is made: two of each run lie there at once.
        most = {
            run: max(before + made.passing + made.working for before, made in zip([0.0, *gone], segments, strict=False))
            for run, segments in self._segments.items()
            if (gone := [work.passing for work in segments])
        }
        for run in sorted(most, key=lambda run: most[run], reverse=True):
            if (needed := self._segments[run][0].gpus) <= left:
                left, passing = left - needed, passing + most[run]
        return self.disk + passing

    @property
    def worst(self) -> float:
        """Bytes if every run begins before any goes on: a segment of each waits for the next."""
        return self.disk + sum(max(work.passing for work in segments) for segments in self._segments.values())

    @functools.cached_property
    def _segments(self) -> dict[Run, list[Work]]:
        """The segments of each run, in order."""
        segments: dict[Run, list[Work]] = defaultdict(list)
        for work in self.works.values():
            if work.run:
                segments[work.run].append(work)
        return segments

    @property
    def chain(self) -> float:
        """Hours of the longest chain of jobs that wait for each other."""

        @functools.cache
        def ends(artifact: Path) -> float:
            work = self.works[artifact]
            return work.hours / work.gpus + max(map(ends, work.needs), default=0.0)

        return max(map(ends, self.works), default=0.0)

    @property
    def wall(self) -> float:
        """Hours that it takes at least on so many GPUs."""
        return max(self.hours(self.works) / self.gpus, self.chain)

    @property
    def unfit(self) -> dict[int, int]:
        """GPUs that a job asks for, more than there are -> how many jobs do."""
        asked = [work.gpus for work in self.works.values() if work.gpus > self.gpus]
        return {count: asked.count(count) for count in sorted(set(asked))}


def estimate(
    study: Study, gpus: int = 1, assumed: Assumed = AS_THE_PAPER, measured: Calibrated | None = None
) -> Estimate:
    """What a suite takes on so many GPUs, if this is assumed; where a model was measured, by its calibration."""
    works = _works(study, _Hours(study, assumed, measured or Calibrated(study)))
    suite = study.suite
    names = {model for experiment in suite.experiments.values() for model in experiment.all_models}
    starts = {start.model for name in names if (start := suite.models[name].start)}
    return Estimate(
        works=works,
        experiments={name: _closure(works, _answers(grade.grades(study, name))) for name in suite.experiments},
        targets={name: _closure(works, _read_by(study, name)) for name in suite.exhibits},
        gpus=gpus,
        downloads=sum(
            costs.DOWNLOAD_BYTES * suite.num_parameters(name)
            for name in names | starts
            if suite.models[name].source == "hub"
        ),
    )


# ---------------------------------------------------------------- the work of a study


@dataclass(frozen=True)
class _Hours:
    """GPU-hours by what was measured, else by arithmetic."""

    study: Study
    assumed: Assumed
    measured: Calibrated

    def of_training(self, run: Run, start: int, stop: int) -> float:
        found = self.measured.train_hours(run, start, stop)
        return costs.train_hours(self.study.suite, run, start, stop, self.assumed) if found is None else found

    def of_votes(self, model: str) -> float:
        found = self.measured.sampling_hours(model, costs.votes(self.study.suite))
        return costs.vote_hours(self.study.suite, model, self.assumed) if found is None else found

    def of_answers(self, model: str, checkpoints: int, benchmarks: Collection[str]) -> float:
        found = self.measured.sampling_hours(model, checkpoints * costs.answers(self.study.suite, benchmarks))
        if found is None:
            return costs.generate_hours(self.study.suite, model, checkpoints, benchmarks, self.assumed)
        return found


def _works(study: Study, hours: _Hours) -> dict[Path, Work]:
    suite = study.suite
    asked = {folder / "responses.parquet": benchmarks for folder, benchmarks in study.answered.items()}
    works: dict[Path, Work] = {}
    for run in suite.runs:
        if suite.imported(run) is None:
            works |= _training(study, run, hours)
        for start, stop in suite.segments(run):
            answers = study.paths.segment(run, start, stop) / "responses.parquet"
            if answers in asked:
                works[answers] = _answers_of_run(study, run, start, stop, asked[answers], hours)
    for experiment in suite.experiments.values():
        for model, prompt, seeds in suite.bases_of(experiment):
            answers = study.base_folder(model, prompt, seeds) / "responses.parquet"
            works[answers] = _answering(
                study, model, _untrained(study, model, seeds), asked[answers], _starts(study, model, seeds), hours
            )
    return works


def _training(study: Study, run: Run, hours: _Hours) -> dict[Path, Work]:
    """The segments of a run, and the votes that it needs."""
    suite, works = study.suite, {}
    needs = _starts(study, run.model, run.seeds)
    if suite.rewards[run.reward].training_set != "truth":
        voters = _untrained(study, run.model, run.seeds)
        votes = study.base_folder(run.model, run.prompt, run.seeds) / "votes.parquet"
        works[votes] = Work(
            stage="vote",
            hours=voters * hours.of_votes(run.model),
            gpus=max(1, resources.of_sampling(study, run.model).gpus),
            needs=needs,
            text=voters * costs.vote_bytes(suite),
        )
        needs += (votes,)
    steps_kept, states_kept = kept_steps(suite, run), kept_states(suite, run)
    weights, state = costs.weight_bytes(suite, run.model), costs.state_bytes(suite, run)
    if (config := resources.accelerate_config(study, run.model)) and config.sharding:
        state += costs.OWN_BYTES.get(config.sharding, 0) * suite.num_parameters(run.model)
    seeds = len(seeds_of(run.seeds))
    for start, stop in suite.segments(run):
        steps = suite.eval_steps(run, start, stop)
        kept, state_kept = len(steps_kept.intersection(steps)), int(stop in states_kept)
        works[study.paths.segment(run, start, stop) / "checkpoints"] = Work(
            stage="train",
            hours=hours.of_training(run, start, stop),
            gpus=max(1, resources.of_training(study, run).gpus),
            needs=(*needs, *train.previous(study, run, start)),
            run=run,
            weights=seeds * kept * weights,
            states=seeds * state_kept * state,
            passing=seeds * ((len(steps) - kept) * weights + (1 - state_kept) * state),
            working=min(len(steps) - 1, 1) * state,  # of one seed: the last state goes when the next one is written
        )
    return works


def _answers_of_run(study: Study, run: Run, start: int, stop: int, benchmarks: Collection[str], hours: _Hours) -> Work:
    needs = () if study.suite.imported(run) else (study.paths.segment(run, start, stop) / "checkpoints",)
    return _answering(study, run.model, generate.checkpoints_of_run(study, run, start, stop), benchmarks, needs, hours)


def _answering(
    study: Study, model: str, checkpoints: int, benchmarks: Collection[str], needs: tuple[Path, ...], hours: _Hours
) -> Work:
    return Work(
        stage="generate",
        hours=hours.of_answers(model, checkpoints, benchmarks),
        gpus=max(1, resources.of_sampling(study, model).gpus),
        needs=needs,
        text=costs.answer_bytes(study.suite, checkpoints, benchmarks),
    )


def _untrained(study: Study, model: str, seeds: str) -> int:
    """How many models before training a seed group starts from."""
    return len(model_refs.untrained_seeds(group_of(bases(study.suite.models[model], seeds))))


def _starts(study: Study, model: str, seeds: str) -> tuple[Path, ...]:
    """The training that a model is the end of; an organism's pretraining needs no GPU."""
    return tuple(model_refs.made_here(study, model, seeds)) if study.suite.models[model].start else ()


def _answers(grades: Iterable[Path]) -> list[Path]:
    return [path.with_name("responses.parquet") for path in grades]


def _read_by(study: Study, target: str) -> list[Path]:
    """The work that a target reads, itself or by way of the numbers of its experiment."""
    exhibit, read = study.suite.exhibits[target], []
    if exhibit.experiment is None:
        return []  # probe and bandit, which need no GPU
    inputs = [path for paths in plot.inputs(study, target).values() for path in paths]
    if set(score.folders(study, exhibit.experiment, exhibit.models)) & {path.parent for path in inputs}:
        read += _answers(grade.grades(study, exhibit.experiment, exhibit.models))
    read += _answers(path for path in inputs if path.name in ("grades.parquet", "responses.parquet"))
    read += [path.with_name("checkpoints") for path in inputs if path.name == "metrics.parquet"]
    return read


def _closure(works: Mapping[Path, Work], wanted: Iterable[Path]) -> Artifacts:
    """Some work with all that it needs."""
    found: set[Path] = set()
    todo = list(wanted)
    while todo:
        if (each := todo.pop()) not in found:
            found.add(each)
            todo += works[each].needs
    return frozenset(found)
