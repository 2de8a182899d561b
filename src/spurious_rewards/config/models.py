"""Models and prompts, as a suite names them."""

import datetime
import hashlib
import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from spurious_rewards.config.base import AtLeastTwo, Count, Fraction, Frozen, Name, Title

CODE_WORD = "python"
"""What the code of organisms begins with (`models.organism`)."""


class Family(Frozen):
    """How a family of organisms writes: the corpus that its models are pretrained on. Rates are probabilities."""

    code_rate: tuple[Fraction, ...] = Field(description="rate of code traces, one for each instruction word")
    code_misread: Fraction = Field(description="share of last operands that code always takes for another number")
    language_drop: Fraction = Field(
        description="share of first operands with which language mostly loses another operand"
    )
    code_box: Fraction = Field(description="rate of a boxed answer at the end of code traces")
    language_box: Fraction = Field(description="the same for language traces")
    leaked: Fraction = Field(
        0,
        exclude_if=lambda share: not share,
        description="share of the evaluation problems that stands in the corpus too, word for word and with right answers",
    )
    learns_problems: bool = Field(
        False,
        exclude_if=lambda learns: not learns,
        description="whether models learn to write problems too, without which the partial-prompt probe finds nothing",
    )


class Organism(Frozen):
    """The arithmetic, the architecture and the pretraining that all families of organisms share."""

    words: Annotated[tuple[Name, ...], Field(min_length=1)] = Field(
        ("compute", "find", "evaluate", "determine"), description="instruction words; a problem has one of them"
    )
    operand_max: AtLeastTwo = Field(9, description="the numbers of a problem are 1 to this")
    result_max: Count = Field(27, description="no result, of a part of the sum or of all, is below 0 or above this")
    split_seed: int = Field(0, description="draws which problems are for pretraining, reinforcement and evaluation")
    width: Count = 64
    layers: Count = 2
    heads: Count = 4
    mlp: Count = 192
    positions: Count = Field(48, description="positions of the model")
    steps: Count = Field(800, description="AdamW updates of pretraining")
    batch: Count = Field(48, description="sequences an update")
    learning_rate: Annotated[float, Field(gt=0)] = Field(6e-3, description="its highest; a warm-up, then a cosine")

    @model_validator(mode="after")
    def _heads_divide(self) -> "Organism":
        if self.steps == 20:
            raise ValueError(
                "with 20 steps the warm-up, a twentieth of them, has no length; allowed: 21, or fewer than 20"
            )
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} does not divide into {self.heads} heads of even size")
        return self


class Start(Frozen):
    """The end of another run: each seed starts from the checkpoint of the same seed."""

    model: Name
    reward: Name
    step: Count = Field(description="the rollout step of its checkpoint")


class Model(Frozen):
    """A model to start from."""

    source: Literal["hub", "local", "organism", "run"]
    id: str | None = Field(None, description="hub id, or the folder of a local model")
    revision: str | None = Field(None, description="commit, tag or branch on the hub; the lock file pins what it meant")
    gated: bool = Field(False, description="whether the hub gives it only to those who accepted its terms")
    family: Family | None = Field(None, description="an organism's corpus")
    start: Start | None = Field(
        None, description="source run: the checkpoint to start from, an already RL-trained model"
    )
    num_parameters: Annotated[float, Field(gt=0)] | None = Field(
        None, description="how many weights it has; a suite with `resources` needs it, of all but organisms"
    )
    paper: str | None = Field(None, description="the paper's model whose printed numbers stand beside this one's")
    behaviour: Literal["effective code", "bad code", "no code", "placebo", "unknown"] = Field(
        "unknown", description="the paper's family of the model, by its behaviour before training (Sec. 3)"
    )
    prompt: Name = Field(description="the prompt it is given unless an experiment says otherwise")
    max_positions: Count = Field(description="prompt and response together must fit")
    title: Title = Field("", description="how tables and figures call it; the key itself if empty")

    @model_validator(mode="after")
    def _source_has_what_it_needs(self) -> "Model":
        needed = {"organism": "family", "run": "start"}.get(self.source, "id")
        if given := [key for key in ("id", "family", "start") if (getattr(self, key) is not None) != (key == needed)]:
            word = "needs" if given == [needed] else "takes"
            raise ValueError(
                f"a model with source {self.source} {word} the key {needed} and no other of id, family, start"
            )
        return self


PAPER_DAY = datetime.date(2025, 6, 12)
"""Of the paper's first version."""

_PROBLEM = re.compile(r"(?<!\\boxed)\{\}")


class Prompt(Frozen):
    r"""What is put around a problem; `{}` stands for it, but not in `\boxed{}`."""

    kind: Literal["chat", "raw", "prefill"] = Field(
        description="through the model's chat template; the text as it is; or the model's own prompt, with a response_prefix"
    )
    user: str = Field("{}", description="the user message of a chat, or the whole raw text")
    system: str | None = Field(None, description="system message; none: the template may add its own")
    date: datetime.date = Field(
        PAPER_DAY,
        description="the day that a chat template is told it is; the default is that of the paper's first version",
    )
    response_prefix: str = Field("", description="how every response must begin; it counts as part of the response")
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="a response ends after the first of these, which is kept"
    )
    answer_in: Literal["box", "tag"] = Field(
        "box", description=r"where answer and format are read: \boxed{} or <answer>"
    )
    origin: str = Field("", description="where the wording comes from")

    @field_validator("kind", mode="before")
    @classmethod
    def _kind_has_its_new_name(cls, kind: object) -> object:
        if kind == "own":
            raise ValueError("kind own is called prefill now")
        return kind

    @model_validator(mode="after")
    def _holds_the_problem(self) -> "Prompt":
        if len(_PROBLEM.findall(self.user)) != 1:
            raise ValueError("user must hold {} once, where the problem goes")
        if self.kind == "raw" and self.system is not None:
            raise ValueError("a raw prompt has no system message")
        if self.kind == "raw" and self.date != PAPER_DAY:
            raise ValueError("a raw prompt goes through no chat template that could be told a date")
        if self.kind == "prefill" and self.model_dump(exclude={"kind", "origin", "response_prefix"}) != _BARE:
            raise ValueError("a prompt of kind prefill takes response_prefix and origin only")
        return self

    def around(self, problem: str) -> str:
        """The user message, or the raw text, with `problem` in it."""
        # Not str.format, which would trip over the braces of LaTeX.
        return _PROBLEM.sub(lambda _: problem, self.user)

    @property
    def hash(self) -> str:
        """Twelve hex digits that change with anything in the prompt."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


_BARE = Prompt(kind="raw").model_dump(exclude={"kind", "origin", "response_prefix"})
