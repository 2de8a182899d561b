"""A mean with its interval, and what follows from its standard error."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from scipy import optimize, special
from statsmodels.stats.power import ttest_power

from spurious_rewards.statistics.textbook import CONFIDENCE, Array

__all__ = ["Array", "Ends", "Estimate", "unknown"]

Ends = Callable[[float], tuple[float, float]]
"""A function from a confidence, in (0, 1), to the two ends of an interval."""

POWER = 0.8
"""The power that `Estimate.minimum_detectable` asks for."""


def _none(confidence: float) -> tuple[float, float]:
    del confidence
    return math.nan, math.nan


@dataclass(frozen=True)
class Estimate:
    """A mean with the ends of its 95 % interval, and the numbers of seeds and problems that it is over.

    With one seed the interval is over problems only: it does not say how another seed would have come out.

    `p` belongs to the two-sided test that the mean is 0, which the interval inverts: p is below 0.05 exactly where the
    95 % interval excludes 0, and likewise at any other level. `error` is the standard error. `freedom` is the degrees
    of freedom at which Student's quantile equals that of the interval. If no value differs from another, `error` is 0
    and `freedom` NaN. If there is no interval, as over one problem, `p`, `error` and `freedom` are NaN.

    `ends` gives the ends at any confidence. `pieces` is the number of pieces of the interval: more than one only for
    some shares (`fieller.share`), where `low` and `high` are the outermost ends. Only differences have `by_seed`, each
    seed's mean in the order of seeds, and `split`, how many seeds are in the upper of two groups (`cautions.split`).
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
        """Return the estimate with the interval of another confidence, as for several read together (Bonferroni)."""
        low, high = self.ends(confidence)
        return replace(self, low=low, high=high)

    def with_ends(self, ends: Ends) -> "Estimate":
        """Return the estimate with another interval, at 95 %."""
        return replace(self, ends=ends).at(CONFIDENCE)

    def within(self, least: float, most: float) -> "Estimate":
        """Return the estimate with its interval cut off at two bounds that no mean can pass."""

        def ends(confidence: float) -> tuple[float, float]:
            low, high = self.ends(confidence)
            return max(low, least), min(high, most)

        return self.with_ends(ends)

    @property
    def minimum_detectable(self) -> float:
        """The true mean above 0 that the test would find with 80 % power; NaN where no value varied, or if above 1.

        The next study is assumed to have the same error and degrees of freedom (`statsmodels.stats.power.ttest_power`).
        The chance that the test finds an effect on the wrong side of 0 is left out.
        """
        if not self.error > 0:
            return math.nan

        def above(errors: float) -> float:
            """Return by how much the power at a true mean of `errors` standard errors exceeds POWER."""
            return float(ttest_power(errors, 1, (1 - CONFIDENCE) / 2, self.freedom, alternative="larger")) - POWER

        # Half the width of the interval, in standard errors; power 0.8 takes 1.3 to 1.5 times as much.
        half = float(special.stdtrit(self.freedom, (1 + CONFIDENCE) / 2))
        found = float(optimize.brentq(above, half, 2 * half)) * self.error
        return found if found <= 1 else math.nan  # no difference of rates is larger

    def columns(self, name: str) -> dict[str, float]:
        """Return the value and the ends of its interval as the columns `name`, `name_low` and `name_high`."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}

    def columns_of_seeds(self, name: str) -> dict[str, float | str]:
        """Return the columns of a difference: those of `columns`, its number of seeds, each seed's mean, and `split`.

        The means of the seeds are in one cell, with blanks between them.
        """
        each = " ".join(map(repr, self.by_seed))
        return {**self.columns(name), f"{name}_seeds": self.seeds, f"{name}_by_seed": each, f"{name}_split": self.split}


def unknown(value: float, seeds: int, problems: int) -> Estimate:
    """Return a value without an interval."""
    return Estimate(value, math.nan, math.nan, seeds, problems, math.nan, math.nan, math.nan)
