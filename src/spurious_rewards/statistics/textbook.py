"""What scipy and statsmodels have, in the words of the tables."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

Array = NDArray[np.float64]

CONFIDENCE = 0.95


def wilson(successes: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's interval for one proportion (`scipy.stats.binomtest`)."""
    interval = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def seed_band(values: Array, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Student's interval of the mean over seeds alone, shape (seeds,); (nan, nan) for fewer than two."""
    if len(values) < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def interquartile_mean(by_seed: Array) -> float:
    """Mean over seeds, shape (seeds,), without the quarter at each end (`scipy.stats.trim_mean`).

    Of fewer than four seeds nothing is left out, for a quarter of them is not one.
    """
    return float(stats.trim_mean(by_seed, 0.25))


def mcnemar(gained: int, lost: int) -> float:
    """p of the exact two-sided McNemar test of one seed's problems, each right or wrong before and after.

    It takes problems as drawn at random and this one seed as it is: it says nothing of another seed.
    """
    return float(stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def holm(p: Sequence[float] | Array) -> Array:
    """Holm's adjusted p of the tests of one table (`statsmodels.stats.multitest.multipletests`); NaN is no test and stays."""
    given = np.asarray(p, dtype=float)
    adjusted = np.full(given.shape, np.nan)
    tested = ~np.isnan(given)
    if tested.any():
        adjusted[tested] = multipletests(given[tested], method="holm")[1]
    return adjusted
