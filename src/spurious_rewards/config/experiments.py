"""Experiments and exhibits, as a suite names them, and the runs that experiments consist of."""

from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from spurious_rewards.config.base import SEEDS, AtLeastTwo, Count, CountOrZero, Fraction, Frozen, Name, Title
from spurious_rewards.config.messages import FoundError

LARGEST_SEED = 2**32 - 1
"""Largest seed that numpy takes."""

MOST_SEEDS = 1000
"""Largest number of seeds in one job."""


def _few(group: str) -> str:
    first, _, last = group.partition("-")
    if max(int(first), int(last or first)) > LARGEST_SEED:
        raise ValueError(f"allowed: seeds from 0 to {LARGEST_SEED}")
    if int(last or first) - int(first) >= MOST_SEEDS:
        raise ValueError(f"allowed: at most {MOST_SEEDS} seeds in one entry, which is one job")
    return group


SeedGroup = Annotated[str, Field(pattern=SEEDS, max_length=30), AfterValidator(_few)]
Steps = Annotated[int, Field(ge=0, le=100_000)]
"""Rollout steps of a run. The limit exists because each segment of a run is a job to plan."""


def seeds_of(group: str) -> tuple[int, ...]:
    """Return the seeds of a group: `"3"` is (3,), `"0-4"` is (0, 1, 2, 3, 4)."""
    first, _, last = group.partition("-")
    return tuple(range(int(first), int(last or first) + 1))


def check_seeds(group: str, key: str) -> None:
    """Raise a FoundError for a seed group at `key` that has no seed."""
    if not seeds_of(group):
        raise FoundError(key, group, "an empty range; allowed: first-last with first <= last")


class Grid(Frozen):
    """Every combination of model, reward, prompt and variant, over the seeds, for so many steps."""

    models: tuple[Name, ...] = Field(description="The models: names in `models`.")
    rewards: tuple[Name, ...] = Field(
        (), description="The rewards: names in `rewards`. Empty, with 0 steps: only the models before training."
    )
    variants: tuple[Name, ...] = Field(("default",), description="The variants: names in `variants`.")
    prompts: tuple[Name, ...] = Field((), description="The prompts: names in `prompts`. Empty: each model's own.")
    seeds: tuple[SeedGroup, ...] = Field(
        description='The seeds. Each entry is one job: "3", or "0-4" for five seeds in one process.'
    )
    steps: Steps = Field(0, description="Rollout steps. Tables report the last one.")


class ExtraGrid(Frozen):
    """A further grid of an experiment. A key that it leaves out has the experiment's value."""

    models: tuple[Name, ...] | None = Field(None, description="The models: names in `models`.")
    rewards: tuple[Name, ...] | None = Field(None, description="The rewards: names in `rewards`.")
    variants: tuple[Name, ...] | None = Field(None, description="The variants: names in `variants`.")
    prompts: tuple[Name, ...] | None = Field(None, description="The prompts: names in `prompts`.")
    seeds: tuple[SeedGroup, ...] | None = Field(None, description="The seeds. Each entry is one job.")
    steps: Steps | None = Field(None, description="Rollout steps.")


class Part(Frozen):
    """A part of an experiment. An empty list stands for all."""

    models: tuple[Name, ...] = Field((), description="Models of the experiment.")
    rewards: tuple[Name, ...] = Field((), description="Rewards of the experiment.")
    benchmarks: tuple[Name, ...] = Field(
        (), description="Benchmarks. The runs answer those of all experiments, and the report shows these."
    )
    extra_grids: CountOrZero | None = Field(None, description="How many of the extra grids, in their order. null: all.")

    def of(self, key: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of `names` that belong to this part; `key` says what they name."""
        chosen = getattr(self, key)
        return tuple(name for name in names if name in chosen) if chosen else names


class Experiment(Grid):
    """A grid of runs, with further grids where conditions do not share seeds or steps."""

    title: Title = Field(description="Title over the experiment's tables.")
    benchmarks: tuple[Name, ...] = Field((), description="The benchmarks to answer. Empty: all of the suite.")
    extra_grids: tuple[ExtraGrid, ...] = Field(
        (), description="Further grids, where conditions do not share seeds or steps."
    )

    @cached_property
    def grids(self) -> tuple[Grid, ...]:
        """The experiment's own grid and the further ones, with all values filled in."""
        own = {key: getattr(self, key) for key in Grid.model_fields}
        return tuple(
            Grid(**{**own, **other.model_dump(exclude_none=True)}) for other in (ExtraGrid(), *self.extra_grids)
        )

    @property
    def all_models(self) -> tuple[str, ...]:
        """The models of all grids, each once."""
        return tuple(dict.fromkeys(model for grid in self.grids for model in grid.models))

    def of_models(self, models: Collection[str]) -> "Experiment":
        """Return what the experiment has of these models; see `part`."""
        return self.part(Part(models=tuple(models)))

    def part(self, part: "Part") -> "Experiment":
        """Return the experiment without what lies outside a part of it.

        Raises:
            ValueError: nothing is left.
        """
        grids = [
            {**grid.model_dump(), "models": part.of("models", grid.models), "rewards": part.of("rewards", grid.rewards)}
            for grid in (self.grids if part.extra_grids is None else self.grids[: 1 + part.extra_grids])
        ]
        kept = [grid for grid in grids if grid["models"] and (grid["rewards"] or not grid["steps"])]
        if not kept:
            raise ValueError("no grid of the experiment has some of these models together with some of these rewards")
        first, *others = kept
        extra_grids = tuple(ExtraGrid(**grid) for grid in others)
        benchmarks = part.of("benchmarks", self.benchmarks) if self.benchmarks else part.benchmarks
        return Experiment(title=self.title, benchmarks=benchmarks, extra_grids=extra_grids, **first)


class Run(Frozen):
    """What one chain of training jobs makes: a condition and a group of seeds."""

    model: str
    prompt: str
    reward: str
    variant: str
    seeds: str


class Bandit(Frozen):
    """The two-action bandit under coin-flip rewards: the smallest thing that a clip can bias."""

    runs: AtLeastTwo = Field(600, description="Independent policies.")
    start: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.65, description="Probability of the first action before training."
    )
    steps: Count = Field(25, description="Rollout batches.")
    groups: Count = Field(8, description="Groups in each rollout batch. Advantages are normalised within each group.")
    rollouts: AtLeastTwo = Field(8, description="Actions in each group.")
    updates_per_rollout: Count = Field(4, description="Mini-batches in one pass over the batch.")
    num_iterations: Count = Field(4, description="Passes over the rollout batch.")
    clip: Annotated[float, Field(gt=0)] = Field(0.2, description="PPO's clip range around 1, where there is one.")
    learning_rates: dict[Literal["sgd", "adamw"], Annotated[float, Field(gt=0)]] = Field(
        {"sgd": 2.0, "adamw": 0.2},
        description=(
            "Learning rate of each optimiser. If it is too small, no ratio leaves the clip range and the clip has no "
            "effect."
        ),
    )
    seed: CountOrZero = Field(0, description="Seed of all runs together.")

    @model_validator(mode="after")
    def _divides(self) -> "Bandit":
        if self.groups * self.rollouts % self.updates_per_rollout:
            raise ValueError(
                f"groups {self.groups} x rollouts {self.rollouts} do not divide into updates_per_rollout "
                f"{self.updates_per_rollout} mini-batches"
            )
        return self


class Import(Frozen):
    """A run that was trained elsewhere, with one seed: its checkpoints, or the responses that they gave."""

    model: Name = Field(description="The model that training started from: a name in `models`.")
    reward: Name = Field(description="The reward: a name in `rewards`.")
    prompt: Name | None = Field(None, description="The prompt: a name in `prompts`. null: the model's own.")
    variant: Name = Field("default", description="The variant: a name in `variants`.")
    seed: CountOrZero = Field(0, description="The seed whose place the run takes.")
    checkpoints: dict[Count, str] = Field({}, description="The checkpoint of each rollout step: hub id or folder.")
    responses: Path | None = Field(
        None, description="A Parquet file of responses (columns of tables.Responses), in place of checkpoints."
    )
    origin: str = Field(description="Who trained the run and where it comes from. It stands in the report.")

    @model_validator(mode="after")
    def _either(self) -> "Import":
        if bool(self.checkpoints) == (self.responses is not None):
            raise ValueError("an import has either checkpoints or responses")
        return self


class PartialPrompt(Frozen):
    """The partial-prompt probe: given the beginning of a problem, does a model before training write the rest of it?"""

    models: tuple[Name, ...] = Field(description="The models: names in `models`.")
    problems: tuple[Name, ...] = Field(description="The problem sets. Include one that cannot be known.")
    share: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.6, description="Share of a problem's words that the model is given."
    )
    seeds: SeedGroup = Field("0", description="Seeds of the models that have one model for each seed.")


class Clipping(Frozen):
    """The exhibits about the clip alone: the antithetic probe of organisms, and the bandit."""

    models: tuple[Name, ...] = Field(description="The organisms: names in `models`.")
    prompt: Name = Field(description="The prompt: a name in `prompts`.")
    reward: Name = Field(
        description="A random reward. A pair trains twice on the same rollouts, the second time with opposite rewards."
    )
    variants: tuple[Name, ...] = Field(description="The variants: names in `variants`.")
    seeds: SeedGroup = Field(description="The seeds of the models.")
    pairs: Count = Field(description="Antithetic pairs of one rollout batch, for each model, variant and seed.")
    bandit: Bandit = Field(Bandit(), description="The bandit with two actions.")


KINDS_READING = {
    "panels": ("gains", "curves", "code", "probability", "switches"),
    "lines": ("gains", "curves", "code", "health", "switches"),
    "against": ("curves", "code", "probability", "health"),
    "step": ("switches", "contributions"),
}
"""Key of an exhibit -> the kinds that the key changes. It may not be given to other kinds."""


class Exhibit(Frozen):
    """A figure or table: what it shows, of which experiment. Its name is a target of the workflow."""

    title: Title = Field(
        description="Title over the exhibit, and beside its target in `snakemake --list-target-rules`."
    )
    kind: Literal[
        "gains", "baselines", "split", "noise", "curves", "code", "probability", "health", "switches", "clipping",
        "strategies", "contributions", "forcing", "prompts", "qualitative", "control", "coverage",
    ] = Field(description="What the exhibit shows, and how.")  # fmt: skip
    experiment: Name | None = Field(None, description="The experiment that it shows. Only kind clipping has none.")
    models: tuple[Name, ...] = Field((), description="The models to show. Empty: every model of the experiment.")
    rewards: tuple[Name, ...] = Field((), description="The rewards to show. Empty: every reward of the experiment.")
    benchmarks: tuple[Name, ...] = Field(
        (), description="The benchmarks to show. Empty: every benchmark of the experiment."
    )
    panels: Literal["model", "prompt", "variant"] = Field(
        "model", description="One panel for each model, prompt or variant."
    )
    lines: Literal["reward", "variant"] = Field("reward", description="One line for each reward or variant.")
    against: Literal["steps", "updates"] = Field(
        "steps", description="The x axis: rollout steps, or optimiser updates."
    )
    step: Count | None = Field(None, description="switches, contributions: the step to look at. null: the last one.")

    @model_validator(mode="after")
    def _has_an_experiment(self) -> "Exhibit":
        if (self.kind == "clipping") != (self.experiment is None):
            raise ValueError("an exhibit needs an experiment, unless its kind is clipping")
        return self

    @model_validator(mode="after")
    def _kind_reads_its_keys(self) -> "Exhibit":
        for key, kinds in KINDS_READING.items():
            default = Exhibit.model_fields[key].default
            if self.kind not in kinds and getattr(self, key) != default:
                raise ValueError(
                    f"kind {self.kind} does not read {key} {getattr(self, key)}; allowed with kind {', '.join(kinds)}"
                )
        return self

    def part(self, part: Part) -> "Exhibit | None":
        """Return what the exhibit shows of a part of its experiment; None if it shows nothing of that part."""
        named = {key: names for key in ("models", "rewards", "benchmarks") if (names := getattr(self, key))}
        kept = {key: part.of(key, names) for key, names in named.items()}
        return self.model_copy(update=kept) if all(kept.values()) else None


class BestPrompt(Frozen):
    """How a model's best prompt before training is chosen among several. Gains are also measured from this prompt."""

    experiment: Name = Field(description="An experiment of models before training, under the prompts to choose from.")
    chosen_on: Name = Field(
        description="The benchmark that chooses. Its problems are held out of training and never reported."
    )


class Report(Frozen):
    """Choices of presentation."""

    smoothing_steps: Steps = Field(10, description="Curves average the evaluations of this many steps.")
    headline: Name = Field(description="The experiment of the first table and figure. It is made first.")
    first: Part | None = Field(
        None,
        description=(
            "The part of the headline experiment that is made before all else, with a report of its own "
            "(`snakemake headline`). null: all of it."
        ),
    )
    best_prompt: BestPrompt | None = Field(
        None, description="How a model's best prompt before training is chosen. null: it is not chosen."
    )
    qualitative_problems: Count = Field(8, description="Problems whose responses the qualitative page shows.")
    steered: Fraction = Field(
        0.1, description="A reward counts as steering the strategy if it changed the share of code by more than this."
    )
