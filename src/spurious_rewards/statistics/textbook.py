"""Textbook statistics: thin wrappers of scipy and statsmodels, under the names that the tables use."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

Array = NDArray[np.float64]

CONFIDENCE = 0.95


def wilson(successes: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return Wilson's interval of one proportion (`scipy.stats.binomtest`)."""
    interval = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def seed_band(values: Array, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return Student's interval of the mean over seeds alone, shape (seeds,); (nan, nan) for fewer than two seeds."""
    if len(values) < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def interquartile_mean(by_seed: Array) -> float:
    """Return the mean over seeds, shape (seeds,), without the quarter at each end (`scipy.stats.trim_mean`).

    With fewer than four seeds no seed is left out, because a quarter of them is less than one seed.
    """
    return float(stats.trim_mean(by_seed, 0.25))


def mcnemar(gained: int, lost: int) -> float:
    """Return p of the exact two-sided McNemar test of one seed's problems, each right or wrong before and after.

    The test treats problems as a random sample and this seed as fixed: it says nothing about another seed.
    """
    return float(stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def holm(p: Sequence[float] | Array) -> Array:
    """Return Holm's adjusted p of the tests of one table (`multipletests` of statsmodels); NaN is no test and stays."""
    given = np.asarray(p, dtype=float)
    adjusted = np.full(given.shape, np.nan)
    tested = ~np.isnan(given)
    if tested.any():
        adjusted[tested] = multipletests(given[tested], method="holm")[1]
    return adjusted
