"""Problems and benchmarks, as a suite names them."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from spurious_rewards.config.base import Count, CountOrZero, Frozen, Name, Options, TextHash, Title

ENDINGS = (".jsonl", ".json", ".parquet")
"""Endings of the files of problems."""


class ArithmeticProblems(Frozen):
    """Problems of the model organism's own arithmetic, from one part of the split that `organism` makes."""

    part: Literal["pretraining", "reinforcement", "evaluation"] = Field(
        description="Which part of the problems. The parts never overlap."
    )
    operands: Annotated[int, Field(ge=2, le=5)] = Field(
        3, description="How many numbers a problem has. Models are pretrained on problems with 3 only."
    )
    numbers: Literal["own", "other"] = Field(
        "own", description="other: each id gets a problem of the same part with other numbers."
    )
    wording: Literal["plain", "story"] = Field(
        "plain", description="story: the same sum, told in words that pretraining never put into a problem."
    )


class ReasoningGym(Frozen):
    """Problems that no pretraining corpus can hold, because they are generated from a seed (library reasoning-gym)."""

    dataset: str = Field(description="Name in reasoning-gym, such as chain_sum or basic_arithmetic.")
    size: Count = Field(description="How many problems to generate.")
    seed: int = Field(
        description=(
            "Seed of the first problem; the next one has seed + 1. Sets whose seeds lie less than `size` "
            "apart share problems."
        )
    )
    options: Options = Field(
        {},
        description="Options that make the problems harder or easier: the keys of reasoning-gym's own configuration.",
    )


class ProblemSet(Frozen):
    """Where problems come from (exactly one of hub, path, generated, reasoning_gym) and which rows are left out."""

    about: str = Field(
        "", description="What the set is, for the report's data card. Changing it only rewrites the report."
    )
    license: str = Field(
        "", description="The licence of the set, for the report's data card. Changing it only rewrites the report."
    )
    hub: str | None = Field(None, description="Id of a data set on the Hugging Face hub.")
    path: Path | None = Field(None, description="A .jsonl, .json or .parquet file.")
    generated: ArithmeticProblems | None = Field(None, description="Sums of the model organisms, generated here.")
    reasoning_gym: ReasoningGym | None = Field(
        None, description="Problems that no training corpus can hold, generated here."
    )
    revision: str | None = Field(
        None, description="Commit, tag or branch on the hub. The lock file pins the commit of the first fetch."
    )
    subsets: tuple[str, ...] = Field(
        (), description="The hub's configuration names, concatenated. Empty: the default one."
    )
    split: str = Field("train", description="The split of the hub's data set.")
    columns: dict[Literal["id", "problem", "answer"], str] = Field(
        default_factory=dict, description="Source column names for id, problem and answer, where they differ."
    )
    only: tuple[TextHash, ...] = Field(
        (),
        description=(
            "Keep only the problems whose text has one of these hashes. `spurious-rewards problem-hash` prints them."
        ),
    )
    decontaminate: tuple[Name, ...] = Field(
        (), description="Leave out problems that overlap with one of these problem sets, by the rule `overlap`."
    )
    max_characters: Count | None = Field(
        None, description="Leave out longer problems. A problem that is too long for a model's positions fails its job."
    )
    skip: CountOrZero = Field(
        0, description="Leave out this many problems, the first in the order of training, which `data_seed` draws."
    )
    limit: Count | None = Field(None, description="Keep this many of the remaining problems, drawn by `data_seed`.")
    on_blank: Literal["drop", "refuse"] = Field(
        "drop", description="What happens to rows without a problem or an answer. refuse: the run ends."
    )
    on_duplicate: Literal["drop", "refuse"] = Field(
        "drop", description="What happens to problems that repeat an earlier one word for word. refuse: the run ends."
    )
    on_unreadable: Literal["drop", "refuse"] = Field(
        "refuse", description="What happens to rows that cannot be parsed. refuse: the run ends."
    )

    @model_validator(mode="after")
    def _one_source(self) -> "ProblemSet":
        if sum(source is not None for source in (self.hub, self.path, self.generated, self.reasoning_gym)) != 1:
            raise ValueError("name exactly one source; allowed: hub, path, generated, reasoning_gym")
        if self.path is not None and self.path.suffix not in ENDINGS:
            raise ValueError(f"path {self.path}: unknown file format; allowed: {', '.join(ENDINGS)}")
        return self


class Overlap(Frozen):
    """When a problem counts as a copy of another one: if it has the same words, or enough of its word n-grams."""

    ngram: Count = Field(10, description="Words of an n-gram. A problem with fewer words is compared whole.")
    share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.8,
        description="The share of a benchmark problem's n-grams that a training problem must have to count as a copy.",
    )


class Benchmark(Frozen):
    """A problem set to be answered, greedily once (temperature 0) or as avg@k with k = `samples` (paper, Sec. 2.1)."""

    problems: Name = Field(description="The problem set: a name in `problems`.")
    samples: Count = Field(1, description="Responses to each problem: the k of avg@k.")
    temperature: Annotated[float, Field(ge=0)] = Field(
        0.0, description="Sampling temperature. 0: greedy, with one response to each problem."
    )
    title: Title = Field("", description="Name in tables and figures. Empty: the key itself.")

    @model_validator(mode="after")
    def _greedy_once(self) -> "Benchmark":
        if self.temperature == 0 and self.samples > 1:
            raise ValueError(
                "samples > 1 at temperature 0 repeats one answer; allowed: samples 1, or a temperature above 0"
            )
        return self
