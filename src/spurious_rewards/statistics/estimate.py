"""A mean with its interval, and what else follows from its error."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from scipy import optimize, special
from statsmodels.stats.power import ttest_power

from spurious_rewards.statistics.textbook import CONFIDENCE, Array

__all__ = ["Array", "Ends", "Estimate", "unknown"]

Ends = Callable[[float], tuple[float, float]]
"""The ends of the interval of a confidence, in (0, 1)."""

POWER = 0.8
"""Of `Estimate.minimum_detectable`."""


def _none(confidence: float) -> tuple[float, float]:
    del confidence
    return math.nan, math.nan


@dataclass(frozen=True)
class Estimate:
    """A mean with the ends of its 95 % interval, and how many seeds and problems it is over.

    With one seed the interval is over problems only: it says nothing of how another seed would have come out.

    `p` is of the two-sided test that the mean is 0, the one that the interval inverts: it is below 0.05 exactly where the
    interval does not hold 0, and below any other level where the interval of that level does not. `error` is the standard
    error, and `freedom` the degrees of freedom at which Student's quantile is that of the interval. Error is 0 and freedom NaN
    where no value differed from another; where there is no interval, as over one problem, all three are NaN.
    `ends` gives the ends at any confidence. Of how many `pieces` the interval consists: one, but for some shares
    (`fieller.share`), where the ends are the outermost. Of a difference, `by_seed` has each seed's mean, in the order of
    seeds, and `split` says how many of them are the upper of two groups (`cautions.split`).
    """

    value: float
    low: float
    high: float
    seeds: int
    problems: int
    p: float
    error: float
    freedom: float
    pieces: int = 1
    by_seed: tuple[float, ...] = ()
    split: int = 0
    ends: Ends = field(default=_none, repr=False, compare=False)

    def at(self, confidence: float) -> "Estimate":
        """The same with the interval of another confidence, as where several are read together (Bonferroni)."""
        low, high = self.ends(confidence)
        return replace(self, low=low, high=high)

    def with_ends(self, ends: Ends) -> "Estimate":
        """The same with another interval, at 95 %."""
        return replace(self, ends=ends).at(CONFIDENCE)

    def within(self, least: float, most: float) -> "Estimate":
        """The same where no mean can lie outside of two bounds."""

        def ends(confidence: float) -> tuple[float, float]:
            low, high = self.ends(confidence)
            return max(low, least), min(high, most)

        return self.with_ends(ends)

    @property
    def minimum_detectable(self) -> float:
        """The true mean above 0 that the test would find with 80 % power; NaN where nothing was seen to vary, or above 1.

        From the estimated error and its degrees of freedom (`statsmodels.stats.power.ttest_power`), as if they were those
        of the next study. That the test might find it on the wrong side of 0 is left out.
        """
        if not self.error > 0:
            return math.nan

        def above(errors: float) -> float:
            """How far the power at a true mean of so many standard errors is above what is asked for."""
            return float(ttest_power(errors, 1, (1 - CONFIDENCE) / 2, self.freedom, alternative="larger")) - POWER

        # The half of the interval, in standard errors; power .8 takes 1.3 to 1.5 times as much.
        half = float(special.stdtrit(self.freedom, (1 + CONFIDENCE) / 2))
        found = float(optimize.brentq(above, half, 2 * half)) * self.error
        return found if found <= 1 else math.nan  # no difference of rates is larger

    def columns(self, name: str) -> dict[str, float]:
        """The value and the ends of its interval as the columns `name`, `name_low` and `name_high`."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}

    def columns_of_seeds(self, name: str) -> dict[str, float | str]:
        """Those of a difference, and how many seeds it is over, each seed's in one cell, and `split`."""
        each = " ".join(map(repr, self.by_seed))
        return {**self.columns(name), f"{name}_seeds": self.seeds, f"{name}_by_seed": each, f"{name}_split": self.split}


def unknown(value: float, seeds: int, problems: int) -> Estimate:
    """A value without an interval."""
    return Estimate(value, math.nan, math.nan, seeds, problems, math.nan, math.nan, math.nan)
