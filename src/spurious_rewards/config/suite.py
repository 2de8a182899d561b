"""Run expansion: the runs, segments and steps of a suite. Pure functions of its file, without torch or other files."""

from functools import cached_property
from itertools import product

from spurious_rewards.config.experiments import Experiment, Import, Part, Run
from spurious_rewards.config.models import Prompt, Start
from spurious_rewards.config.resources import Resources
from spurious_rewards.config.reward_names import SPLIT
from spurious_rewards.config.suite_file import SuiteFile
from spurious_rewards.config.training import Training

ITS_HEADLINE = (
    "This is the headline alone; the report of the whole study shows the rest. A verdict here is on what is shown here, and may "
    "be another there."
)


class Suite(SuiteFile):
    """What to run, expanded to runs."""

    @cached_property
    def algorithms(self) -> dict[str, Training]:
        """The training settings of each variant, with its changes applied."""
        return {name: Training(**{**self.training.model_dump(), **change}) for name, change in self.variants.items()}

    @cached_property
    def runs(self) -> dict[Run, int]:
        """Every run of every experiment, and runs that models start from -> the most steps that any of them needs."""
        longest: dict[Run, int] = {}
        for experiment in self.experiments.values():
            for run, steps in self.runs_of(experiment).items():
                longest[run] = max(longest.get(run, 0), steps)
            for model, _, seeds in self.bases_of(experiment):
                if start := self.models[model].start:
                    source = self.run_before(start, seeds)
                    longest[source] = max(longest.get(source, 0), start.step)
        return longest

    def runs_of(self, experiment: Experiment) -> dict[Run, int]:
        """Return the runs of one experiment, models outermost -> the steps that it asks of each."""
        longest: dict[Run, int] = {}
        for grid in experiment.grids:
            for model in grid.models:
                prompts = grid.prompts or (self.models[model].prompt,)
                for prompt, reward, variant, seeds in product(prompts, grid.rewards, grid.variants, grid.seeds):
                    run = Run(model=model, prompt=prompt, reward=reward, variant=variant, seeds=seeds)
                    longest[run] = max(longest.get(run, 0), grid.steps)
        return longest

    def bases_of(self, experiment: Experiment) -> list[tuple[str, str, str]]:
        """Return (model, prompt, seed group) of each model before training that an experiment evaluates, once each."""
        return list(
            dict.fromkeys(
                (model, prompt, seeds)
                for grid in experiment.grids
                for model in grid.models
                for prompt in grid.prompts or (self.models[model].prompt,)
                for seeds in grid.seeds
            )
        )

    def benchmarks_of(self, experiment: Experiment) -> tuple[str, ...]:
        """Return the benchmarks that an experiment's models answer."""
        return experiment.benchmarks or tuple(self.benchmarks)

    @cached_property
    def headline(self) -> "Suite":
        """The suite with the part of the headline experiment that is made first, and exhibits that show some of it.

        The other experiments stay, because they determine how long a run is, and so how it is cut into jobs.
        """
        name, part = self.report.headline, self.report.first or Part()
        experiment = self.experiments[name].part(part)
        there = Part(
            models=experiment.all_models,
            rewards=tuple(dict.fromkeys(run.reward for run in self.runs_of(experiment))),
            benchmarks=self.benchmarks_of(experiment),
        )
        exhibits = {
            key: shown
            for key, each in self.exhibits.items()
            if each.experiment == name and (shown := each.part(there))
            # Kind qualitative shows other versions of the first benchmark's problems.
            if not (part.benchmarks and each.kind == "qualitative")
            and (each.kind != "split" or {self.rewards[reward].function for reward in there.rewards} >= set(SPLIT))
        }
        changed = {
            "title": f"{self.title}: the headline",
            "note": " ".join(filter(None, [self.note, ITS_HEADLINE])),
            "experiments": {**self.experiments, name: experiment},
            "exhibits": exhibits,
            "clipping": None,
            "partial_prompt": None,
            "report": self.report.model_copy(update={"first": None, "best_prompt": None}),
        }
        return self.model_copy(update=changed)

    def run_before(self, start: Start, seeds: str) -> Run:
        """Return the run whose checkpoint a model with `start` is."""
        own = self.models[start.model].prompt
        return Run(model=start.model, prompt=own, reward=start.reward, variant="default", seeds=seeds)

    def prompt(self, model: str, name: str) -> Prompt:
        """Return a prompt as a model gets it: kind prefill is the model's own prompt with this `response_prefix`."""
        prompt = self.prompts[name]
        if prompt.kind != "prefill":
            return prompt
        own = self.prompts[self.models[model].prompt]
        return own.model_copy(update={"response_prefix": prompt.response_prefix, "origin": prompt.origin})

    def resources_of(self, model: str) -> Resources | None:
        """Return what jobs on a model ask for; None if no entry of `resources` is for a model of its size."""
        weights = self.num_parameters(model)
        return next((each for each in self.resources if weights <= each.max_parameters), None)

    def num_parameters(self, model: str) -> float:
        """Return how many weights a model has; 0 if the suite does not say."""
        found = self.models[model]
        return (self.models[found.start.model] if found.start else found).num_parameters or 0

    def imported(self, run: Run) -> Import | None:
        """Return the import that takes the place of a run's training; None if the run is trained here."""
        return self._imported.get(run)

    @cached_property
    def _imported(self) -> dict[Run, Import]:
        return {self.run_of_import(each): each for each in self.imports}

    def asked_steps(self, run: Run) -> set[int]:
        """Return the steps at which experiments end a run; tables report the results of these steps."""
        ends = (self.runs_of(experiment).get(run) for experiment in self.experiments.values())
        return {steps for steps in ends if steps is not None}

    def reaches(self, run: Run) -> tuple[int, ...]:
        """Return how many prompts a run takes up to each step at which an experiment ends it, and in all."""
        steps = sorted({*self.asked_steps(run), self.runs[run]})
        return tuple(each * self.algorithms[run.variant].rollout_prompts for each in steps)

    def run_of_import(self, imported: Import) -> Run:
        """Return the run whose place an import takes."""
        return Run(
            model=imported.model,
            prompt=imported.prompt or self.models[imported.model].prompt,
            reward=imported.reward,
            variant=imported.variant,
            seeds=str(imported.seed),
        )

    def segments(self, run: Run) -> list[tuple[int, int]]:
        """Return (start, stop) of each of the run's jobs, in order; a job trains the rollout steps in (start, stop].

        The last job may be shorter.
        """
        if self.imported(run):
            return [(0, self.runs[run])]
        size, steps = self.algorithms[run.variant].segment_steps, self.runs[run]
        return [(start, min(start + size, steps)) for start in range(0, steps, size)]

    def eval_steps(self, run: Run, start: int, stop: int) -> list[int]:
        """Return the steps in (start, stop] whose checkpoints are kept and evaluated."""
        if (imported := self.imported(run)) and imported.checkpoints:
            return [step for step in sorted(imported.checkpoints) if start < step <= stop]
        return self.algorithms[run.variant].evaluated(start, stop)

    @cached_property
    def pool_size(self) -> int:
        """How many training problems are voted on: `vote_problems`, or as many as the longest run on votes reaches."""
        reached = (
            steps * self.algorithms[run.variant].rollout_prompts
            for run, steps in self.runs.items()
            if self.rewards[run.reward].training_set != "truth" and not self.imported(run)
        )
        return self.vote_problems or max(reached, default=1)
