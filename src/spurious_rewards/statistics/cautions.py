"""Warnings that an interval promises too much: seeds in two groups, and few right answers."""

from functools import cache

import numpy as np
from scipy import stats

from spurious_rewards.statistics.textbook import Array

FALSE_ALARMS = 0.05
"""How often normally distributed seeds are wrongly said to fall into two groups."""

LEAST_SEEDS = 5
"""The fewest seeds that can be tested: with fewer, two groups and one group look alike."""

FEW_RIGHT = 5
"""The fewest right answers (rate times problems) over which an interval covers what it claims.

Source: docs/explanation/statistics-tables.md.
"""


def split(values: Array) -> int:
    """Return how many seeds are in the upper of two groups; 0 if there are no two groups, or fewer than five seeds.

    This is Engelman and Hartigan's test (1969). Of all cuts between two neighbouring seeds it takes the one with the
    largest ratio of the sum of squares between the groups to the sum of squares within them. Normally distributed seeds
    exceed the limit of this ratio in one of 20 cases. In addition, the seeds must differ by more than their problems
    explain (F test of the two-way analysis). Without this condition, the one seed with a right answer among five would
    count as a group.

    Intervals over seeds assume normally distributed seeds. Where few seeds gain much and the others nothing, an
    interval of five seeds covers the true mean in as few as 69 of 100 studies (docs/explanation/statistics-tables.md).

    Args:
        values: shape (seeds, problems). With a single column the F test is left out.
    """
    seeds, problems = values.shape
    if seeds < LEAST_SEEDS or (problems > 1 and not _differ(values)):
        return 0
    by_seed = np.sort(values.mean(axis=1))
    cut, found = _separation(by_seed[None])
    return seeds - int(cut[0]) if found[0] > _limit(seeds) else 0


def few_right(rate: float, problems: int) -> bool:
    """Whether an accuracy rests on so few right, or so few wrong, answers that its interval promises too much."""
    return min(rate, 1 - rate) * problems < FEW_RIGHT


def _differ(values: Array) -> bool:
    seeds, problems = values.shape
    by_seed, by_problem = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    freedom = seeds - 1, (seeds - 1) * (problems - 1)
    of_seeds = problems * ((by_seed - values.mean()) ** 2).sum() / freedom[0]
    rest = ((values - by_seed - by_problem + values.mean()) ** 2).sum() / freedom[1]
    return bool(of_seeds > rest * stats.f.isf(FALSE_ALARMS, *freedom) and of_seeds > np.finfo(float).eps)


def _separation(ordered: Array) -> tuple[Array, Array]:
    """Return, for each row, the size of the lower group at the best cut and the ratio of squares between to within."""
    centred = ordered - ordered.mean(axis=1, keepdims=True)
    sizes = np.arange(1, ordered.shape[1])
    sums = centred.cumsum(axis=1)[:, :-1]
    between = sums**2 * (1 / sizes + 1 / (ordered.shape[1] - sizes))
    best = between.max(axis=1)
    within = np.maximum((centred**2).sum(axis=1) - best, np.finfo(float).tiny)
    return sizes[between.argmax(axis=1)], np.where(best > 0, best / within, 0)


@cache
def _limit(seeds: int, draws: int = 20_000) -> float:
    """Return the ratio at the best cut that normally distributed seeds exceed in one of 20 cases, by simulation."""
    drawn = np.sort(np.random.default_rng(0).normal(size=(draws, seeds)), axis=1)
    return float(np.quantile(_separation(drawn)[1], 1 - FALSE_ALARMS))
