"""Estimate what a suite takes before it runs. `config.costs` has the arithmetic.

The unit is *work*: an artifact that a model makes on a GPU (votes, the checkpoints of a segment, answers), with its
GPU-hours, its bytes and the work that it needs first. An experiment or a target is the set of work that it needs, as
the workflow makes it: whole segments, with answers to every benchmark that any experiment asks of them. Arithmetic of
these sets says what parts share, what dropping one would save, and which is free once another is made.
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
"""The stages that run a model, and how tables call what they make. Pretraining an organism needs no GPU."""


@dataclass(frozen=True)
class Work:
    """What one job makes with a model, and its costs."""

    stage: ModelStage
    hours: float
    """GPU-hours."""
    gpus: int
    """GPUs that the job uses at once; 1 if the suite has no `resources`."""
    needs: tuple[Path, ...]
    run: Run | None = None
    """The run that the job trains a segment of."""
    weights: float = 0
    """Bytes of checkpoints that are kept."""
    states: float = 0
    """Bytes of optimiser states that are kept."""
    text: float = 0
    """Bytes of responses."""
    passing: float = 0
    """Bytes that are deleted once the checkpoints have answered and the next segment is trained."""
    working: float = 0
    """Bytes that are there only while the job runs."""

    @property
    def kept(self) -> float:
        """Return the bytes that are kept."""
        return self.weights + self.states + self.text


Artifacts = frozenset[Path]


@dataclass(frozen=True)
class Estimate:
    """All the work of a suite, and the part of it that each experiment and each target needs."""

    works: Mapping[Path, Work]
    experiments: Mapping[str, Artifacts]
    targets: Mapping[str, Artifacts]
    gpus: int
    downloads: float
    """Bytes of the models that are downloaded from the hub."""

    def hours(self, artifacts: Iterable[Path], *stages: ModelStage) -> float:
        """Return the GPU-hours of some work, in the given stages or in all."""
        works = (self.works[each] for each in artifacts)
        return fsum(work.hours for work in works if work.stage in (stages or STAGES))  # fsum: the same in any order

    def kept(self, artifacts: Iterable[Path]) -> float:
        """Return the bytes of some work that are there at the end."""
        return sum(self.works[each].kept for each in artifacts)

    def runs(self, artifacts: Iterable[Path]) -> set[Run]:
        """Return the runs that are trained for some work."""
        return {run for each in artifacts if (run := self.works[each].run)}

    def only(self, experiment: str) -> Artifacts:
        """Return the work that only this experiment needs."""
        others = (artifacts for name, artifacts in self.experiments.items() if name != experiment)
        return self.experiments[experiment].difference(*others)

    @property
    def disk(self) -> float:
        """Return the bytes at the end: downloaded models, checkpoints and responses."""
        return self.downloads + self.kept(self.works)

    @property
    def peak(self) -> float:
        """Return the bytes at the peak, if runs that have begun continue before others begin.

        It counts the runs with the most passing bytes, as many as fit on the GPUs at once.
        """
        left, passing = self.gpus, 0.0
        # A segment's passing files are deleted once the next one is made: two segments of each run exist at once.
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
        """Return the bytes if every run begins before any continues: then a segment of each run waits for the next."""
        return self.disk + sum(max(work.passing for work in segments) for segments in self._segments.values())

    @functools.cached_property
    def _segments(self) -> dict[Run, list[Work]]:
        """Return the segments of each run, in order."""
        segments: dict[Run, list[Work]] = defaultdict(list)
        for work in self.works.values():
            if work.run:
                segments[work.run].append(work)
        return segments

    @property
    def chain(self) -> float:
        """Return the hours of the longest chain of jobs that wait for each other."""

        @functools.cache
        def ends(artifact: Path) -> float:
            work = self.works[artifact]
            return work.hours / work.gpus + max(map(ends, work.needs), default=0.0)

        return max(map(ends, self.works), default=0.0)

    @property
    def wall(self) -> float:
        """Return the least hours that the suite takes on `gpus` GPUs."""
        return max(self.hours(self.works) / self.gpus, self.chain)

    @property
    def unfit(self) -> dict[int, int]:
        """Return number of GPUs -> how many jobs ask for it, for numbers larger than `gpus`."""
        asked = [work.gpus for work in self.works.values() if work.gpus > self.gpus]
        return {count: asked.count(count) for count in sorted(set(asked))}


def estimate(
    study: Study, gpus: int = 1, assumed: Assumed = AS_THE_PAPER, measured: Calibrated | None = None
) -> Estimate:
    """Estimate what a suite takes on `gpus` GPUs under `assumed`; measurements of a model replace the arithmetic."""
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
    """GPU-hours from measurements or, without them, from arithmetic."""

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
    """Return the segments of a run, and the votes that it needs."""
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
            working=min(len(steps) - 1, 1) * state,  # of one seed; a state is deleted when the next one is written
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
    """Return how many untrained models a seed group starts from."""
    return len(model_refs.untrained_seeds(group_of(bases(study.suite.models[model], seeds))))


def _starts(study: Study, model: str, seeds: str) -> tuple[Path, ...]:
    """Return the checkpoints that a model starts from; none for an organism, whose pretraining needs no GPU."""
    return tuple(model_refs.made_here(study, model, seeds)) if study.suite.models[model].start else ()


def _answers(grades: Iterable[Path]) -> list[Path]:
    return [path.with_name("responses.parquet") for path in grades]


def _read_by(study: Study, target: str) -> list[Path]:
    """Return the work that a target reads, directly or through the numbers of its experiment."""
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
    """Return some work with everything that it needs."""
    found: set[Path] = set()
    todo = list(wanted)
    while todo:
        if (each := todo.pop()) not in found:
            found.add(each)
            todo += works[each].needs
    return frozenset(found)
