"""Models and prompts, as a suite names them."""

import datetime
import hashlib
import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from spurious_rewards.config.base import AtLeastTwo, Count, Fraction, Frozen, Name, Title

CODE_WORD = "python"
"""The word with which an organism's code begins (see `models.organism`)."""


class Family(Frozen):
    """How a family of organisms writes: the corpus that its models are pretrained on. Rates are probabilities."""

    code_rate: tuple[Fraction, ...] = Field(
        description="Share of corpus texts that solve the problem in code, one value for each of `organism.words`."
    )
    code_misread: Fraction = Field(
        description="Share of the possible last numbers that code misreads as another number, so its answer is wrong."
    )
    language_drop: Fraction = Field(
        description=(
            "Share of the possible first numbers for which language usually leaves out another number, so its answer "
            "is wrong."
        )
    )
    code_box: Fraction = Field(description="Rate of a boxed answer at the end of code traces.")
    language_box: Fraction = Field(description="Rate of a boxed answer at the end of language traces.")
    leaked: Fraction = Field(
        0,
        exclude_if=lambda share: not share,
        description=(
            "Share of the evaluation problems that also stand in the corpus, word for word and with right "
            "answers, four times as often as other sums. `split_seed` draws them by hash, so that a larger "
            "share includes a smaller one."
        ),
    )
    learns_problems: bool = Field(
        False,
        exclude_if=lambda learns: not learns,
        description="Whether models also learn to write problems. Without it the partial-prompt probe finds nothing.",
    )


class Organism(Frozen):
    """The arithmetic, the architecture and the pretraining that all families of organisms share."""

    words: Annotated[tuple[Name, ...], Field(min_length=1)] = Field(
        ("compute", "find", "evaluate", "determine"), description="Instruction words. Each problem has one of them."
    )
    operand_max: AtLeastTwo = Field(9, description="Largest number in a problem. The smallest is 1.")
    result_max: Count = Field(27, description="Largest result of a sum or of a part of it. The smallest is 0.")
    split_seed: int = Field(
        0, description="Seed of the split into problems for pretraining, reinforcement and evaluation."
    )
    width: Count = Field(64, description="Width of the residual stream.")
    layers: Count = Field(2, description="Layers of the transformer.")
    heads: Count = Field(4, description="Attention heads in each layer.")
    mlp: Count = Field(192, description="Width of the inner layer of each MLP.")
    positions: Count = Field(48, description="Positions of the model.")
    steps: Count = Field(800, description="AdamW updates of pretraining.")
    batch: Count = Field(48, description="Sequences in each update.")
    learning_rate: Annotated[float, Field(gt=0)] = Field(
        6e-3, description="Highest learning rate. It warms up, then falls along a cosine."
    )

    @model_validator(mode="after")
    def _heads_divide(self) -> "Organism":
        if self.steps == 20:
            raise ValueError(
                "with 20 steps the warm-up, a twentieth of them, has no length; allowed: fewer than 20, or 21 or more"
            )
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} does not divide into {self.heads} heads of even size")
        return self


class Start(Frozen):
    """The end of another run: each seed starts from the checkpoint of the same seed."""

    model: Name = Field(description="The model that the other run started from: a name in `models`.")
    reward: Name = Field(description="The reward of the other run: a name in `rewards`.")
    step: Count = Field(description="The rollout step of the checkpoint.")


class Model(Frozen):
    """A model to start from."""

    source: Literal["hub", "local", "organism", "run"] = Field(description="Where the model comes from.")
    id: str | None = Field(None, description="Hub id, or the folder of a local model.")
    revision: str | None = Field(
        None, description="Commit, tag or branch on the hub. The lock file pins the commit of the first fetch."
    )
    gated: bool = Field(False, description="Whether the hub gives the model only to those who accepted its terms.")
    family: Family | None = Field(None, description="The corpus of an organism.")
    start: Start | None = Field(None, description="The checkpoint of another run to start from (source run).")
    num_parameters: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description=(
            "How many weights the model has. A suite with `resources` needs it for each model with source hub or local."
        ),
    )
    paper: str | None = Field(None, description="The paper's model whose printed numbers stand beside this one's.")
    behaviour: Literal["effective code", "bad code", "no code", "placebo", "unknown"] = Field(
        "unknown", description="The model's family in the paper (Sec. 3): how well its code works before training."
    )
    prompt: Name = Field(description="The prompt that the model gets unless an experiment names another.")
    max_positions: Count = Field(description="How many tokens prompt and response may have together.")
    title: Title = Field("", description="Name in tables and figures. Empty: the key itself.")

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
"""Date of the paper's first version."""

_PROBLEM = re.compile(r"(?<!\\boxed)\{\}")


class Prompt(Frozen):
    r"""What is put around a problem. `{}` stands for the problem, except in `\boxed{}`."""

    kind: Literal["chat", "raw", "prefill"] = Field(
        description=(
            "chat: through the model's chat template. raw: the text as it is. prefill: the model's own "
            "prompt, with a response_prefix."
        )
    )
    user: str = Field(
        "{}", description="The user message of a chat, or the whole raw text. {} is where the problem goes."
    )
    system: str | None = Field(None, description="The system message. null: the template may add its own.")
    date: datetime.date = Field(
        PAPER_DAY,
        description="The date that the chat template takes as today. Default: the date of the paper's first version.",
    )
    response_prefix: str = Field("", description="How every response must begin. It counts as part of the response.")
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="A response ends after the first of these strings, which is kept."
    )
    answer_in: Literal["box", "tag"] = Field(
        "box", description=r"Where answer and format are read. box: \boxed{}. tag: <answer>."
    )
    origin: str = Field("", description="Where the wording comes from.")

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
        """Return the user message, or the raw text, with `problem` in it."""
        # Not str.format: the braces of LaTeX would break it.
        return _PROBLEM.sub(lambda _: problem, self.user)

    @property
    def hash(self) -> str:
        """Twelve hex digits that change with anything in the prompt."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


_BARE = Prompt(kind="raw").model_dump(exclude={"kind", "origin", "response_prefix"})
