"""The bootstrap against which the intervals of the tables are checked."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from spurious_rewards import statistics

SPEC = importlib.util.spec_from_file_location(
    "crossed_bootstrap", Path(__file__).parents[2] / "benchmarks/crossed_bootstrap.py"
)
bootstrap = sys.modules[SPEC.name] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(bootstrap)
draw, resample = bootstrap.draw, bootstrap.resample


def test_replicates_are_those_of_drawing_rows_and_columns():
    values = np.random.default_rng(0).random((3, 12))
    draws = draw(3, 12, np.random.default_rng(1), resamples=50)
    assert (draws.of_seeds.sum(axis=1) == 3).all()
    assert (draws.of_problems.sum(axis=1) == 12).all()
    found = resample(values, draws)
    for number in range(50):
        rows = np.repeat(np.arange(3), draws.of_seeds[number].astype(int))
        columns = np.repeat(np.arange(12), draws.of_problems[number].astype(int))
        drawn = values[rows][:, columns]
        by_hand = statistics.difference(np.zeros_like(drawn), drawn / 10)
        assert found.means[number] == pytest.approx(drawn.mean())
        assert found.errors[number] == pytest.approx(10 * by_hand.error, abs=1e-7)


def test_with_one_seed_it_is_the_bootstrap_over_problems():
    values = np.random.default_rng(0).normal(0.2, 0.3, (1, 60))
    found = resample(values, draw(1, 60, np.random.default_rng(1)))
    expected = stats.bootstrap((values[0],), np.mean, method="percentile", rng=np.random.default_rng(2))
    interval = expected.confidence_interval
    assert found.percentile() == pytest.approx((interval.low, interval.high), abs=0.01)
    low, high = found.percentile()
    assert found.basic() == pytest.approx((2 * values.mean() - high, 2 * values.mean() - low))
    error = values.std(ddof=1) / 60**0.5
    assert found.error == pytest.approx(error)
    test = stats.ttest_1samp(values[0], 0).confidence_interval()
    assert found.studentised() == pytest.approx((test.low, test.high), abs=0.02)


def test_without_variance_every_replicate_is_the_mean():
    found = resample(np.full((3, 10), 0.25), draw(3, 10, np.random.default_rng(0), resamples=20))
    assert found.percentile() == found.basic() == found.studentised() == pytest.approx((0.25, 0.25))
