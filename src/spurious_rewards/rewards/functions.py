"""Rewards: pure functions of responses, labels and context to 0 or 1 each (paper, Sec. 2.1)."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from spurious_rewards.answers import extraction, response_features
from spurious_rewards.config.training import Repetition
from spurious_rewards.runtime.errors import UserError


@dataclass(frozen=True)
class Context:
    """What a reward may use besides a response and its label."""

    equivalent: Callable[[Sequence[tuple[str, str]]], list[bool]]
    """Whether each (true answer, answer found) is the same answer; a blank one never is."""
    majority: Callable[[Sequence[Sequence[str]]], list[str | None]]
    """The majority of each of these lists of answers, as `answers.majority_vote` counts them; None of an empty one."""
    answer_in: Literal["box", "tag"]
    code: str
    """What marks code reasoning, as in `config.training.Strategies`."""
    repetition: Repetition
    gamma: float | None
    """The probability of a reward of 1, for `random`."""
    false_positive: float | None
    """The probability that a wrong answer is paid, for `noisy`."""
    false_negative: float | None
    """The probability that a right answer is not, for `noisy`."""
    seed: int
    step: int
    """Rollout step."""
    ids: Sequence[str]
    """The problem of each response."""
    problems: Sequence[str]
    """Its text."""
    prompts: Sequence[str | list[dict[str, str]]]
    """What the model was given: of a chat prompt the messages, else the text."""
    completion_ids: Sequence[Sequence[int]]
    """Token ids of each response."""
    slots: Sequence[int]
    """The place of its prompt in the rollout batch."""
    indices: Sequence[int]
    """Its place in the group of its prompt."""
    group: int
    """Responses to each prompt of the rollout batch."""
    trainer_state: Any
    """Of TRL's trainer, a `transformers.TrainerState`; its steps are optimiser updates."""


RewardFunction = Callable[[Sequence[str], Sequence[str], Context], list[float]]


def label_match(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    """1 where the answer is equivalent to the label: the truth or a majority vote, as the training set has it."""
    found = [extraction.extract(response, context.answer_in).text or "" for response in responses]
    return [float(same) for same in context.equivalent(list(zip(labels, found, strict=True)))]


def boxed(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    r"""1 where the answer is marked as the prompt asks, by a \boxed{} or an <answer> that is not blank."""
    return [float(response_features.has_box(response, context.answer_in)) for response in responses]


def coin(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    """1 with probability gamma, whatever the response.

    The coin is a hash of the response's place, so that a resumed run, and any number of processes, toss the same.
    """
    if context.gamma is None:
        raise ValueError("the random reward needs a gamma")
    return [float(toss < context.gamma) for toss in _tosses(context)]


def noisy(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    """`label_match` as a verifier sees it that errs: it pays some wrong answers, and some right ones it does not pay.

    The coin is that of `coin`, so that a verifier which pays right and wrong answers equally often is the random reward.
    """
    false_positive, false_negative = context.false_positive, context.false_negative
    if false_positive is None or false_negative is None:
        raise ValueError("the noisy reward needs the probabilities of both errors")
    right = label_match(responses, labels, context)
    return [
        float(toss < (1 - false_negative if same else false_positive))
        for toss, same in zip(_tosses(context), right, strict=True)
    ]


def python(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    """1 where the response reasons in code."""
    return [float(response_features.has_code(response, context.code)) for response in responses]


def no_repetition(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    """1 unless the response repeats itself."""
    return [float(not response_features.repeats(response, context.repetition)) for response in responses]


def ttrl(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    """1 where the answer is equivalent to the majority answer of its own group (test-time reinforcement learning).

    The group votes afresh at every step, and labels are not looked at.

    Raises:
        UserError: a group is not whole, so that its majority cannot be known.
    """
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for position, slot in enumerate(context.slots):
        groups[slot].append(position)
    if broken := [len(group) for group in groups.values() if len(group) != context.group]:
        raise UserError(
            f"ttrl votes within a group of {context.group} responses, but a process has {broken[0]} of one; "
            "train on a number of processes that divides training.rollout_prompts"
        )
    found = [extraction.extract(response, context.answer_in).text for response in responses]
    majorities = context.majority(
        [[text for i in group if (text := found[i]) is not None] for group in groups.values()]
    )
    winner = {slot: text or "" for slot, text in zip(groups, majorities, strict=True)}
    pairs = [(winner[slot], text or "") for slot, text in zip(context.slots, found, strict=True)]
    return [float(same) for same in context.equivalent(pairs)]


def unless(wanted: RewardFunction, unwanted: RewardFunction) -> RewardFunction:
    """The reward that is 1 where `wanted` is and `unwanted` is not."""

    def reward(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
        values = zip(wanted(responses, labels, context), unwanted(responses, labels, context), strict=True)
        return [a * (1 - b) for a, b in values]

    return reward


def _tosses(context: Context) -> list[float]:
    """A number in [0, 1) for each response, by its place."""
    places = zip(context.slots, context.ids, context.indices, strict=True)
    return [_uniform(context.seed, context.step, *place) for place in places]


def _uniform(*place: object) -> float:
    """A number in [0, 1) that is a hash of `place`."""
    digest = hashlib.sha256(repr(place).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
