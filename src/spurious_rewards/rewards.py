"""Rewards: pure functions of responses, labels and context to 0 or 1 each (paper, Sec. 2.1).

A new reward is one function here and one line in `REGISTRY`, whose names are the `function` of a suite's rewards.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from spurious_rewards import answers, strategies
from spurious_rewards.suite import Repetition


@dataclass(frozen=True)
class Context:
    """What a reward may use besides a response and its label."""

    equivalent: Callable[[Sequence[tuple[str, str]]], list[bool]]
    """Whether each (true answer, answer found) is the same answer; a blank one never is."""
    answer_in: Literal["box", "tag"]
    code: str
    """What marks code reasoning, as in `suite.Strategies`."""
    repetition: Repetition
    gamma: float | None
    """The probability of a reward of 1, for `random`."""
    seed: int
    step: int
    """Rollout step."""
    ids: Sequence[str]
    """The problem of each response."""
    slots: Sequence[int]
    """The place of its prompt in the rollout batch."""
    indices: Sequence[int]
    """Its place in the group of its prompt."""


RewardFunction = Callable[[Sequence[str], Sequence[str], Context], list[float]]


def label_match(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    """1 where the answer is equivalent to the label: the truth or a majority vote, as the training set has it."""
    found = [answers.extract(response, context.answer_in).text or "" for response in responses]
    return [float(same) for same in context.equivalent(list(zip(labels, found, strict=True)))]


def boxed(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    r"""1 where the answer is marked as the prompt asks, by a \boxed{} or an <answer> that is not blank."""
    return [float(strategies.has_box(response, context.answer_in)) for response in responses]


def coin(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    """1 with probability gamma, whatever the response.

    The coin is a hash of the response's place, so that a resumed run, and any number of processes, toss the same.
    """
    if context.gamma is None:
        raise ValueError("the random reward needs a gamma")
    places = zip(context.slots, context.ids, context.indices, strict=True)
    return [float(_uniform(context.seed, context.step, *place) < context.gamma) for place in places]


def python(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    """1 where the response reasons in code."""
    return [float(strategies.has_code(response, context.code)) for response in responses]


def both(first: RewardFunction, second: RewardFunction) -> RewardFunction:
    """The reward that is 1 where both are."""

    def reward(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
        values = zip(first(responses, labels, context), second(responses, labels, context), strict=True)
        return [a * b for a, b in values]

    return reward


def without(wanted: RewardFunction, unwanted: RewardFunction) -> RewardFunction:
    """The reward that is 1 where `wanted` is and `unwanted` is not."""

    def reward(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
        values = zip(wanted(responses, labels, context), unwanted(responses, labels, context), strict=True)
        return [a * (1 - b) for a, b in values]

    return reward


def _uniform(*place: object) -> float:
    """A number in [0, 1) that is a hash of `place`."""
    digest = hashlib.sha256(repr(place).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


REGISTRY: dict[str, RewardFunction] = {
    "ground_truth": label_match,
    "majority_vote": label_match,
    "incorrect": label_match,
    "format": boxed,
    "random": coin,
    "python": python,
}
