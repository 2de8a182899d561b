"""When an interval promises more than it keeps: seeds in two groups, and few right answers."""

from functools import cache

import numpy as np
from scipy import stats

from spurious_rewards.statistics.textbook import Array

FALSE_ALARMS = 0.05
"""How often seeds that differ as a normal distribution has it are said to fall into two groups."""

LEAST_SEEDS = 5
"""Of fewer nothing can be said: two groups and one look alike."""

FEW_RIGHT = 5
"""Problems' worth of right answers below which an interval covers less than it says (docs/explanation/statistics-tables.md)."""


def split(values: Array) -> int:
    """How many of the seeds are in the upper of two groups, if they fall into two; 0 if not, or of fewer than five seeds.

    Engelman and Hartigan's test (1969): of all cuts between two neighbours the one with the largest sum of squares
    between the groups, over the sum within them, against what normally distributed seeds have in one of 20 cases. And
    the seeds must differ by more than their problems make them (F test of the two-way analysis): of five seeds with a
    right answer between them, the one that has it is no group.

    Intervals over seeds take them to be normally distributed. Where few seeds gain much and the others nothing, an interval
    of five covers the true mean in as few as 69 of 100 studies (docs/explanation/statistics-tables.md).

    Args:
        values: shape (seeds, problems); of one column, seeds are taken at their values.
    """
    seeds, problems = values.shape
    if seeds < LEAST_SEEDS or (problems > 1 and not _differ(values)):
        return 0
    by_seed = np.sort(values.mean(axis=1))
    cut, found = _separation(by_seed[None])
    return seeds - int(cut[0]) if found[0] > _limit(seeds) else 0


def few_right(rate: float, problems: int) -> bool:
    """Whether an accuracy rests on so few right answers, or so few wrong ones, that its interval promises too much."""
    return min(rate, 1 - rate) * problems < FEW_RIGHT


def _differ(values: Array) -> bool:
    seeds, problems = values.shape
    by_seed, by_problem = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    freedom = seeds - 1, (seeds - 1) * (problems - 1)
    of_seeds = problems * ((by_seed - values.mean()) ** 2).sum() / freedom[0]
    rest = ((values - by_seed - by_problem + values.mean()) ** 2).sum() / freedom[1]
    return bool(of_seeds > rest * stats.f.isf(FALSE_ALARMS, *freedom) and of_seeds > np.finfo(float).eps)


def _separation(ordered: Array) -> tuple[Array, Array]:
    """Where the best cut of each row is, as the size of the lower group, and its squares between over those within."""
    centred = ordered - ordered.mean(axis=1, keepdims=True)
    sizes = np.arange(1, ordered.shape[1])
    sums = centred.cumsum(axis=1)[:, :-1]
    between = sums**2 * (1 / sizes + 1 / (ordered.shape[1] - sizes))
    best = between.max(axis=1)
    within = np.maximum((centred**2).sum(axis=1) - best, np.finfo(float).tiny)
    return sizes[between.argmax(axis=1)], np.where(best > 0, best / within, 0)


@cache
def _limit(seeds: int, draws: int = 20_000) -> float:
    """What the best cut of normally distributed seeds exceeds in one of 20 cases, by simulation."""
    drawn = np.sort(np.random.default_rng(0).normal(size=(draws, seeds)), axis=1)
    return float(np.quantile(_separation(drawn)[1], 1 - FALSE_ALARMS))
