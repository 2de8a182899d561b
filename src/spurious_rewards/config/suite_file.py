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

    title: Title = Field(description="Title of the study. It stands over every table and figure.")
    note: Title = Field(
        "", description="What a reader must know before any number. It is printed at the top of the report."
    )
    portable: bool = Field(False, description="The key `portable` of config.yaml, set for this suite wherever it runs.")
    data_seed: int = Field(0, description="Seed of the order of training problems and of the `limit` of problem sets.")
    problems: dict[Name, ProblemSet] = Field(min_length=1, description="The problem sets, by names that you choose.")
    overlap: Overlap = Field(Overlap(), description="When a training problem counts as a copy of a benchmark problem.")
    training_problems: Name = Field(description="The problem set that rewards train on.")
    benchmarks: dict[Name, Benchmark] = Field(min_length=1, description="What models are tested on.")
    organism: Organism | None = Field(
        None,
        description=(
            "What all model organisms of the suite share. Needed if a model or a problem set is an organism's."
        ),
    )
    prompts: dict[Name, Prompt] = Field(min_length=1, description="The prompts: what is put around a problem.")
    models: dict[Name, Model] = Field(min_length=1, description="The models that training starts from.")
    rewards: dict[Name, Reward] = Field(description="The rewards to train on.")
    training: Training = Field(Training(), description="The settings of GRPO.")
    variants: dict[Name, dict[str, Any]] = Field(
        {"default": {}}, description="Variants of the training. Each lists the keys of `training` that it changes."
    )
    vote: Vote = Field(Vote(), description="How majority labels are drawn.")
    vote_problems: Count | None = Field(
        None,
        description=(
            "How many training problems get majority-vote labels, for rewards that use them. null: as many as their "
            "longest run reaches."
        ),
    )
    sampling: Sampling = Field(Sampling(), description="How responses are drawn for votes and benchmarks.")
    strategies: Strategies = Field(Strategies(), description="What counts as code and as repetition in a response.")
    experiments: dict[Name, Experiment] = Field(min_length=1, description="What is run.")
    imports: tuple[Import, ...] = Field((), description="Runs that were trained elsewhere.")
    resources: tuple[Resources, ...] = Field(
        (), description="What jobs on GPUs ask for, smallest models first. Empty: nothing asks for a GPU."
    )
    keep_weights: Literal["all", "reported"] = Field(
        "all",
        description=(
            "Which weights stay on disk. reported: weights of other steps are deleted after evaluation, and optimiser "
            "states after training has moved on. If you then change engine, dtype, prompt, max_new_tokens, samples, "
            "temperature or problems, steps without weights cannot be evaluated again."
        ),
    )
    clipping: Clipping | None = Field(None, description="The exhibits about the clip alone. null: none.")
    partial_prompt: PartialPrompt | None = Field(None, description="The partial-prompt probe. null: none.")
    exhibits: dict[Name, Exhibit] = Field({}, description="Figures and tables. Each is a target of the workflow.")
    report: Report = Field(description="Which experiment the report is about, and how it is shown.")
