"""The crossed bootstrap, with which `benchmarks/coverage.py` compares the interval that tables report.

Each replicate draws seeds and problems, both with replacement, and uses the same problems for every seed that it drew.
All samples of a problem stay together, because values are means over them. A replicate is two rows of counts, so all
replicates take only a few matrix products.
"""

from dataclasses import dataclass

import numpy as np

from spurious_rewards.statistics.textbook import CONFIDENCE, Array

RESAMPLES = 10_000


@dataclass(frozen=True)
class Resampled:
    """The mean of the values and its standard error, and those of each replicate, shape (replicates,)."""

    mean: float
    error: float
    means: Array
    errors: Array

    def percentile(self) -> tuple[float, float]:
        """Return the ends of the 95 % interval: quantiles of the replicates' means."""
        return _ends(self.means)

    def basic(self) -> tuple[float, float]:
        """Return the ends of the 95 % interval: the percentile interval mirrored at the mean."""
        low, high = self.percentile()
        return 2 * self.mean - high, 2 * self.mean - low

    def studentised(self) -> tuple[float, float]:
        """Return the ends of the 95 % interval: quantiles of the replicates' t, which needs an error above 0."""
        varied = self.errors > 0
        if not varied.any():
            return self.mean, self.mean
        low, high = _ends((self.means[varied] - self.mean) / self.errors[varied])
        return self.mean - high * self.error, self.mean - low * self.error


@dataclass(frozen=True)
class Draws:
    """How often each replicate draws each seed and each problem, shapes (replicates, seeds) and (replicates, problems)."""

    of_seeds: Array
    of_problems: Array


def draw(seeds: int, problems: int, generator: np.random.Generator, resamples: int = RESAMPLES) -> Draws:
    """Draw replicates; they fit any values with these numbers of seeds and problems."""
    return Draws(_counts(seeds, resamples, generator), _counts(problems, resamples, generator))


def resample(values: Array, draws: Draws) -> Resampled:
    """Return the replicates of `values`, shape (seeds, problems).

    For a paired difference, pass the values after minus the values before.
    """
    seeds, problems = values.shape
    replicates = _moments(values, draws.of_seeds, draws.of_problems)
    (mean,), (error,) = _moments(values, np.ones((1, seeds)), np.ones((1, problems)))
    return Resampled(float(mean), float(error), *replicates)


def _counts(n: int, resamples: int, generator: np.random.Generator) -> Array:
    """Return how often each replicate draws each of n, shape (resamples, n)."""
    drawn = generator.integers(n, size=(resamples, n)) + n * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n).astype(float)


def _moments(values: Array, of_seeds: Array, of_problems: Array) -> tuple[Array, Array]:
    """Return mean and standard error (two-way random effects, as in `crossed`) of each replicate, from its counts."""
    seeds, problems = values.shape
    by_seed, by_problem = of_problems @ values.T / problems, of_seeds @ values / seeds
    mean = (of_seeds * by_seed).sum(axis=1) / seeds
    between_seeds = problems * ((of_seeds * by_seed**2).sum(axis=1) - seeds * mean**2)
    between_problems = seeds * (np.einsum("rp,rp,rp->r", of_problems, by_problem, by_problem) - problems * mean**2)
    total = (of_seeds * (of_problems @ (values**2).T)).sum(axis=1) - values.size * mean**2
    problem_square = between_problems / (problems - 1)
    variance = problem_square
    if seeds > 1:
        seed_square = between_seeds / (seeds - 1)
        rest = (total - between_seeds - between_problems) / ((seeds - 1) * (problems - 1))
        variance = np.maximum.reduce([seed_square + problem_square - rest, seed_square, problem_square])
    noise = np.finfo(float).eps * values.size  # rounding error of sums that cancel
    return mean, np.sqrt(np.where(variance > noise, variance, 0.0) / values.size)


def _ends(of: Array) -> tuple[float, float]:
    low, high = np.quantile(of, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
