"""Measurements: intervals at several confidence levels, and differences that are paired where possible."""

import math

import numpy as np
import pandas as pd
import pytest

from spurious_rewards import statistics
from spurious_rewards.analysis.claims.measurement import Condition, Grid, of_grid, of_seeds, ready

HERE, THERE = Condition(model="a"), Condition(model="b")


def grid(values: np.ndarray, seeds: range | None = None) -> Grid:
    index = list(seeds or range(len(values)))
    return Grid(pd.DataFrame(values, index, [f"p{i}" for i in range(values.shape[1])]), -1, 1)


def shared_draw(generator: np.random.Generator, seeds: int = 5, problems: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return two grids that share most of their seed and problem effects."""
    common = generator.normal(0, 0.2, (seeds, 1)) + generator.normal(0, 0.2, (1, problems))
    return tuple(common + generator.normal(0, 0.05, (seeds, problems)) for _ in range(2))  # type: ignore[return-value]


def test_a_grid_is_as_the_tables_have_it_at_any_confidence():
    before, after = (np.random.default_rng(seed).uniform(size=(5, 40)) for seed in (0, 1))
    found = of_grid(HERE, grid(after - before), 1)
    table = statistics.difference(before, after)
    for confidence in (0.95, 0.99):
        assert found.interval(confidence) == pytest.approx((table.at(confidence).low, table.at(confidence).high))
    rate = of_grid(HERE, Grid(grid(after).values, 0, 1), 1)
    assert rate.interval() == pytest.approx((statistics.mean(after).low, statistics.mean(after).high))


def test_a_difference_of_grids_is_paired_by_seed_and_problem():
    a, b = shared_draw(np.random.default_rng(0))
    found = of_grid(HERE, grid(a), 1).less(of_grid(THERE, grid(b), 1))
    assert found.value == pytest.approx((a - b).mean())
    apart = ready(HERE, 0.0, *of_grid(HERE, grid(a), 1).interval(), 60, seeds=5).less(of_grid(THERE, grid(b), 1))
    width, added = (high - low for low, high in (found.interval(), apart.interval()))
    assert width < added / 4
    assert found.condition.both == (HERE, THERE)


def test_seeds_of_a_difference_are_those_that_both_have():
    a, b = shared_draw(np.random.default_rng(0))
    ten, one = of_grid(HERE, grid(a), 1), of_grid(THERE, grid(b[:1]), 1)
    assert ten.less(one).seeds == 1
    assert ten.less(one).value == pytest.approx((a[:1] - b[:1]).mean())
    disjoint = of_grid(THERE, grid(b, range(10, 15)), 1)
    assert ten.less(disjoint).seeds == 5  # no seed is shared, so the interval widths are added
    low, high = ten.less(disjoint).interval()
    assert high - low == pytest.approx(sum(np.ptp(each.interval()) for each in (ten, disjoint)))


def test_values_of_seeds_are_paired_by_seed():
    a, b = pd.Series([1.0, 2.0, 3.0], [0, 1, 2]), pd.Series([0.9, 1.8], [0, 1])
    found = of_seeds(HERE, a, 25).less(of_seeds(THERE, b, 25))
    assert (found.value, found.seeds) == (pytest.approx(0.15), 2)
    assert found.interval() == pytest.approx(statistics.seed_band(np.array([0.1, 0.2])))


def test_an_interval_made_elsewhere_grows_as_students_quantile_does():
    found = ready(HERE, 0.1, 0.0, 0.3, 10, freedom=4)
    assert found.interval() == (0.0, 0.3)
    low, high = found.interval(0.99)
    assert (0.1 - low, high - 0.1) == pytest.approx((0.1 * 4.604095 / 2.776445, 0.2 * 4.604095 / 2.776445))


@pytest.mark.parametrize("correlation", [-1, 0, 1])
def test_where_nothing_is_shared_the_interval_is_wide_enough_however_the_two_hang_together(correlation):
    generator = np.random.default_rng(0)
    covariance = [[1, correlation], [correlation, 1]]
    draws = generator.multivariate_normal([0.3, 0.1], covariance, size=2000, method="svd")
    covered = 0
    for here, there in draws:
        low, high = (
            ready(HERE, here, here - 1.96, here + 1.96, 1)
            .less(ready(THERE, there, there - 1.96, there + 1.96, 1))
            .interval()
        )
        covered += low < 0.2 < high
    assert covered / 2000 > 0.94


def test_a_difference_of_what_is_not_testable_is_not_testable():
    a = of_grid(HERE, grid(np.zeros((2, 5))), 1)
    assert a.less(a.untestable("why")).why == "why"
    assert not a.untestable("why").less(a).testable
    assert math.isnan(ready(HERE, 0.1, math.nan, math.nan, 1).interval(0.99)[0])


def test_conditions_match_but_for_what_may_differ():
    here = Condition("main", "a", "plain", "format", "default", "math500")
    assert here.matches(Condition("main", "b", "chat", "format", "default", "math500"), {"models"})
    assert not here.matches(Condition("main", "b", "chat", "format", "default", "math500"), {"rewards"})
    assert here.matches(Condition("clean", "a", "plain", "format", "default", "amc"), {"experiments", "benchmark"})
    assert Condition.of({"model": "a", "reward": np.nan}) == Condition(model="a")
