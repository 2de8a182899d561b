"""Look up rewards by the names that suites use."""

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
    """Return the function of a suite's reward, including its `unless`.

    Call this once per process, because each call runs the file of a reward that comes from a file. `code` is the
    content of that file; if it is None, the file is read now.

    Raises:
        UserError: the reward is a function of a file, and the function cannot be loaded.
    """
    file, function = reward.file, reward.function
    wanted = REGISTRY[function] if file is None else from_file(code or read(file), function)
    return wanted if reward.unless is None else unless(wanted, REGISTRY[reward.unless])


def never_varies(reward: Reward) -> bool:
    """Whether a suite's reward is the same for every response, because its probabilities of a 1 are all 0 or all 1."""
    right = None if reward.false_negative is None else 1 - reward.false_negative
    paid = {reward.gamma, reward.false_positive, right} - {None}
    return paid == {0} or (paid == {1} and reward.unless is None)
