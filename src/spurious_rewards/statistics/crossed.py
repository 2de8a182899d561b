"""Means, differences and ratios over seeds and problems, with 95 % intervals and the tests that go with them.

Seeds and problems are crossed: every seed answers the same problems. So a mean varies with the draw of seeds, with the
draw of problems, and with what is left between them (samples, and how a seed meets a problem). Which interval, which
test, and why: docs/statistics.md, whose figures `benchmarks/coverage.py` simulates.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats
from statsmodels.stats.power import ttest_power

from spurious_rewards.statistics.textbook import CONFIDENCE, wilson

Array = NDArray[np.float64]

POWER = 0.8
"""Of `Estimate.minimum_detectable`."""


@dataclass(frozen=True)
class Estimate:
    """A mean with the ends of its 95 % interval, and how many seeds and problems it is over.

    With one seed the interval is over problems only: it says nothing of how another seed would have come out.

    `p` is of the two-sided test that the mean is 0, the one that the interval inverts: it is below 0.05 exactly where the
    interval does not hold 0, and below any other level where the interval of that level does not. `error` is the standard
    error, and `freedom` the degrees of freedom at which Student's quantile is that of the interval. Error is 0 and freedom NaN
    where no value differed from another; where there is no interval, as over one problem, all three are NaN.
    """

    value: float
    low: float
    high: float
    seeds: int
    problems: int
    p: float
    error: float
    freedom: float

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

        half = _quantile(self.freedom)  # of the interval, in standard errors; power .8 takes 1.3 to 1.5 times as much
        found = float(optimize.brentq(above, half, 2 * half)) * self.error
        return found if found <= 1 else math.nan  # no difference of rates is larger

    def columns(self, name: str) -> dict[str, float]:
        """The value and the ends of its interval as the columns `name`, `name_low` and `name_high`."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


def mean(values: Array) -> Estimate:
    """Mean of rates in [0, 1], shape (seeds, problems), each the mean over a problem's samples."""
    return _as_proportion(_crossed(values))


def difference(before: Array, after: Array) -> Estimate:
    """Mean of `after - before`, paired by seed and problem; rates in [0, 1], both of shape (seeds, problems)."""
    if before.shape != after.shape:
        raise ValueError(f"before has shape {before.shape} and after {after.shape}; both must be (seeds, problems)")
    found = _crossed(after - before)
    return replace(found, low=max(found.low, -1.0), high=min(found.high, 1.0))


def ratio(part: Array, whole: Array, proportion: bool = False) -> Estimate:
    """Sum of `part` over sum of `whole`, both of shape (seeds, problems); its interval by the delta method.

    Problems for which `whole` is 0 with every seed say nothing and count as absent. The interval is nan where fewer than
    two problems are left, and the value too where `whole` sums to 0.

    Args:
        part: what is counted.
        whole: what it is counted of.
        proportion: no part is below 0 or above its whole.
    """
    here = (whole != 0).any(axis=0)
    total = whole.sum()
    value = float(part.sum() / total) if total else math.nan
    if here.sum() < 2 or not total:
        return _unknown(value, len(whole), int(here.sum()))
    part, whole = part[:, here], whole[:, here]
    found = _crossed(value + (part - value * whole) / whole.mean(), largest=1 / whole.mean())
    return _as_proportion(found) if proportion else found


def share(part: Array, whole: Array) -> Estimate:
    """Mean of `part` over mean of `whole`, differences of shape (seeds, problems) whose seeds and problems are the same.

    Fieller's interval: the shares s for which the interval of the mean of `part - s * whole` holds 0. So it does not hold 0
    exactly where the interval of `part` does not, nor 1 where that of the difference of the two does not; the delta
    method and a bootstrap of the ratio promise neither, and the tails of a ratio are long where the whole is small. It is
    an interval where that of `whole` lies above 0; elsewhere there is nothing to have a share of, and all is NaN.
    """
    if not _crossed(whole).low > 0:
        return _unknown(math.nan, *whole.shape)
    value = float(part.mean() / whole.mean())

    def outside(at: float) -> float:
        """Above 0 where the interval of what such a share leaves over does not hold 0."""
        left = _crossed(part - at * whole, largest=1 + abs(at))
        return max(left.low, -left.high)

    ends = [_where_it_leaves(outside, value, side) for side in (-1, 1)]
    return replace(_unknown(value, *whole.shape), low=ends[0], high=ends[1])


def _where_it_leaves(outside: Callable[[float], float], inside: float, side: int) -> float:
    """The first place on one side, in doubling steps, at which a function is above 0."""
    near, step = inside, 0.01
    while outside(inside + side * step) <= 0:
        near, step = inside + side * step, 2 * step
        if step > 1e6:
            return side * math.inf
    return float(optimize.brentq(outside, near, inside + side * step))


def _unknown(value: float, seeds: int, problems: int) -> Estimate:
    return Estimate(value, math.nan, math.nan, seeds, problems, math.nan, math.nan, math.nan)


def _as_proportion(found: Estimate) -> Estimate:
    """The same with Wilson's interval for as many answers as would have this error if each stood for itself.

    Student's quantile takes the place of the normal one. Near 0 and 1 a symmetric interval misses more often.
    """
    if not found.error > 0 or not 0 < found.value < 1:
        return replace(found, low=max(found.low, 0.0), high=min(found.high, 1.0))
    p, quantile = found.value, _quantile(found.freedom)
    per_answer = (found.error * quantile) ** 2 / (p * (1 - p))  # quantile squared over the number of answers
    centre, scale = p + per_answer / 2, 1 + per_answer
    half = np.sqrt(per_answer * (p * (1 - p) + per_answer / 4))
    return replace(found, low=float((centre - half) / scale), high=float((centre + half) / scale))


def _crossed(values: Array, largest: float = 1.0) -> Estimate:
    """Two-way random effects, with Cochran's quantile.

    The variance of the mean is that of the seeds, `ms_seeds` over the number of values, with one degree of freedom less
    than seeds, and what the problems add, `ms_problems - ms_residual`, with one less than problems: mean squares of seeds,
    problems and their residual, which is taken to be no larger than either. The quantile is the mean of Student's
    for the two, weighed by the two variances (Cochran's for two means of unequal variance). Satterthwaite's degrees of freedom
    make a narrower interval, which covers 91 % with 3 seeds that differ about as much as the draw of problems makes them.

    Args:
        values: shape (seeds, problems).
        largest: by how much one problem can differ from the others.
    """
    seeds, problems = values.shape
    if not values.size:
        raise ValueError(f"a mean needs at least 1 seed and 1 problem, not {seeds} and {problems}")
    centre = float(values.mean())
    if problems == 1:
        return _unknown(centre, seeds, problems)
    of_seeds, of_problems = _variances(values)
    variance = of_seeds + of_problems
    if variance <= np.finfo(float).eps:
        # Every value is the same, so no variance can be estimated; as far off as Wilson allows for 0 of `problems`, if
        # one problem can differ from the others by `largest`. The test that this inverts: Wilson's end is z² / (n + z²).
        half = wilson(0, problems)[1] * largest
        off = min(abs(centre) / largest, 1.0)
        p = 2 * stats.norm.sf(np.sqrt(problems * off / (1 - off))) if off < 1 else 0.0
        return Estimate(centre, centre - half, centre + half, seeds, problems, float(p), 0.0, math.nan)
    error = float(np.sqrt(variance / values.size))
    parts = [(of_seeds / variance, seeds - 1), (of_problems / variance, problems - 1)]

    def quantile(tail: float) -> float:
        """Of the mean over its error, if the true mean is 0: what it exceeds with this probability."""
        return -float(sum(weight * special.stdtrit(freedom, tail) for weight, freedom in parts if weight))

    end = quantile((1 - CONFIDENCE) / 2)
    return Estimate(
        centre,
        centre - end * error,
        centre + end * error,
        seeds,
        problems,
        p=2 * _tail(quantile, abs(centre) / error),
        error=error,
        freedom=float(special.stdtridf((1 + CONFIDENCE) / 2, end)),
    )


def _tail(quantile: Callable[[float], float], at: float) -> float:
    """The probability whose quantile is `at`, from 0 to a half; below 1e-100, 0."""
    least, most = math.log(1e-100), math.log(0.5)
    if at >= quantile(1e-100):
        return 0.0
    return math.exp(optimize.brentq(lambda log: quantile(min(math.exp(log), 0.5)) - at, least, most, xtol=1e-12))


def _quantile(freedom: float) -> float:
    return float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2))


def _variances(values: Array) -> tuple[float, float]:
    """Of the mean, times the number of values: what seeds add, and what problems add; with one seed, all is of problems."""
    seeds, problems = values.shape
    by_seed, by_problem = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    centre = values.mean()
    of_problems = float(seeds * ((by_problem - centre) ** 2).sum() / (problems - 1))
    if seeds == 1:
        return 0.0, of_problems
    of_seeds = float(problems * ((by_seed - centre) ** 2).sum() / (seeds - 1))
    rest = float(((values - by_seed - by_problem + centre) ** 2).sum() / ((seeds - 1) * (problems - 1)))
    return of_seeds, of_problems - min(rest, of_seeds, of_problems)
