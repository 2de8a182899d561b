"""Intervals, tests and corrections: thin, on scipy and statsmodels. What each is, and why this one: docs/statistics.md."""

from spurious_rewards.statistics.crossed import Array, Estimate, difference, mean, ratio, share
from spurious_rewards.statistics.textbook import CONFIDENCE, holm, interquartile_mean, mcnemar, seed_band, wilson

__all__ = [
    "CONFIDENCE",
    "Array",
    "Estimate",
    "difference",
    "holm",
    "interquartile_mean",
    "mcnemar",
    "mean",
    "ratio",
    "seed_band",
    "share",
    "wilson",
]
