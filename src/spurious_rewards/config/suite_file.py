"""The keys of a suite's YAML file. The JSON schema in `config/schema.yaml` is generated from these classes."""

from typing import Any, Literal

from pydantic import Field

from spurious_rewards.config.base import Count, Frozen, Name, Title
from spurious_rewards.config.experiments import Clipping, Exhibit, Experiment, Import, PartialPrompt, Report
from spurious_rewards.config.models import Model, Organism, Prompt
from spurious_rewards.config.problems import Benchmark, Overlap, ProblemSet
from spurious_rewards.config.resources import Resources
from spurious_rewards.config.training import Reward, Sampling, Strategies, Training, Vote


class SuiteFile(Frozen):
    """What to run."""

    title: Title = Field(description="stands over every table and figure")
    note: Title = Field("", description="what a reader must know before any number, printed at the top of the report")
    portable: bool = Field(False, description="as `portable` of config.yaml, for this suite wherever it runs")
    data_seed: int = Field(0, description="draws the order of training problems and the `limit` of problem sets")
    problems: dict[Name, ProblemSet] = Field(min_length=1)
    overlap: Overlap = Overlap()
    training_problems: Name
    benchmarks: dict[Name, Benchmark] = Field(min_length=1)
    organism: Organism | None = None
    prompts: dict[Name, Prompt] = Field(min_length=1)
    models: dict[Name, Model] = Field(min_length=1)
    rewards: dict[Name, Reward]
    training: Training = Training()
    variants: dict[Name, dict[str, Any]] = Field({"default": {}}, description="what each changes in `training`")
    vote: Vote = Vote()
    vote_problems: Count | None = Field(
        None, description="rewards on votes: vote on so many problems; null: as many as their longest run reaches"
    )
    sampling: Sampling = Sampling()
    strategies: Strategies = Strategies()
    experiments: dict[Name, Experiment] = Field(min_length=1)
    imports: tuple[Import, ...] = ()
    resources: tuple[Resources, ...] = Field((), description="smallest first; none: nothing asks for a GPU")
    keep_weights: Literal["all", "reported"] = Field(
        "all",
        description="reported: weights of other steps go once they have answered, optimiser states once training went on",
    )
    clipping: Clipping | None = None
    partial_prompt: PartialPrompt | None = None
    exhibits: dict[Name, Exhibit] = Field({}, description="figures and tables, each a target of the workflow")
    report: Report
