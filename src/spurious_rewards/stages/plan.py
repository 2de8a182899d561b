"""Jobs, inputs and targets of a suite, as the workflow asks for them by the wildcards of the paths they make.

A job is told the values of the suite that it uses and no others, so that a changed value re-makes what hangs on it.
"""

import math
import os
import shlex
from collections import defaultdict
from collections.abc import Collection
from functools import cached_property
from pathlib import Path

from spurious_rewards.artifacts.paths import BASE, ResultPaths, bases, checkpoint
from spurious_rewards.artifacts.tables import SHARED_BASE
from spurious_rewards.config import costs
from spurious_rewards.config.accelerate import AccelerateConfig as TrainingLayout
from spurious_rewards.config.accelerate import read as read_layout
from spurious_rewards.config.claims import Ledger
from spurious_rewards.config.experiments import BestPrompt, Clipping, Experiment, PartialPrompt, Report, Run, seeds_of
from spurious_rewards.config.models import Model, Prompt, Start
from spurious_rewards.config.problems import Benchmark
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.retention import kept_states, kept_steps
from spurious_rewards.config.settings import Settings
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import Reward
from spurious_rewards.models.references import CheckpointRef, ModelRef
from spurious_rewards.problems.partial_prompts import LONGEST_REST
from spurious_rewards.reporting.exhibit_kinds import ENDINGS, NEEDS, judging, pictures
from spurious_rewards.stages.jobs import (
    AgreementJob,
    BanditJob,
    ClaimsJob,
    ContaminationJob,
    ExhibitJob,
    GradeJob,
    LabelJob,
    PrepareJob,
    PretrainJob,
    ProbeJob,
    PruneJob,
    RecallJob,
    ReportJob,
    RespondJob,
    ScoreJob,
    SummariseJob,
    TrainJob,
    VoteJob,
)

UNPROBED = {"segment_steps": 1, "eval_every": 1, "rollouts_every": None}
"""Keys of `Training` that are about more than one rollout batch, at values that no suite changes."""

WORDLESS = {"about": "", "licence": ""}
"""Keys of a problem set that only the report shows."""


class Plan:
    """Jobs, inputs and targets of a suite, by the wildcards of the paths they make."""

    def __init__(self, suite: Suite, machine: Settings, suite_path: Path, root: Path = Path()):
        """`root` is the folder of the checkout, where the layouts of training lie."""
        self.suite, self.machine, self.root = suite, machine, root
        self.name, self.suite_path = suite_path.stem, suite_path
        self.lock = Path(
            os.path.relpath(suite_path.with_suffix(".lock.yaml"))
        )  # the same in every copy of the checkout
        self.layout = ResultPaths(Path("results") / self.name)
        self._layouts: dict[str, TrainingLayout] = {}

    # ------------------------------------------------------------ models before training

    def weights(self, name: str, group: str) -> dict[int, ModelRef]:
        """What to load as the untrained model of each seed of a group; "base" is the one that all seeds share."""
        model = self.suite.models[name]
        seeds = (SHARED_BASE,) if group == BASE else seeds_of(group)
        return {seed: self._weights(name, model, group, seed) for seed in seeds}

    def _weights(self, name: str, model: Model, group: str, seed: int) -> ModelRef:
        if model.source == "organism":
            return ModelRef(folder=self.layout.pretrained(name, seed))
        if model.start:
            return ModelRef(folder=checkpoint(self._end(model.start, group), seed, model.start.step))
        assert model.id is not None
        if model.source == "local":
            return ModelRef(folder=Path(model.id))
        return self._from_hub(model.id, model.revision)

    def _from_hub(self, id_: str, revision: str | None) -> ModelRef:
        if id_ in self.machine.sources:
            return ModelRef(folder=self.machine.sources[id_])
        return ModelRef(hub=id_, revision=revision, lock=self.lock)

    def _end(self, start: Start, group: str) -> Path:
        """The segment of a run that holds the checkpoint another model starts from."""
        run = self.suite.run_before(start, group)
        return next(
            self.layout.segment(run, first, last)
            for first, last in self.suite.segments(run)
            if first < start.step <= last
        )

    def pretrained(self, name: str, group: str) -> list[Path]:
        """Artifacts that the untrained models of a seed group are: checkpoints that the workflow itself makes."""
        model = self.suite.models[name]
        if model.start:
            return [self._end(model.start, group) / "checkpoints"]
        return [self.layout.pretrained(name, seed) for seed in seeds_of(group)] if model.source == "organism" else []

    # ------------------------------------------------------------ jobs

    def prepare(self, name: str, version: int) -> str:
        """Job of a problem set."""
        problem_set = self.suite.problems[name]
        replaced = {hub: path for hub, path in self.machine.sources.items() if hub == problem_set.hub}
        return PrepareJob(
            version=version,
            name=name,
            problem_set=problem_set.model_copy(update=WORDLESS),
            organism=self.suite.organism if problem_set.generated else None,
            overlap=self.suite.overlap if problem_set.decontaminate else None,
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

    def vote(self, model: str, bases: str, prompt: str, version: int) -> str:
        """Job of the votes of a model."""
        return VoteJob(
            version=version,
            bases=self.weights(model, group_of(bases)),
            prompt=self._prompt(model, prompt),
            vote=self.suite.vote.model_copy(update={"equivalence": "math"}),  # which is for counting
            pool_size=self.suite.pool_size,
            max_prompt_tokens=self.suite.training.max_prompt_tokens,
            sampling=self.suite.sampling,
            threads=self.machine.threads,
        ).model_dump_json()

    def label(self, model: str, prompt: str, version: int) -> str:
        """Job of grading and counting votes."""
        return LabelJob(
            version=version,
            answer_in=self.suite.prompt(model, prompt).answer_in,
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
            bases=self.weights(run.model, run.seeds),
            training=self.suite.algorithms[run.variant],
            reward=self._reward(run.reward),
            prompt=self._prompt(run.model, run.prompt),
            strategies=self.suite.strategies,
            threads=self.machine.threads,
        ).model_dump_json()

    def respond_base(self, model: str, bases: str, prompt: str, version: int) -> str:
        """Job of the untrained models' answers."""
        weights = self.weights(model, group_of(bases))
        given = tuple(CheckpointRef(seed=seed, step=0, weights=found) for seed, found in weights.items())
        folder = self.layout.base(model, bases, prompt)
        return self._respond(folder, model, prompt, version, given=given)

    def respond_run(self, run: Run, start: int, stop: int, version: int) -> str:
        """Job of the answers of a segment's checkpoints, or of those that were imported in its place."""
        folder = self.layout.segment(run, start, stop)
        if (imported := self.suite.imported(run)) is None:
            steps = tuple(self.suite.eval_steps(run, start, stop))
            return self._respond(folder, run.model, run.prompt, version, seeds=seeds_of(run.seeds), steps=steps)
        given = tuple(
            CheckpointRef(seed=imported.seed, step=step, weights=self._elsewhere(where))
            for step, where in imported.checkpoints.items()
        )
        return self._respond(
            folder,
            run.model,
            run.prompt,
            version,
            given=given,
            seeds=(imported.seed,),
            steps=tuple(sorted(self.suite.asked_steps(run))),
            imported=imported.responses,
        )

    def _elsewhere(self, where: str) -> ModelRef:
        return ModelRef(folder=Path(where)) if Path(where).is_dir() else self._from_hub(where, None)

    def _respond(
        self,
        folder: Path,
        model: str,
        prompt: str,
        version: int,
        *,
        given: tuple[CheckpointRef, ...] = (),
        seeds: tuple[int, ...] = (),
        steps: tuple[int, ...] = (),
        imported: Path | None = None,
    ) -> str:
        return RespondJob(
            version=version,
            given=given,
            seeds=seeds,
            steps=steps,
            imported=imported,
            benchmarks=self._asked(folder),
            prompt=self._prompt(model, prompt),
            sampling=self.suite.sampling,
            threads=self.machine.threads,
        ).model_dump_json()

    def prune(self, run: Run, start: int, stop: int) -> str:
        """Job of letting go what need not stay of a segment."""
        folder, steps = self.layout.segment(run, start, stop), self.suite.eval_steps(run, start, stop)
        kept, states = kept_steps(self.suite, run), kept_states(self.suite, run)
        return PruneJob(
            seeds=seeds_of(run.seeds),
            steps=tuple(steps),
            keep=tuple(step for step in steps if step in kept),
            states=tuple(step for step in steps if step in states),
            benchmarks=self._asked(folder),
            prompt=self._prompt(run.model, run.prompt),
            sampling=self.suite.sampling,
        ).model_dump_json()

    def grade(self, folder: Path, model: str, prompt: str) -> str:
        """Job of grading the benchmark answers in a folder."""
        return GradeJob(
            benchmarks={name: self.suite.benchmarks[name].problems for name in self._benchmarks(folder)},
            answer_in=self.suite.prompt(model, prompt).answer_in,
            strategies=self.suite.strategies,
        ).model_dump_json()

    def probe(self, model: str, version: int) -> str:
        """Job of the antithetic probe of a model."""
        clipping = self._clipping
        return ProbeJob(
            version=version,
            bases=self.weights(model, clipping.seeds),
            prompt=self._prompt(model, clipping.prompt),
            reward=self._reward(clipping.reward),
            variants={name: self.suite.algorithms[name].model_copy(update=UNPROBED) for name in clipping.variants},
            pairs=clipping.pairs,
            strategies=self.suite.strategies,
            threads=self.machine.threads,
        ).model_dump_json()

    def recall(self, model: str, version: int) -> str:
        """Job of the partial-prompt probe of a model before training."""
        probe, sampling = self._partial_prompt, self.suite.sampling
        weights = self.weights(model, self._recalling_group(model))
        return RecallJob(
            version=version,
            given=tuple(CheckpointRef(seed=seed, step=0, weights=found) for seed, found in weights.items()),
            share=probe.share,
            sampling=sampling.model_copy(update={"max_new_tokens": min(sampling.max_new_tokens, LONGEST_REST)}),
            threads=self.machine.threads,
        ).model_dump_json()

    def _recalling_group(self, model: str) -> str:
        return group_of(bases(self.suite.models[model], self._partial_prompt.seeds))

    @property
    def _partial_prompt(self) -> PartialPrompt:
        assert self.suite.partial_prompt is not None
        return self.suite.partial_prompt

    def contamination(self) -> str:
        """Job of what could have been known before training."""
        probe = self.suite.partial_prompt
        return ContaminationJob(
            training=self.suite.training_problems,
            benchmarks=self._benchmark_sets,
            overlap=self.suite.overlap,
            share=probe.share if probe else None,
        ).model_dump_json()

    @cached_property
    def _benchmark_sets(self) -> tuple[str, ...]:
        """Problem sets of the benchmarks that a table reports, each once."""
        best = self.suite.report.best_prompt
        unreported = {best.chosen_on} if best else set()
        return tuple(
            dict.fromkeys(
                benchmark.problems for name, benchmark in self.suite.benchmarks.items() if name not in unreported
            )
        )

    def bandit(self) -> str:
        """Job of the bandit."""
        return BanditJob(bandit=self._clipping.bandit).model_dump_json()

    @property
    def _clipping(self) -> Clipping:
        assert self.suite.clipping is not None
        return self.suite.clipping

    def score(self, experiment: str, model: str) -> str:
        """Job of an experiment's numbers on one model."""
        alone, report = self._alone(experiment, [model]), self.suite.report
        best = self._best_prompt(experiment, model)
        further = {best.experiment: self._of_models(best.experiment, [model])} if best else {}
        changed = {"smoothing_steps": report.smoothing_steps, "best_prompt": best}
        suite = alone.model_copy(
            update={
                "experiments": {**further, **alone.experiments},
                "report": alone.report.model_copy(update=changed),
            }
        )
        return ScoreJob(suite=suite, experiment=experiment).model_dump_json()

    def _best_prompt(self, experiment: str, model: str) -> BestPrompt | None:
        """Where the best prompt of a model is chosen, for the headline alone."""
        best = self.suite.report.best_prompt
        if best is None or experiment != self.suite.report.headline:
            return None
        return best if model in self.suite.experiments[best.experiment].all_models else None

    def prompts(self, experiment: str, model: str) -> list[Path]:
        """Grades of a model before training under the prompts of which the best is chosen, for the headline alone."""
        if (best := self._best_prompt(experiment, model)) is None:
            return []
        folders = self._bases(self._of_models(best.experiment, [model]))
        return [folder / "grades.parquet" for folder in folders]

    def summarise(self, experiment: str) -> str:
        """Job of what votes and training of an experiment were like."""
        return SummariseJob(suite=self._alone(experiment), experiment=experiment).model_dump_json()

    def agreement(self) -> str:
        """Job of how far graders agree on the headline's answers."""
        experiment = self.suite.report.headline
        return AgreementJob(suite=self._alone(experiment), experiment=experiment).model_dump_json()

    def exhibit(self, name: str) -> str:
        """Job of a figure or table."""
        exhibit = self.suite.exhibits[name]
        alone = self._alone(exhibit.experiment or self.suite.report.headline, exhibit.models)
        shown = {
            "exhibits": {name: exhibit},
            "clipping": None if exhibit.experiment else self.suite.clipping,
            "report": self.suite.report.model_copy(update={"headline": alone.report.headline, "best_prompt": None}),
        }
        return ExhibitJob(suite=alone.model_copy(update=shown), exhibit=name).model_dump_json()

    def claims(self, ledger: Ledger) -> str:
        """Job of the claims ledger."""
        return ClaimsJob(suite=self.suite, ledger=ledger).model_dump_json(exclude_defaults=True)

    def report(self) -> str:
        """Job of the report."""
        chosen = self.machine.suite
        option = "" if chosen == Settings().suite else f" --config suite={shlex.quote(chosen)}"
        return ReportJob(suite=self.suite, command=f"snakemake{option} --cores all").model_dump_json()

    def _alone(self, name: str, models: Collection[str] = ()) -> Suite:
        """The suite with one experiment, of all its models or some, and with nothing that the experiment does not use."""
        experiment = self._of_models(name, models)
        runs = self.suite.runs_of(experiment)
        return self.suite.model_copy(
            update={
                "problems": {key: each.model_copy(update=WORDLESS) for key, each in self.suite.problems.items()},
                "experiments": {name: experiment},
                "imports": tuple(each for each in self.suite.imports if self.suite.run_of_import(each) in runs),
                "sizes": (),  # what jobs ask for changes no number
                "exhibits": {},
                "clipping": None,
                "partial_prompt": None,
                "report": Report(headline=name),
            }
        )

    # Words for readers alone are kept out of the jobs of the stages up to the grades: they must not re-make anything there.

    def _reward(self, name: str) -> Reward:
        return self.suite.rewards[name].model_copy(update={"title": ""})

    def reward_file(self, run: Run) -> list[Path]:
        """The Python file of a run's reward, if it is one of the user's own."""
        file = self.suite.rewards[run.reward].file
        return [file] if file else []

    def _prompt(self, model: str, name: str) -> Prompt:
        return self.suite.prompt(model, name).model_copy(update={"origin": ""})

    # ------------------------------------------------------------ what hangs on what

    @cached_property
    def answered(self) -> dict[Path, set[str]]:
        """Folder of responses -> the benchmarks that some experiment asks of them."""
        answered: dict[Path, set[str]] = defaultdict(set)
        for experiment in self.suite.experiments.values():
            for folder in [*self._bases(experiment), *self._segments(experiment)]:
                answered[folder].update(self.suite.benchmarks_of(experiment))
        return answered

    def _benchmarks(self, folder: Path) -> list[str]:
        """Benchmarks answered in a folder, in the suite's order; all in one that no experiment asks for."""
        return [name for name in self.suite.benchmarks if name in self.answered.get(folder, self.suite.benchmarks)]

    def _asked(self, folder: Path) -> dict[str, Benchmark]:
        return {name: self.suite.benchmarks[name].model_copy(update={"title": ""}) for name in self._benchmarks(folder)}

    def recalled_problems(self) -> list[Path]:
        """Problem sets of the partial-prompt probe."""
        return (
            [self.layout.problems(name) for name in self._partial_prompt.problems] if self.suite.partial_prompt else []
        )

    def recalling(self, model: str) -> list[Path]:
        """What the partial-prompt probe of a model hangs on, if the workflow itself makes it."""
        return self.pretrained(model, self._recalling_group(model))

    def recalls(self) -> list[Path]:
        """What all models made of the beginnings of problems."""
        probe = self.suite.partial_prompt
        return [self.layout.recall(model) for model in probe.models] if probe else []

    def problems_compared(self) -> list[Path]:
        """The training problems, those of the benchmarks, and those of the partial-prompt probe, each once."""
        named = [self.suite.training_problems, *self._benchmark_sets]
        return list(dict.fromkeys([*map(self.layout.problems, named), *self.recalled_problems()]))

    def contamination_files(self) -> list[Path]:
        """What is said of leakage and contamination."""
        return [self.layout.contamination() / f"{name}.csv" for name in ("overlaps", "leakage", "recall")]

    def local_problems(self, name: str) -> list[Path]:
        """The file that a problem set is read from, if it is one; a missing one is for the stage to complain of."""
        path = self.suite.problems[name].path
        return [path] if path is not None and path.exists() else []

    def against(self, name: str) -> list[Path]:
        """The prepared sets with which a problem set must not overlap."""
        return [self.layout.problems(other) for other in self.suite.problems[name].decontaminate]

    def benchmark_problems(self, folder: Path) -> list[Path]:
        """Problem sets of the benchmarks that are answered in a folder, each once."""
        names = (self.suite.benchmarks[benchmark].problems for benchmark in self._benchmarks(folder))
        return [self.layout.problems(name) for name in dict.fromkeys(names)]

    def training_data(self, run: Run) -> Path:
        """The labels that a run's reward needs, or the problems with their true answers."""
        reward = self.suite.rewards[run.reward]
        if reward.training_set == "truth":
            return self.layout.problems(reward.problems or self.suite.training_problems)
        return self.base_folder(run.model, run.prompt, run.seeds) / "labels.parquet"

    def base_folder(self, model: str, prompt: str, seeds: str) -> Path:
        """Folder of the untrained model that a run of this seed group starts from."""
        return self.layout.base(model, bases(self.suite.models[model], seeds), prompt)

    @cached_property
    def conditions(self) -> dict[Path, Run]:
        """Folder of responses -> whose they are; of a model before training, a run of no reward and no variant."""
        untrained = [base for each in self.suite.experiments.values() for base in self.suite.bases_of(each)]
        found = {self.base_folder(*base): self._untrained(*base) for base in untrained}
        for run in self.suite.runs:
            found |= {self.layout.segment(run, *segment): run for segment in self.suite.segments(run)}
        return found

    def _untrained(self, model: str, prompt: str, seeds: str) -> Run:
        shared = bases(self.suite.models[model], seeds) == BASE
        return Run(model=model, prompt=prompt, reward="", variant="", seeds="" if shared else seeds)

    def previous(self, run: Run, start: int) -> list[Path]:
        """Checkpoints that a segment begins with: those of the one before, or none."""
        return [
            self.layout.segment(run, *segment) / "checkpoints"
            for segment in self.suite.segments(run)
            if segment[1] == start
        ]

    def answering(self, run: Run, start: int, stop: int) -> dict[str, Path]:
        """What answers a segment's benchmarks hang on: its checkpoints, or the responses that were imported."""
        if (imported := self.suite.imported(run)) is None:
            return {"checkpoints": self.layout.segment(run, start, stop) / "checkpoints"}
        return {"imported": imported.responses} if imported.responses else {}

    def grades(self, experiment: str, models: Collection[str] = ()) -> list[Path]:
        """Grades of all runs of an experiment, or of some of its models, those of the untrained models first."""
        chosen = self._of_models(experiment, models)
        return [folder / "grades.parquet" for folder in [*self._bases(chosen), *self._segments(chosen)]]

    def every_grade(self) -> list[Path]:
        """Grades of all experiments, each once."""
        return list(dict.fromkeys(path for name in self.suite.experiments for path in self.grades(name)))

    def metrics(self, experiment: str, models: Collection[str] = ()) -> list[Path]:
        """Training metrics of all runs of an experiment, or of some of its models."""
        chosen = self._of_models(experiment, models)
        return [folder / "metrics.parquet" for folder in self._segments(chosen, trained_here=True)]

    def pruned(self, experiment: str | None = None, models: Collection[str] = ()) -> list[Path]:
        """What says that a segment has let go what need not stay; none where all weights stay.

        Of all experiments, or of one as far as it trains itself: a segment lets go when the next one is made.
        """
        if self.suite.keep_weights == "all":
            return []
        asked = self.suite.runs if experiment is None else self.suite.runs_of(self._of_models(experiment, models))
        return [
            self.layout.segment(run, start, stop) / "pruned.json"
            for run, steps in asked.items()
            for start, stop in self.suite.segments(run)
            if (stop < steps or (start < steps and stop == self.suite.runs[run])) and not self.suite.imported(run)
        ]

    def going_on(self, run: Run, stop: int) -> list[Path]:
        """Checkpoints of the segment that begins where another ends, if there is one."""
        return [
            self.layout.segment(run, *segment) / "checkpoints"
            for segment in self.suite.segments(run)
            if segment[0] == stop
        ]

    def _of_models(self, experiment: str, models: Collection[str]) -> Experiment:
        chosen = self.suite.experiments[experiment]
        return chosen.of_models(models) if models else chosen

    def _bases(self, experiment: Experiment) -> list[Path]:
        return list(dict.fromkeys(self.base_folder(*base) for base in self.suite.bases_of(experiment)))

    def _segments(self, experiment: Experiment, trained_here: bool = False) -> list[Path]:
        return [
            self.layout.segment(run, start, stop)
            for run, steps in self.suite.runs_of(experiment).items()
            for start, stop in self.suite.segments(run)
            if start < steps and not (trained_here and self.suite.imported(run))
        ]

    def _before_and_after(self, experiment: Experiment, step: int | None) -> list[Path]:
        """Folders of the models before training and of the one segment of each run that holds a step, or its last."""
        at = {run: step or steps for run, steps in self.suite.runs_of(experiment).items()}
        segments = [
            self.layout.segment(run, start, stop)
            for run, looked_at in at.items()
            for start, stop in self.suite.segments(run)
            if start < looked_at <= stop
        ]
        return [*self._bases(experiment), *segments]

    def voted(self, experiment: str, table: str) -> list[Path]:
        """A table of the votes ("labels", "vote_grades") of each model that an experiment trains on votes."""
        runs = self.suite.runs_of(self.suite.experiments[experiment])
        on_votes = (
            run
            for run in runs
            if self.suite.rewards[run.reward].training_set != "truth" and not self.suite.imported(run)
        )
        folders = (self.base_folder(run.model, run.prompt, run.seeds) for run in on_votes)
        return list(dict.fromkeys(folder / f"{table}.parquet" for folder in folders))

    def score_inputs(self, experiment: str, model: str) -> dict[str, list[Path]]:
        """What the numbers of an experiment and model are made of, by the names that the stage knows."""
        return {
            "grades": self.grades(experiment, [model]),
            "metrics": self.metrics(experiment, [model]),
            "prompts": self.prompts(experiment, model),
        }

    def summarise_inputs(self, experiment: str) -> dict[str, list[Path]]:
        """What the summary of an experiment's votes and training is made of, by the names that the stage knows."""
        return {
            "labels": self.voted(experiment, "labels"),
            "votes": self.voted(experiment, "vote_grades"),
            "metrics": self.metrics(experiment),
        }

    def inputs(self, name: str) -> dict[str, list[Path]]:
        """What an exhibit is made of, by the names that its stage knows."""
        exhibit = self.suite.exhibits[name]
        if exhibit.experiment is None:
            probes = [self.layout.probe(model) for model in self._clipping.models]
            return {"probe": probes, "bandit": [self.layout.bandit()]}
        folders = self.scored(exhibit.experiment, exhibit.models)
        compared = self._before_and_after(self._of_models(exhibit.experiment, exhibit.models), exhibit.step)
        found: dict[str, list[Path]] = {}
        for frame in NEEDS[exhibit.kind]:
            if frame == "scores":
                found[frame] = [folder / "scores.parquet" for folder in folders]
            elif frame in ("headline", "baselines", "comparisons", "before", "seeds"):
                found[frame] = [folder / f"{frame}.csv" for folder in folders]
            elif frame == "metrics":
                found[frame] = self.metrics(exhibit.experiment, exhibit.models)
            elif frame == "responses":
                found[frame] = [folder / "responses.parquet" for folder in compared]
                shown = self.suite.benchmarks_of(self.suite.experiments[exhibit.experiment])
                names = dict.fromkeys(self.suite.benchmarks[benchmark].problems for benchmark in shown)
                found["problems"] = [self.layout.problems(name) for name in names]
            else:  # what is worked out of single responses
                found["grades"] = [folder / "grades.parquet" for folder in compared]
        return found

    def judged(self, ledger: Ledger) -> list[Path]:
        """What the claims are judged by: the numbers of the experiments that they name, and of the exhibits of some kinds."""
        experiments = [name for name in self.suite.experiments if name in ledger.experiments]
        folders = [folder for name in experiments for folder in self.scored(name)]
        return [
            *(folder / "scores.parquet" for folder in folders),
            *(folder / f"{table}.csv" for folder in folders for table in ("headline", "comparisons", "before")),
            *(
                self.layout.experiment(name) / f"{table}.csv"
                for name in experiments
                for table in ("labels", "training")
            ),
            *(self.layout.exhibit(name) / "table.csv" for name in judging(self.suite)),
            self.layout.contamination() / "recall.csv",
        ]

    def agreement_files(self) -> list[Path]:
        """What is said of how far graders agree."""
        return [self.layout.graders() / f"{name}.csv" for name in ("agreement", "accuracy", "differences")]

    def judged_answers(self) -> dict[str, list[Path]]:
        """What other graders judge: the headline's answers before and after training, and the true ones."""
        experiment = self.suite.experiments[self.suite.report.headline]
        sets = dict.fromkeys(self.suite.benchmarks[name].problems for name in self.suite.benchmarks_of(experiment))
        return {
            "grades": [folder / "grades.parquet" for folder in self._before_and_after(experiment, None)],
            "problems": [self.layout.problems(name) for name in sets],
        }

    def scored(self, experiment: str, models: Collection[str] = ()) -> list[Path]:
        """Folders of the numbers of an experiment, one for each of its models or of some."""
        shown = models or self.suite.experiments[experiment].all_models
        return [self.layout.scored(experiment, model) for model in shown]

    def exhibit_files(self, name: str) -> list[Path]:
        """Everything that an exhibit is."""
        folder = self.layout.exhibit(name)
        stems = pictures(self.suite, self.suite.exhibits[name])
        drawn = [folder / f"{stem}.{ending}" for stem in stems for ending in ENDINGS]
        return [*(folder / name for name in ("table.csv", "table.md", "table.tex", "page.json")), *drawn]

    def analysed(self, experiment: str) -> list[Path]:
        """What is made of every experiment, whatever its exhibits."""
        folder = self.layout.experiment(experiment)
        made = ("headline.csv", "seeds.csv", "grading.csv")
        tables = [each / name for each in self.scored(experiment) for name in made]
        return [folder / "labels.csv", folder / "health.csv", *tables]

    # ------------------------------------------------------------ what jobs ask for

    def hardware_of_sampling(self, model: str) -> Hardware:
        """What drawing responses from a model runs on; the default in suites without `sizes`."""
        if (size := self.suite.size(model)) is None:
            return Hardware()
        parameters = self.suite.parameters(model)
        return Hardware(gpus=size.sampling_gpus, memory_share=size.sampling_share, parameters=parameters)

    def hardware_of_answers(self, run: Run) -> Hardware:
        """What the answers of a run's checkpoints run on; to take those that are imported needs no GPU."""
        imported = self.suite.imported(run)
        return Hardware() if imported and imported.responses else self.hardware_of_sampling(run.model)

    def hardware_of_training(self, run: Run) -> Hardware:
        """What training of a run runs on; the default in suites without `sizes`."""
        if (size := self.suite.size(run.model)) is None:
            return Hardware()
        layout = self.layout_named(size.layout)
        served = self.suite.algorithms[run.variant].vllm_mode == "server"
        server_gpus = size.server_gpus if served else 0
        return Hardware(
            gpus=0 if layout.cpu else layout.processes + server_gpus,
            layout=layout.path,
            machines=layout.machines,
            memory_share=size.training_share,
            server_gpus=server_gpus,
            parameters=self.suite.parameters(run.model),
        )

    def layout_of(self, model: str) -> TrainingLayout | None:
        """How training of a model is spread; none in suites without `sizes`."""
        size = self.suite.size(model)
        return self.layout_named(size.layout) if size else None

    def layout_named(self, name: str) -> TrainingLayout:
        """A layout of envs/accelerate/."""
        if name not in self._layouts:
            self._layouts[name] = read_layout(Path(os.path.relpath(self.root / "envs" / "accelerate" / f"{name}.yaml")))
        return self._layouts[name]

    def cores(self, model: str) -> int:
        """Processor cores of a job that has a model at work."""
        size = self.suite.size(model)
        return size.cores if size else self.machine.threads

    def train_minutes(self, run: Run, start: int, stop: int) -> int:
        """Time limit of a segment."""
        hours = costs.train_hours(self.suite, run, start, stop)
        return _limit(hours, self.hardware_of_training(run))

    def vote_minutes(self, model: str, bases: str) -> int:
        """Time limit of the votes of untrained models."""
        voters = len(self.weights(model, group_of(bases)))
        return _limit(voters * costs.vote_hours(self.suite, model), self.hardware_of_sampling(model))

    def base_minutes(self, model: str, bases: str, prompt: str) -> int:
        """Time limit of the answers of untrained models."""
        checkpoints = len(self.weights(model, group_of(bases)))
        return self._respond_minutes(self.layout.base(model, bases, prompt), model, checkpoints)

    def run_minutes(self, run: Run, start: int, stop: int) -> int:
        """Time limit of the answers of a segment's checkpoints."""
        checkpoints = len(self.suite.eval_steps(run, start, stop)) * len(seeds_of(run.seeds))
        return self._respond_minutes(self.layout.segment(run, start, stop), run.model, checkpoints)

    def recall_minutes(self) -> int:
        """Time limit of a partial-prompt probe, which writes a tenth of what answering takes."""
        return _limit(0.5, Hardware())

    def _respond_minutes(self, folder: Path, model: str, checkpoints: int) -> int:
        hours = costs.respond_hours(self.suite, model, checkpoints, self._benchmarks(folder))
        return _limit(hours, self.hardware_of_sampling(model))

    # ------------------------------------------------------------ what is made first

    @cached_property
    def _first(self) -> set[Path]:
        """Folders of the headline experiment: votes, segments, and the organisms that it starts from."""
        experiment = self.suite.experiments[self.suite.report.headline]
        organisms = [
            path for model, _, seeds in self.suite.bases_of(experiment) for path in self.pretrained(model, seeds)
        ]
        return {*self._bases(experiment), *self._segments(experiment), *organisms}

    def priority(self, folder: Path) -> int:
        """Snakemake's priority of the jobs that write into a folder: the headline's are made first."""
        return int(folder in self._first)


def _limit(gpu_hours: float, on: Hardware) -> int:
    """Minutes that a job gets: half an hour for loading, and twice what it is estimated to take."""
    return 30 + math.ceil(2 * 60 * gpu_hours / max(1, on.gpus))


def group_of(bases: str) -> str:
    """The seed group of a `bases` folder: "0-4" for "seeds0-4"; "base" stays."""
    return bases.removeprefix("seeds")


def trained(segment: Path, job: RespondJob) -> list[tuple[int, int, Path]]:
    """(seed, step, folder) of the checkpoints of a segment that a job answers with."""
    return [(seed, step, checkpoint(segment, seed, step)) for seed in job.seeds for step in job.steps]
