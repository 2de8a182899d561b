"""Intervals: known answers, invariances, and whether they cover."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from spurious_rewards import statistics

rates = arrays(
    float,
    st.tuples(st.integers(1, 4), st.integers(2, 7)),
    elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)


def studies(generator, count, seeds, problems, samples, seed_spread):
    """(before, after, true difference) of studies under a crossed probit model: problems and seeds shift both."""
    middle, gain, problem_spread, base_spread, meeting, problem_gain = -0.3, 0.6, 1.0, 0.4 * seed_spread, 0.3, 0.5
    variance = 1 + problem_spread**2 + base_spread**2 + meeting**2
    after_variance = variance + seed_spread**2 + problem_gain**2
    truth = stats.norm.cdf((middle + gain) / after_variance**0.5) - stats.norm.cdf(middle / variance**0.5)
    for _ in range(count):
        difficulty = generator.normal(0, problem_spread, problems)
        base = generator.normal(0, base_spread, (seeds, 1))
        before = middle + difficulty + base + generator.normal(0, meeting, (seeds, problems))
        after = middle + gain + difficulty + base + generator.normal(0, meeting, (seeds, problems))
        after = after + generator.normal(0, seed_spread, (seeds, 1)) + generator.normal(0, problem_gain, problems)
        yield (
            generator.binomial(samples, stats.norm.cdf(before)) / samples,
            generator.binomial(samples, stats.norm.cdf(after)) / samples,
            truth,
        )


@pytest.mark.parametrize("samples", [1, 8])
@pytest.mark.parametrize("seed_spread", [0.05, 0.5])
@pytest.mark.parametrize("problems", [30, 83, 300])
def test_interval_covers_the_true_difference(problems, seed_spread, samples):
    inside = []
    for before, after, truth in studies(np.random.default_rng(1), 1500, 5, problems, samples, seed_spread):
        found = statistics.difference(before, after)
        inside.append(found.low <= truth <= found.high)
    assert np.mean(inside) >= 0.93


def test_one_seed_is_students_interval_over_problems_and_says_so():
    before, after = np.random.default_rng(0).random((2, 1, 40))
    found = statistics.difference(before, after)
    expected = stats.ttest_rel(after[0], before[0]).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.seeds, found.problems) == (1, 40)


def test_where_only_seeds_differ_it_is_students_interval_over_seeds():
    by_seed = np.array([0.2, 0.35, 0.3, 0.5])
    found = statistics.mean(np.repeat(by_seed[:, None], 50, axis=1))
    expected = stats.ttest_1samp(by_seed, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert statistics.seed_band(by_seed) == pytest.approx((expected.low, expected.high))


def test_where_only_problems_differ_it_is_students_interval_over_problems():
    by_problem = np.random.default_rng(0).random(30)
    found = statistics.mean(np.repeat(by_problem[None], 5, axis=0))
    expected = stats.ttest_1samp(by_problem, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_without_any_variance_it_is_wilsons_interval_over_problems():
    never = statistics.mean(np.zeros((5, 30)))
    assert (never.low, never.high) == pytest.approx((0, statistics.wilson(0, 30)[1]))
    always = statistics.mean(np.ones((5, 30)))
    assert (always.low, always.high) == pytest.approx((statistics.wilson(30, 30)[0], 1))
    unmoved = statistics.difference(np.ones((5, 30)), np.ones((5, 30)))
    assert unmoved.low < unmoved.value == 0 < unmoved.high


def test_wilson_is_wilsons_formula():
    n, p, z = 263, 81 / 263, 1.959964
    centre, half = p + z**2 / (2 * n), z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    low, high = ((centre + side * half) / (1 + z**2 / n) for side in (-1, 1))
    assert statistics.wilson(81, 263) == pytest.approx((low, high), abs=1e-6)


def test_seed_band_of_one_seed_is_unknown():
    assert np.isnan(statistics.seed_band(np.array([0.5]))).all()


@given(rates, st.randoms(use_true_random=False))
def test_order_of_seeds_and_problems_does_not_matter(values, random):
    seeds, problems = list(range(values.shape[0])), list(range(values.shape[1]))
    random.shuffle(seeds)
    random.shuffle(problems)
    one, other = statistics.mean(values), statistics.mean(values[seeds][:, problems])
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


@given(rates)
def test_difference_changes_sign_with_its_arguments_and_stays_in_bounds(values):
    other = values[::-1, ::-1]
    there, back = statistics.difference(values, other), statistics.difference(other, values)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert -1 <= there.low <= there.value <= there.high <= 1
    level = statistics.mean(values)
    assert 0 <= level.low <= level.value <= level.high <= 1


@pytest.mark.parametrize("shape", [(0, 5), (3, 1)])
def test_too_little_to_estimate_from(shape):
    with pytest.raises(ValueError, match="at least 1 seed and 2 problems"):
        statistics.mean(np.zeros(shape))


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="both must be"):
        statistics.difference(np.zeros((2, 5)), np.zeros((2, 6)))


# ---------------------------------------------------------------- ratios


def test_a_ratio_of_sums_is_pooled():
    part, whole = np.array([[1.0, 0, 1], [0, 0, 1]]), np.array([[1.0, 1, 1], [0, 1, 1]])
    assert statistics.ratio(part, whole).value == pytest.approx(3 / 5)


@given(rates)
def test_a_ratio_to_everything_is_the_mean(values):
    ratio, mean = statistics.ratio(values, np.ones_like(values), (0, 1)), statistics.mean(values)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((mean.value, mean.low, mean.high), abs=1e-9)


def test_problems_without_a_whole_count_as_absent():
    part, whole = np.random.default_rng(0).random((2, 3, 20))
    more = np.hstack([part, np.zeros((3, 7))]), np.hstack([whole, np.zeros((3, 7))])
    assert statistics.ratio(*more) == statistics.ratio(part, whole)


@pytest.mark.parametrize("present", [0, 1])
def test_no_interval_without_two_problems(present):
    whole = np.zeros((2, 5))
    whole[:, :present] = 1
    found = statistics.ratio(whole / 2, whole)
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(found.value) == (present == 0)


@pytest.mark.parametrize("seeds", [1, 5])
@pytest.mark.parametrize(("share", "samples"), [(0.3, 1), (0.6, 8)])
def test_interval_of_a_ratio_covers_the_truth(seeds, share, samples):
    """Accuracy among the responses with code, where problems with more code are also easier."""
    generator = np.random.default_rng(0)
    grid = np.linspace(0, 1, 2001)
    parameters = 4 * share, 4 * (1 - share)
    weights = stats.beta.pdf(grid[1:-1], *parameters)
    truth = np.average(0.2 + 0.6 * grid[1:-1], weights=weights * grid[1:-1])
    inside = []
    for _ in range(600):
        code_rate = generator.beta(*parameters, 120)
        code = generator.binomial(samples, code_rate, (seeds, 120))
        right = generator.binomial(code, 0.2 + 0.6 * code_rate)
        found = statistics.ratio(right / samples, code / samples, (0, 1))
        inside.append(found.low <= truth <= found.high)
    assert np.mean(inside) >= 0.93


def test_a_ratio_without_variance_is_as_uncertain_as_its_whole_is_small():
    part, half = np.zeros((1, 20)), np.full((1, 20), 0.5)
    assert statistics.ratio(part, half).high == pytest.approx(2 * statistics.wilson(0, 20)[1])
