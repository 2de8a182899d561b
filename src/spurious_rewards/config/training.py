"""Rewards, training, votes and sampling, as a suite names them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from spurious_rewards.config.base import AtLeastTwo, BelowOne, Count, Fraction, Frozen, Name, Title
from spurious_rewards.config.reward_names import REWARDS_ON_VOTES

OPTIMIZERS = {"sgd": "SGD", "adamw": "Adam"}
"""Optimiser -> its name in tables and figures."""


class Reward(Frozen):
    """A reward: a function of the registry in `rewards` or of a file, and its parameter if it has one."""

    function: str = Field(description="A function of the registry, or any callable of `file`.")
    file: Path | None = Field(
        None,
        description=(
            "A Python file that has the function, relative to the suite's folder. null: the function is one "
            "of the registry."
        ),
    )
    unless: Name | None = Field(None, description="A function of the registry that must be 0 for this reward to be 1.")
    problems: Name | None = Field(None, description="The problem set to train on instead of the suite's.")
    gamma: Fraction | None = Field(None, description="random: the probability of a reward of 1.")
    # Left out where they are not given, so that existing runs of rewards without these keys stay valid.
    false_positive: Fraction | None = Field(
        None,
        description="noisy: the probability that a wrong answer is rewarded.",
        exclude_if=lambda probability: probability is None,
    )
    false_negative: Fraction | None = Field(
        None,
        description="noisy: the probability that a right answer is not rewarded.",
        exclude_if=lambda probability: probability is None,
    )
    right_labels: Fraction = Field(
        0,
        description=(
            "incorrect: the share of its problems that get the true answer as label in place of the wrong one."
        ),
        exclude_if=lambda share: not share,
    )
    title: Title = Field("", description="Name in tables and figures. Empty: the key itself.")

    @model_validator(mode="after")
    def _parameters_are_of_its_function(self) -> "Reward":
        if (self.function == "random") != (self.gamma is not None):
            raise ValueError("gamma belongs to function random, and random needs it")
        errors = self.false_positive, self.false_negative
        if errors != (None, None) and self.function != "noisy":
            raise ValueError("false_positive and false_negative belong to function noisy")
        if self.function == "noisy" and self.file is None and None in errors:
            raise ValueError("noisy needs false_positive and false_negative")
        if self.right_labels and (self.function != "incorrect" or self.file is not None):
            raise ValueError("right_labels belongs to function incorrect")
        if self.training_set != "truth" and self.problems is not None:
            raise ValueError(f"{self.function} trains on the votes on training_problems; it takes no problems")
        return self

    @property
    def training_set(self) -> Literal["truth", "majority_vote", "incorrect"]:
        """Training set on which the reward is trained (paper, Sec. 2.1)."""
        if self.function in REWARDS_ON_VOTES and self.file is None:
            return self.function  # type: ignore[return-value]
        return "truth"

    @property
    def errors(self) -> tuple[float, float] | None:
        """False positives and false negatives of the reward as a verifier of the truth; None if it is no such verifier.

        A coin flip is a verifier that does not look: it pays wrong answers as often as right ones.
        """
        if self.file is not None or self.unless is not None or self.problems is not None:
            return None
        if self.gamma is not None:
            return self.gamma, 1 - self.gamma
        if self.function == "ground_truth":
            return 0.0, 0.0
        if self.false_positive is None or self.false_negative is None:
            return None
        return self.false_positive, self.false_negative


Positive = Annotated[float, Field(gt=0)]


class Clip(Frozen):
    """PPO's clip range with a limit of its own on each side."""

    low: Positive | None = Field(description="The probability ratio is clipped below 1 - low. null: no lower clip.")
    high: Positive | None = Field(description="The probability ratio is clipped above 1 + high. null: no upper clip.")

    @model_validator(mode="after")
    def _clips(self) -> "Clip":
        if self.low is None and self.high is None:
            raise ValueError("neither side clips; for no clipping give null in the place of low and high")
        return self


def _member(value: Any) -> str:
    return "(sides)" if isinstance(value, Mapping | Clip) else "(number)"


class Training(Frozen):
    """GRPO, in the paper's terms (Sec. 2.1, App. A). A step is one rollout batch."""

    rollout_prompts: Count = Field(64, description="Prompts in each rollout batch.")
    rollouts_per_prompt: AtLeastTwo = Field(16, description="Responses to each prompt: the size of a group.")
    updates_per_rollout: Count = Field(
        8, description="Mini-batches in one pass over the rollout batch. Each is one optimiser update."
    )
    num_iterations: Count = Field(1, description="Passes over the rollout batch.")
    clip: (
        Annotated[Annotated[Positive, Tag("(number)")] | Annotated[Clip, Tag("(sides)")], Discriminator(_member)] | None
    ) = Field(0.2, description="PPO's clip range around 1, or its sides `low` and `high`. null: no clipping.")
    loss: Literal["paper", "released_code"] = Field(
        "paper",
        description=(
            "paper: the loss as the paper writes it. released_code: token mean of each micro-batch, with "
            "advantages whitened again over the batch."
        ),
    )
    engine: Literal["transformers", "vllm"] = Field(
        "transformers", description="The library that generates the rollouts."
    )
    vllm_mode: Literal["colocate", "server"] = Field(
        "colocate", description="Where vLLM runs. colocate: in the training processes. server: on GPUs of its own."
    )
    max_model_len: Count | None = Field(
        None, description="vllm: tokens that prompt and response may have together. null: as many as the model allows."
    )
    temperature: Positive = Field(1.0, description="Sampling temperature of the rollouts.")
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="The optimiser.")
    learning_rate: Positive = Field(5e-7, description="Learning rate: constant, without warm-up.")
    adam_betas: tuple[BelowOne, BelowOne] = Field((0.9, 0.95), description="The two betas of AdamW.")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.0, description="Weight decay of the optimiser.")
    max_grad_norm: Positive = Field(1.0, description="Longer gradients are clipped to this norm.")
    max_prompt_tokens: Count = Field(1024, description="Longer prompts are left out and counted.")
    max_new_tokens: Count = Field(3072, description="Longest response. One that reaches it is truncated.")
    dtype: Literal["bfloat16", "float32"] = Field(
        "bfloat16", description="Type of the arithmetic. Weights are float32."
    )
    micro_batch: Count = Field(4, description="Responses in each forward and backward pass.")
    gradient_checkpointing: bool = Field(True, description="Take less memory and more time.")
    segment_steps: Count = Field(
        50, description="Steps that one job trains. A crash costs the steps since the trainer's state was last saved."
    )
    eval_every: Count = Field(10, description="Steps between evaluated checkpoints.")
    # Left out at its default, so that runs from before this key existed stay valid.
    data_order: Literal["shared", "per_seed"] = Field(
        "shared",
        description=(
            "The order of the training problems. shared: all seeds have the same one. per_seed: each seed has its own."
        ),
        exclude_if=lambda order: order == "shared",
        repr=False,
    )
    rollouts_every: Count | None = Field(None, description="Keep the rollouts of every n-th step. null: keep none.")

    @property
    def clip_sides(self) -> tuple[float | None, float | None]:
        """How far below and above 1 the clip lets the ratio go; None: any distance."""
        return (self.clip.low, self.clip.high) if isinstance(self.clip, Clip) else (self.clip, self.clip)

    @property
    def responses(self) -> int:
        """Responses per rollout batch."""
        return self.rollout_prompts * self.rollouts_per_prompt

    @property
    def optimizer_steps(self) -> int:
        """Optimiser updates per rollout step."""
        return self.updates_per_rollout * self.num_iterations

    def evaluated(self, start: int, stop: int) -> list[int]:
        """Return the steps in (start, stop] of a segment ending at `stop` whose checkpoints are kept and evaluated."""
        return [step for step in range(start + 1, stop + 1) if step % self.eval_every == 0 or step == stop]

    @model_validator(mode="after")
    def _divides(self) -> "Training":
        if self.responses % self.updates_per_rollout:
            raise ValueError(
                f"rollout_prompts {self.rollout_prompts} x rollouts_per_prompt {self.rollouts_per_prompt} = "
                f"{self.responses} responses do not divide into updates_per_rollout {self.updates_per_rollout} mini-batches"
            )
        if (self.responses // self.updates_per_rollout) % self.micro_batch:
            raise ValueError(
                f"a mini-batch of {self.responses // self.updates_per_rollout} responses does not divide into "
                f"micro_batch {self.micro_batch}"
            )
        if self.segment_steps % self.eval_every:
            raise ValueError(f"segment_steps {self.segment_steps} is not a multiple of eval_every {self.eval_every}")
        return self


class Vote(Frozen):
    """Majority-vote labelling by the untrained model (paper, Sec. 2.1)."""

    samples: Count = Field(64, description="Responses of the untrained model to each problem.")
    temperature: Positive = Field(1.0, description="Sampling temperature of these responses.")
    equivalence: Literal["math", "strings"] = Field(
        "math",
        description=(
            "Which answers count as the same. math: equal in value. strings: the same text, as in the authors' code."
        ),
    )


class Repetition(Frozen):
    """A response repeats itself if a string of allowed length (in characters) stands `times` times or more in a row."""

    min_length: Count = Field(10, description="Shortest repeated string, in characters.")
    max_length: Count = Field(256, description="Longest repeated string, in characters.")
    times: AtLeastTwo = Field(10, description="How often the string must stand in a row.")

    @model_validator(mode="after")
    def _lengths_are_a_range(self) -> "Repetition":
        if self.min_length > self.max_length:
            raise ValueError(
                f"min_length {self.min_length} is above max_length {self.max_length}; nothing would repeat"
            )
        return self


class Strategies(Frozen):
    """How strategies are recognised in a response."""

    code: str = Field(
        "python", min_length=1, description="A response with this string, in any case, reasons in code (paper, Sec. 3)."
    )
    repetition: Repetition = Field(Repetition(), description="When a response repeats itself.")


class Sampling(Frozen):
    """How responses are drawn for votes and benchmarks."""

    engine: Literal["transformers", "vllm"] = Field(
        "transformers", description="The library that generates responses for votes and benchmarks."
    )
    max_new_tokens: Count = Field(3072, description="Longest response. One that reaches it is truncated.")
    dtype: Literal["bfloat16", "float32"] = Field("bfloat16", description="Type of weights and arithmetic.")
    batch_tokens: Count = Field(16384, description="Prompt and response tokens in one batch, padding included.")
    max_model_len: Count | None = Field(
        None, description="vllm: tokens that prompt and response may have together. null: as many as the model allows."
    )
    batch_invariant: bool = Field(
        False, description="vllm: a response does not depend on what else is in the batch, at a cost in speed."
    )
