"""Intervals, tests and corrections on top of scipy and statsmodels; docs/explanation/statistics.md has the reasons."""

from spurious_rewards.statistics.cautions import FEW_RIGHT, few_right, split
from spurious_rewards.statistics.crossed import difference, linear, mean
from spurious_rewards.statistics.estimate import Array, Estimate
from spurious_rewards.statistics.fieller import share
from spurious_rewards.statistics.ratios import kappa, kappa_values, ratio, ratio_values
from spurious_rewards.statistics.textbook import CONFIDENCE, holm, interquartile_mean, mcnemar, seed_band, wilson

__all__ = [
    "CONFIDENCE",
    "FEW_RIGHT",
    "Array",
    "Estimate",
    "difference",
    "few_right",
    "holm",
    "interquartile_mean",
    "kappa",
    "kappa_values",
    "linear",
    "mcnemar",
    "mean",
    "ratio",
    "ratio_values",
    "seed_band",
    "share",
    "split",
    "wilson",
]
