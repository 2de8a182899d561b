"""The names by which a suite calls rewards."""

from spurious_rewards.config.reward_file import Code, read
from spurious_rewards.config.training import Reward
from spurious_rewards.rewards.functions import (
    RewardFunction,
    boxed,
    coin,
    label_match,
    no_repetition,
    noisy,
    python,
    ttrl,
    unless,
)
from spurious_rewards.rewards.user_file import from_file

REGISTRY: dict[str, RewardFunction] = {
    "ground_truth": label_match,
    "majority_vote": label_match,
    "incorrect": label_match,
    "format": boxed,
    "random": coin,
    "python": python,
    "no_repetition": no_repetition,
    "ttrl": ttrl,
    "noisy": noisy,
}


def of(reward: Reward, code: Code | None = None) -> RewardFunction:
    """What a suite's reward pays for, its `unless` included.

    A file is run each time that this is called: a process calls it once. `code` is what was read of it; None: read it now.

    Raises:
        UserError: it is a function of a file that cannot be had.
    """
    file, function = reward.file, reward.function
    wanted = REGISTRY[function] if file is None else from_file(code or read(file), function)
    return wanted if reward.unless is None else unless(wanted, REGISTRY[reward.unless])


def never_varies(reward: Reward) -> bool:
    """Whether a suite's reward is the same for every response: a coin, or a verifier, that always falls on one side."""
    right = None if reward.false_negative is None else 1 - reward.false_negative
    paid = {reward.gamma, reward.false_positive, right} - {None}
    return paid == {0} or (paid == {1} and reward.unless is None)
