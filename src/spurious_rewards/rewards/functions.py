"""Rewards: pure functions that map responses, labels and context to 0 or 1 per response (paper, Sec. 2.1)."""

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
    """Returns whether the answers of each pair (true answer, extracted answer) are equivalent; blank ones never are."""
    majority: Callable[[Sequence[Sequence[str]]], list[str | None]]
    """Returns the majority of each list of answers, counted as in `answers.majority_vote`; None for an empty list."""
    answer_in: Literal["box", "tag"]
    code: str
    """The text that marks code reasoning, as in `config.training.Strategies`."""
    repetition: Repetition
    gamma: float | None
    """Probability of a reward of 1, for `random`."""
    false_positive: float | None
    """Probability that a wrong answer gets a reward of 1, for `noisy`."""
    false_negative: float | None
    """Probability that a correct answer gets a reward of 0, for `noisy`."""
    seed: int
    step: int
    """Rollout step of the responses."""
    ids: Sequence[str]
    """Id of each response's problem."""
    problems: Sequence[str]
    """Text of each response's problem."""
    prompts: Sequence[str | list[dict[str, str]]]
    """Input of the model for each response: the messages of a chat prompt, else the text."""
    completion_ids: Sequence[Sequence[int]]
    """Token ids of each response."""
    slots: Sequence[int]
    """Position of each response's prompt in the rollout batch."""
    indices: Sequence[int]
    """Position of each response in the group of its prompt."""
    group: int
    """Number of responses to each prompt of the rollout batch."""
    trainer_state: Any
    """State of the TRL trainer, a `transformers.TrainerState`; its steps are optimizer updates."""


RewardFunction = Callable[[Sequence[str], Sequence[str], Context], list[float]]


def label_match(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    """Reward 1 if the answer is equivalent to the label of the training set: the truth or a majority vote."""
    found = [extraction.extract(response, context.answer_in).text or "" for response in responses]
    return [float(same) for same in context.equivalent(list(zip(labels, found, strict=True)))]


def boxed(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    r"""Reward 1 if the answer is marked as the prompt asks: by a non-blank \boxed{} or <answer>."""
    return [float(response_features.has_box(response, context.answer_in)) for response in responses]


def coin(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    """Reward 1 with probability gamma, whatever the response.

    The coin is a hash of the response's position, so that a resumed run, with any number of processes, gets the same
    tosses.
    """
    if context.gamma is None:
        raise ValueError("the random reward needs a gamma")
    return [float(toss < context.gamma) for toss in _tosses(context)]


def noisy(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    """Reward like `label_match`, but as a verifier with false positives and false negatives would.

    The coin is the same as in `coin`. So if correct and wrong answers are rewarded with equal probability, this is the
    random reward.
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
    """Reward 1 if the response reasons in code."""
    return [float(response_features.has_code(response, context.code)) for response in responses]


def no_repetition(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    """Reward 1 unless the response repeats itself."""
    return [float(not response_features.repeats(response, context.repetition)) for response in responses]


def ttrl(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
    """Reward 1 if the answer is equivalent to the majority answer of its own group (test-time reinforcement learning).

    Each group votes anew at every step; labels are not used.

    Raises:
        UserError: a group is incomplete, so that its majority is unknown.
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
    """Return the reward that is 1 where `wanted` is 1 and `unwanted` is 0."""

    def reward(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
        values = zip(wanted(responses, labels, context), unwanted(responses, labels, context), strict=True)
        return [a * (1 - b) for a, b in values]

    return reward


def _tosses(context: Context) -> list[float]:
    """Return a number in [0, 1) for each response, determined by seed, step and the response's position."""
    places = zip(context.slots, context.ids, context.indices, strict=True)
    return [_uniform(context.seed, context.step, *place) for place in places]


def _uniform(*place: object) -> float:
    """Return a number in [0, 1) that is a hash of `place`."""
    digest = hashlib.sha256(repr(place).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
