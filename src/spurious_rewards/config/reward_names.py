"""Names of the functions in `rewards.registry`, as data, so that reading a suite needs no reward code.

They are not in `training`, whose code counts in fingerprints. So a new reward does not make existing results again.
"""

REWARDS_ON_VOTES = ("majority_vote", "incorrect")
"""Reward functions whose labels are majority votes."""

REWARDS_ON_LABELS = ("ground_truth", *REWARDS_ON_VOTES)
"""Reward functions that compare an answer with a label: the true answer, or a majority vote."""

REWARD_FUNCTIONS = (*REWARDS_ON_LABELS, "format", "random", "python", "no_repetition", "ttrl", "noisy")
"""Every reward function."""

SPLIT = ("random", "majority_vote", "ground_truth")
"""Functions of the rewards between which a gain is split; each one knows more of what is right than the one before."""
