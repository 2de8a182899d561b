"""Means and differences over seeds and problems, with 95 % intervals.

Seeds and problems are crossed: every seed answers the same problems. So a mean varies with the draw of seeds, with the
draw of problems, and with what is left between them (samples, and how a seed meets a problem).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean with the ends of its 95 % interval, and how many seeds and problems it is over.

    With one seed the interval is over problems only: it says nothing of how another seed would have come out.
    """

    value: float
    low: float
    high: float
    seeds: int
    problems: int


def mean(values: Array) -> Estimate:
    """Mean of rates in [0, 1], shape (seeds, problems), each the mean over a problem's samples."""
    return _crossed(values, bounds=(0.0, 1.0))


def difference(before: Array, after: Array) -> Estimate:
    """Mean of `after - before`, paired by seed and problem; rates in [0, 1], both of shape (seeds, problems)."""
    if before.shape != after.shape:
        raise ValueError(f"before has shape {before.shape} and after {after.shape}; both must be (seeds, problems)")
    return _crossed(after - before, bounds=(-1.0, 1.0))


def ratio(part: Array, whole: Array, bounds: tuple[float, float] = (-np.inf, np.inf)) -> Estimate:
    """Sum of `part` over sum of `whole`, both of shape (seeds, problems); its interval by the delta method.

    Problems for which `whole` is 0 with every seed say nothing and count as absent. The interval is nan where fewer than
    two problems are left, and the value too where `whole` sums to 0.

    Args:
        part: what is counted.
        whole: what it is counted of.
        bounds: between which the interval is cut off.
    """
    here = (whole != 0).any(axis=0)
    total = whole.sum()
    value = float(part.sum() / total) if total else float("nan")
    if here.sum() < 2 or not total:
        return Estimate(value, float("nan"), float("nan"), len(whole), int(here.sum()))
    part, whole = part[:, here], whole[:, here]
    return _crossed(value + (part - value * whole) / whole.mean(), bounds, largest=1 / whole.mean())


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Wilson's interval for one proportion (`scipy.stats.binomtest`)."""
    interval = stats.binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def seed_band(values: Array) -> tuple[float, float]:
    """Student's interval of the mean over seeds alone, shape (seeds,); (nan, nan) for fewer than two."""
    if len(values) < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def _crossed(values: Array, bounds: tuple[float, float], largest: float = 1.0) -> Estimate:
    """Two-way random effects: the variance of the mean from the mean squares of seeds, problems and their residual.

    In expectation `ms_seeds + ms_problems - ms_residual` is seeds x problems times the variance of the mean; where
    noise makes it smaller than one of its parts, that part stands. Degrees of freedom are Satterthwaite's. Simulated
    (3 to 10 seeds, 30 to 300 problems, seeds that differ little or much) it covers 93.9 to 98.2 %; with 2 seeds that
    differ much, 89 %. Student's interval of the seed means falls to 79 % where seeds differ little.
    """
    seeds, problems = values.shape
    if seeds < 1 or problems < 2:
        raise ValueError(f"an interval needs at least 1 seed and 2 problems, not {seeds} and {problems}")
    centre = float(values.mean())
    squares = _mean_squares(values)
    parts = np.array([part for part, _ in squares])
    freedoms = np.array([freedom for _, freedom in squares])
    variance = parts[0] if seeds == 1 else max(parts[0] + parts[1] - parts[2], parts[0], parts[1])
    if variance <= np.finfo(float).eps:
        # Every value is the same, so no variance can be estimated; as far off as Wilson allows for 0 of `problems`, if
        # one problem can differ from the others by `largest`.
        half = wilson(0, problems)[1] * largest
    else:
        freedom = variance**2 / np.sum(parts**2 / freedoms)
        half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(variance / values.size))
    low, high = max(centre - half, bounds[0]), min(centre + half, bounds[1])
    return Estimate(centre, low, high, seeds, problems)


def _mean_squares(values: Array) -> list[tuple[float, int]]:
    """(mean square, degrees of freedom) of problems, and, with more than one seed, of seeds and the residual."""
    seeds, problems = values.shape
    by_seed, by_problem = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    centre = values.mean()
    of_problems = (seeds * ((by_problem - centre) ** 2).sum() / (problems - 1), problems - 1)
    if seeds == 1:
        return [of_problems]
    of_seeds = (problems * ((by_seed - centre) ** 2).sum() / (seeds - 1), seeds - 1)
    rest = (seeds - 1) * (problems - 1)
    return [of_problems, of_seeds, (((values - by_seed - by_problem + centre) ** 2).sum() / rest, rest)]
