"""A suite on a machine: where its results lie, which conditions it has, and what each of them is asked.

Every stage plans its jobs from a study. A job is told only the values of the suite that it uses, so that a changed
value re-runs only what depends on it.
"""

import os
from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import cached_property
from pathlib import Path

from spurious_rewards.artifacts.local_copies import Contents, LocalCopy
from spurious_rewards.artifacts.paths import BASE, ResultPaths, bases
from spurious_rewards.config import accelerate
from spurious_rewards.config.accelerate import AccelerateConfig
from spurious_rewards.config.experiments import Experiment, Report, Run
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.problems import Benchmark
from spurious_rewards.config.settings import Settings
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import Reward

WORDLESS = {"about": "", "license": ""}
"""Keys of a problem set that only the report shows, with empty values."""


class Study:
    """A suite, the settings of the machine, and the paths of its results."""

    def __init__(
        self,
        suite: Suite,
        settings: Settings,
        suite_path: Path,
        root: Path = Path(),
        contents: Contents | None = None,
    ):
        """`root` is the checkout's folder, with the accelerate configurations. `contents` are those of a run."""
        self.suite, self.settings, self.root = suite, settings, root
        self.name, self.suite_path = suite_path.stem, suite_path
        # A relative path is the same in every copy of the checkout.
        self.lock = Path(os.path.relpath(suite_path.with_suffix(".lock.yaml")))
        self.paths = ResultPaths(Path("results") / self.name)
        self.contents = contents or Contents()
        self._accelerate_configs: dict[str, AccelerateConfig] = {}

    def accelerate_config(self, name: str) -> AccelerateConfig:
        """Return a configuration of envs/accelerate/.

        Raises:
            UserError: see `accelerate.read`.
        """
        if name not in self._accelerate_configs:
            path = Path(os.path.relpath(self.root / "envs" / "accelerate" / f"{name}.yaml"))
            self._accelerate_configs[name] = accelerate.read(path)
        return self._accelerate_configs[name]

    @property
    def portable(self) -> bool:
        """Whether digits must be the same on every x86-64 processor."""
        return self.settings.portable or self.suite.portable

    # ------------------------------------------------------------ folders of conditions

    def base_folder(self, model: str, prompt: str, seeds: str) -> Path:
        """Return the folder of the untrained model that a run of this seed group starts from."""
        return self.paths.base(model, bases(self.suite.models[model], seeds), prompt)

    def base_folders(self, experiment: Experiment) -> list[Path]:
        """Return the folders of the untrained models of an experiment, each once."""
        return list(dict.fromkeys(self.base_folder(*base) for base in self.suite.bases_of(experiment)))

    def segment_folders(
        self, experiment: Experiment, trained_here: bool = False, until: int | None = None
    ) -> list[Path]:
        """Return the folders of the segments of an experiment's runs, as far as the experiment looks at them.

        Segments that start at `until` or later are left out. `trained_here` leaves out imported runs.
        """
        return [
            self.paths.segment(run, start, stop)
            for run, steps in self.suite.runs_of(experiment).items()
            for start, stop in self.suite.segments(run)
            if start < min(steps, until or steps) and not (trained_here and self.suite.imported(run))
        ]

    def before_and_after(self, experiment: Experiment, step: int | None) -> list[Path]:
        """Return the folders of the untrained models, and of each run's segment that holds `step`, or its last step."""
        at = {run: step or steps for run, steps in self.suite.runs_of(experiment).items()}
        segments = [
            self.paths.segment(run, start, stop)
            for run, looked_at in at.items()
            for start, stop in self.suite.segments(run)
            if start < looked_at <= stop
        ]
        return [*self.base_folders(experiment), *segments]

    @cached_property
    def conditions(self) -> dict[Path, Run]:
        """Return folder of responses -> whose they are. An untrained model counts as a run of no reward and variant."""
        untrained = [base for each in self.suite.experiments.values() for base in self.suite.bases_of(each)]
        found = {self.base_folder(*base): self._untrained(*base) for base in untrained}
        for run in self.suite.runs:
            found |= {self.paths.segment(run, *segment): run for segment in self.suite.segments(run)}
        return found

    def _untrained(self, model: str, prompt: str, seeds: str) -> Run:
        shared = bases(self.suite.models[model], seeds) == BASE
        return Run(model=model, prompt=prompt, reward="", variant="", seeds="" if shared else seeds)

    # ------------------------------------------------------------ what models are asked there

    @cached_property
    def answered(self) -> dict[Path, set[str]]:
        """Return folder of responses -> the benchmarks that some experiment asks of them."""
        answered: dict[Path, set[str]] = defaultdict(set)
        for experiment in self.suite.experiments.values():
            for folder in [*self.base_folders(experiment), *self.segment_folders(experiment)]:
                answered[folder].update(self.suite.benchmarks_of(experiment))
        return answered

    def benchmarks_in(self, folder: Path) -> dict[str, Benchmark]:
        """Return the benchmarks answered in a folder, in the suite's order; all if no experiment asks for it."""
        asked = self.answered.get(folder, self.suite.benchmarks)
        return {
            name: each.model_copy(update={"title": ""}) for name, each in self.suite.benchmarks.items() if name in asked
        }

    def benchmark_problems(self, folder: Path) -> list[Path]:
        """Return the problem sets of the benchmarks that are answered in a folder, each once."""
        return self.problems_of(self.benchmarks_in(folder))

    def problems_of(self, benchmarks: Iterable[str]) -> list[Path]:
        """Return the problem sets of benchmarks, each once."""
        names = dict.fromkeys(self.suite.benchmarks[name].problems for name in benchmarks)
        return [self.paths.problems(name) for name in names]

    # ------------------------------------------------------------ parts of the suite, as jobs are told them

    @cached_property
    def suite_as_told(self) -> Suite:
        """Return the suite with names in place of the paths of the user's files and folders.

        The jobs that read these files are told their content. No job is told where they lie.
        """
        return self.suite.model_copy(
            update={
                "problems": {
                    name: each.model_copy(update={"path": Path(name + each.path.suffix)}) if each.path else each
                    for name, each in self.suite.problems.items()
                },
                "rewards": {
                    name: each.model_copy(update={"file": Path(f"{name}.py")}) if each.file else each
                    for name, each in self.suite.rewards.items()
                },
                "models": {
                    name: each.model_copy(update={"id": name}) if each.source == "local" else each
                    for name, each in self.suite.models.items()
                },
                "imports": tuple(
                    each.model_copy(
                        update={"responses": Path("imported")}
                        if each.responses
                        else {"checkpoints": dict.fromkeys(each.checkpoints, "imported")}
                    )
                    for each in self.suite.imports
                ),
            }
        )

    # Jobs of the stages up to the grades get no text that is only for readers, so that new words re-run none of them.

    def reward(self, name: str) -> Reward:
        """Return a reward without its title."""
        return self.suite_as_told.rewards[name].model_copy(update={"title": ""})

    def reward_code(self, name: str) -> LocalCopy | None:
        """Return the code of a reward file, including the user's modules that it imports; None for other rewards."""
        file = self.suite.rewards[name].file
        return self.contents.of(file) if file else None

    def prompt(self, model: str, name: str) -> Prompt:
        """Return a prompt as a model is given it, without the note where its wording comes from."""
        return self.suite.prompt(model, name).model_copy(update={"origin": ""})

    def of_models(self, experiment: str, models: Collection[str]) -> Experiment:
        """Return an experiment, or its part for some models. If none are named, it is the whole experiment."""
        chosen = self.suite.experiments[experiment]
        return chosen.of_models(models) if models else chosen

    @cached_property
    def headline(self) -> "Study":
        """Return what `snakemake headline` makes, as a study: a part of the headline experiment, and its exhibits."""
        return Study(self.suite.headline, self.settings, self.suite_path, self.root, self.contents)

    def alone(self, name: str, models: Collection[str] = ()) -> Suite:
        """Return the suite with one experiment, for all its models or some, and nothing that this does not use."""
        experiment = self.of_models(name, models)
        runs = self.suite.runs_of(experiment)
        told = self.suite_as_told
        return told.model_copy(
            update={
                "problems": {key: each.model_copy(update=WORDLESS) for key, each in told.problems.items()},
                "experiments": {name: experiment},
                "imports": tuple(each for each in told.imports if self.suite.run_of_import(each) in runs),
                "resources": (),  # they change no number
                "exhibits": {},
                "clipping": None,
                "partial_prompt": None,
                "report": Report(headline=name),
            }
        )
