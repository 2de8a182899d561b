"""Problems and benchmarks, as a suite names them."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from spurious_rewards.config.base import Count, CountOrZero, Frozen, Name, Options, TextHash, Title

ENDINGS = (".jsonl", ".json", ".parquet")
"""Of files of problems."""


class ArithmeticProblems(Frozen):
    """Problems of the model organism's own arithmetic, from one part of the split that `organism` makes."""

    part: Literal["pretraining", "reinforcement", "evaluation"] = Field(
        description="which share of the problems; they never overlap"
    )
    operands: Annotated[int, Field(ge=2, le=5)] = Field(3, description="numbers in a problem; only 3 are pretrained on")
    numbers: Literal["own", "other"] = Field(
        "own", description="other: under the id of each problem, one of the same part with other numbers"
    )
    wording: Literal["plain", "story"] = Field(
        "plain", description="story: the same sum, told with words that pretraining never put into a problem"
    )


class ReasoningGym(Frozen):
    """Problems that no pretraining corpus can hold, for they are generated from a seed (the library reasoning-gym)."""

    dataset: str = Field(description="its name in reasoning-gym: chain_sum, basic_arithmetic, …")
    size: Count
    seed: int
    options: Options = Field({}, description="what makes it harder or easier: the keys of its configuration")


class ProblemSet(Frozen):
    """Where problems come from (exactly one of hub, path, generated, reasoning_gym) and which rows are left out."""

    about: str = Field("", description="what it is, for the report's data card")
    license: str = Field("", description="the same")
    hub: str | None = Field(None, description="Hugging Face dataset id")
    path: Path | None = Field(None, description="a .jsonl, .json or .parquet file")
    generated: ArithmeticProblems | None = None
    reasoning_gym: ReasoningGym | None = None
    revision: str | None = Field(None, description="commit, tag or branch on the hub; the lock file pins what it meant")
    subsets: tuple[str, ...] = Field(
        (), description="the hub's configuration names, concatenated; empty: the default one"
    )
    split: str = "train"
    columns: dict[Literal["id", "problem", "answer"], str] = Field(
        default_factory=dict, description="the source's column for each of ours, where its name differs"
    )
    only: tuple[TextHash, ...] = Field(
        (),
        description="keep the problems whose text has one of these hashes: `spurious-rewards problem-hash` prints them",
    )
    decontaminate: tuple[Name, ...] = Field(
        (), description="leave out problems that overlap with one of these problem sets, by the rule `overlap`"
    )
    max_characters: Count | None = Field(
        None, description="leave out problems with more: one that is too long for a model's positions fails its job"
    )
    skip: CountOrZero = Field(
        0, description="leave out this many, the first in the order drawn by `data_seed`, which is that of training"
    )
    limit: Count | None = Field(None, description="keep this many of the others, drawn by `data_seed`")
    on_blank: Literal["drop", "refuse"] = Field("drop", description="rows without problem or answer")
    on_duplicate: Literal["drop", "refuse"] = Field(
        "drop", description="problems that are word for word an earlier one"
    )
    on_unreadable: Literal["drop", "refuse"] = Field("refuse", description="rows that cannot be parsed")

    @model_validator(mode="after")
    def _one_source(self) -> "ProblemSet":
        if sum(source is not None for source in (self.hub, self.path, self.generated, self.reasoning_gym)) != 1:
            raise ValueError("name exactly one source; allowed: hub, path, generated, reasoning_gym")
        if self.path is not None and self.path.suffix not in ENDINGS:
            raise ValueError(f"path {self.path}: its ending says no format; allowed: {', '.join(ENDINGS)}")
        return self


class Overlap(Frozen):
    """When a problem counts as another one's copy: the same words, or so many of its word n-grams."""

    ngram: Count = Field(10, description="words of an n-gram; a problem with fewer words is compared whole")
    share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.8, description="share of a benchmark problem's n-grams that a training problem has"
    )


class Benchmark(Frozen):
    """A problem set to be answered: greedily once (temperature 0), or as avg@k with `samples` k (paper, Sec. 2.1)."""

    problems: Name
    samples: Count = 1
    temperature: Annotated[float, Field(ge=0)] = 0.0
    title: Title = Field("", description="how tables and figures call it; the key itself if empty")

    @model_validator(mode="after")
    def _greedy_once(self) -> "Benchmark":
        if self.temperature == 0 and self.samples > 1:
            raise ValueError(
                "samples > 1 at temperature 0 repeats one answer; allowed: samples 1, or a temperature above 0"
            )
        return self
