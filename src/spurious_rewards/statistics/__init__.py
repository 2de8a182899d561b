"""Intervals, tests and corrections: thin, on scipy and statsmodels. What each is, and why this one: docs/statistics.md."""

from spurious_rewards.statistics.crossed import difference, linear, mean
from spurious_rewards.statistics.estimate import Array, Estimate
from spurious_rewards.statistics.ratios import ratio, share
from spurious_rewards.statistics.textbook import CONFIDENCE, holm, interquartile_mean, mcnemar, seed_band, wilson

__all__ = [
    "CONFIDENCE",
    "Array",
    "Estimate",
    "difference",
    "holm",
    "interquartile_mean",
    "linear",
    "mcnemar",
    "mean",
    "ratio",
    "seed_band",
    "share",
    "wilson",
]
