"""Names of the functions in `rewards.registry`: data, so that reading a suite needs no reward code.

They are no part of `training`, whose code counts in fingerprints: a new reward makes nothing again that is there.
"""

REWARDS_ON_VOTES = ("majority_vote", "incorrect")
"""Reward functions whose labels are majority votes."""

REWARDS_ON_LABELS = ("ground_truth", *REWARDS_ON_VOTES)
"""Reward functions that compare an answer with a label: the true answer, or a majority vote."""

REWARD_FUNCTIONS = (*REWARDS_ON_LABELS, "format", "random", "python", "no_repetition", "ttrl", "noisy")
"""Every reward function."""

SPLIT = ("random", "majority_vote", "ground_truth")
"""Functions of the rewards between which a gain is split, each of which knows more of what is right than the one before."""
