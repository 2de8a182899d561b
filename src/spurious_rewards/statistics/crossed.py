"""Means and differences over seeds and problems, with their intervals and tests.

Seeds and problems are crossed: every seed answers the same problems. So a mean varies with the draw of seeds, with the
draw of problems, and with the rest (sampling, and how a seed interacts with a problem). docs/explanation/statistics.md
explains the choice of interval and test; `benchmarks/coverage.py` simulates how often they are right.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, special, stats

from spurious_rewards.statistics.cautions import split
from spurious_rewards.statistics.estimate import Array, Estimate, unknown
from spurious_rewards.statistics.textbook import CONFIDENCE, wilson


def mean(values: Array) -> Estimate:
    """Return the mean of rates in [0, 1], shape (seeds, problems); each rate is the mean over a problem's samples."""
    return as_proportion(crossed(values))


def difference(before: Array, after: Array) -> Estimate:
    """Return the mean of `after - before`, paired by seed and problem: rates in [0, 1], both (seeds, problems)."""
    return linear([before, after], [-1, 1])


def linear(grids: Sequence[Array], weights: Sequence[float]) -> Estimate:
    """Return the mean of a weighted sum of grids, paired by seed and problem.

    Such a sum is a contrast, for example a difference of differences.

    Args:
        grids: rates in [0, 1], all of the same shape (seeds, problems), seeds and problems in the same order.
        weights: one for each grid.

    Raises:
        ValueError: the grids have different shapes.
    """
    if len({grid.shape for grid in grids}) != 1:
        raise ValueError(
            f"the grids have shapes {[grid.shape for grid in grids]}; all must be the same (seeds, problems)"
        )
    values = sum(weight * grid for weight, grid in zip(weights, grids, strict=True))
    least, most = (float(sum(side(weight, 0) for weight in weights)) for side in (min, max))
    values = np.asarray(values)
    by_seed = tuple(values.mean(axis=1).tolist())
    found = crossed(values, largest=max(-least, most)).within(least, most)
    return replace(found, by_seed=by_seed, split=split(values))


def as_proportion(found: Estimate) -> Estimate:
    """Return the estimate of a proportion with Wilson's interval.

    Wilson's formula takes a number of independent answers. Here it is the number that would have the same standard
    error, and the quantile of the estimate's own interval replaces the normal one. Near 0 and 1 a symmetric interval
    misses more often. Where the error or the value is too extreme for that, the interval is only cut off at 0 and 1.
    """
    if not found.error > 0 or not 0 < found.value < 1:
        return found.within(0.0, 1.0)
    p, ends = found.value, found.ends

    def wilsons(confidence: float) -> tuple[float, float]:
        low, high = ends(confidence)
        per_answer = ((high - low) / 2) ** 2 / (p * (1 - p))  # quantile squared over the number of answers
        centre, scale = p + per_answer / 2, 1 + per_answer
        half = math.sqrt(per_answer * (p * (1 - p) + per_answer / 4))
        return (centre - half) / scale, (centre + half) / scale

    return found.with_ends(wilsons)


def crossed(values: Array, largest: float = 1.0) -> Estimate:
    """Return the mean of any values, with the interval of two-way random effects and Cochran's quantile.

    The variance of the mean, times the number of values, is the sum of two parts:

    - seeds: the mean square `ms_seeds`, with seeds - 1 degrees of freedom;
    - problems: `ms_problems - ms_residual`, with problems - 1 degrees of freedom.

    `ms_residual` is taken to be no larger than either of the other two. The quantile is the mean of Student's quantiles
    for the two parts, weighted by their variances (Cochran's for two means of unequal variance). Satterthwaite's
    degrees of freedom give a narrower interval: it covers 91 % with 3 seeds that differ about as much as the draw of
    problems makes them. Over a single problem there is no interval.

    Args:
        values: shape (seeds, problems).
        largest: the most by which one problem can differ from the others.

    Raises:
        ValueError: there is no seed, or no problem.
    """
    seeds, problems = values.shape
    if not values.size:
        raise ValueError(f"a mean needs at least 1 seed and 1 problem, not {seeds} and {problems}")
    centre = float(values.mean())
    if problems == 1:
        return unknown(centre, seeds, problems)
    of_seeds, of_problems = _variances(values)
    if of_seeds + of_problems <= np.finfo(float).eps:
        return _without_variance(centre, seeds, problems, largest)
    found = _Quantile(of_seeds, seeds - 1, of_problems, problems - 1)
    error = math.sqrt((of_seeds + of_problems) / values.size)
    at_95 = found.of((1 - CONFIDENCE) / 2)

    def ends(confidence: float) -> tuple[float, float]:
        half = found.of((1 - confidence) / 2) * error
        return centre - half, centre + half

    return Estimate(
        centre,
        *ends(CONFIDENCE),
        seeds,
        problems,
        p=2 * _tail(found.of, abs(centre) / error),
        error=error,
        freedom=float(special.stdtridf((1 + CONFIDENCE) / 2, at_95)),
        ends=ends,
    )


def _without_variance(centre: float, seeds: int, problems: int, largest: float) -> Estimate:
    """Return the mean of values that do not vary, so that no variance can be estimated.

    The interval is as wide as Wilson's for 0 of `problems`, times `largest`. p belongs to the test that this interval
    inverts: Wilson's upper end is z² / (n + z²).
    """

    def ends(confidence: float) -> tuple[float, float]:
        half = wilson(0, problems, confidence)[1] * largest
        return centre - half, centre + half

    off = min(abs(centre) / largest, 1.0)
    p = float(2 * stats.norm.sf(np.sqrt(problems * off / (1 - off)))) if off < 1 else 0.0
    return Estimate(centre, *ends(CONFIDENCE), seeds, problems, p, 0.0, math.nan, ends=ends)


@dataclass(frozen=True)
class _Quantile:
    """Quantiles of the mean over its error, if the true mean is 0.

    The fields are the variances of the two parts, and their degrees of freedom.
    """

    of_seeds: float
    seeds: int
    of_problems: float
    problems: int

    def of(self, tail: float) -> float:
        """Return the value that is exceeded with probability `tail`."""
        parts = [(self.of_seeds, self.seeds), (self.of_problems, self.problems)]
        together = sum(variance * special.stdtrit(freedom, tail) for variance, freedom in parts if variance)
        return -float(together) / (self.of_seeds + self.of_problems)


def _tail(quantile: Callable[[float], float], at: float) -> float:
    """Return the probability, from 0 to a half, whose quantile is `at`; 0 if it is below 1e-100."""
    least, most = math.log(1e-100), math.log(0.5)
    if at >= quantile(1e-100):
        return 0.0
    return math.exp(optimize.brentq(lambda log: quantile(min(math.exp(log), 0.5)) - at, least, most, xtol=1e-12))


def _variances(values: Array) -> tuple[float, float]:
    """Return the parts of the mean's variance, of seeds and of problems, times the number of values.

    With one seed, all of it counts as the problems' part.
    """
    seeds, problems = values.shape
    by_seed, by_problem = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    centre = values.mean()
    of_problems = float(seeds * ((by_problem - centre) ** 2).sum() / (problems - 1))
    if seeds == 1:
        return 0.0, of_problems
    of_seeds = float(problems * ((by_seed - centre) ** 2).sum() / (seeds - 1))
    rest = float(((values - by_seed - by_problem + centre) ** 2).sum() / ((seeds - 1) * (problems - 1)))
    return of_seeds, of_problems - min(rest, of_seeds, of_problems)
