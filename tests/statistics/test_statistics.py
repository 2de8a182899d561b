"""Intervals and tests: known answers, agreement with scipy and statsmodels, invariances, and interval coverage."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from statsmodels.stats import contingency_tables, proportion
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from spurious_rewards import statistics
from spurious_rewards.statistics.crossed import crossed

rates = arrays(
    float,
    st.tuples(st.integers(1, 4), st.integers(2, 7)),
    elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)


def studies(count, seeds, problems, samples, seed_spread, gain=0.6, trained=1):
    """Yield (rates before and after each training, true accuracies before and after) from a crossed probit model."""
    generator = np.random.default_rng(1)
    variance = 1 + 1 + (0.4 * seed_spread) ** 2 + 0.3**2
    after_variance = variance + seed_spread**2 + 0.5**2
    middle = -0.3
    truth = stats.norm.cdf(middle / variance**0.5), stats.norm.cdf((middle + gain) / after_variance**0.5)

    def answers(score):
        score = score + generator.normal(0, 0.3, (seeds, problems))
        if samples == 1:
            return (generator.random(score.shape) < stats.norm.cdf(score)).astype(float)
        return generator.binomial(samples, stats.norm.cdf(score)) / samples

    for _ in range(count):
        untrained = (
            middle + generator.normal(0, 1, problems) + generator.normal(0, 0.4 * seed_spread or 1e-9, (seeds, 1))
        )
        shifts = (
            generator.normal(0, seed_spread, (seeds, 1)) + generator.normal(0, 0.5, problems) for _ in range(trained)
        )
        yield [answers(untrained), *(answers(untrained + gain + shift) for shift in shifts)], truth


# ---------------------------------------------------------------- interval coverage


@pytest.mark.parametrize(
    ("seeds", "problems", "samples", "seed_spread"),
    [(3, 500, 8, 0.2), (3, 30, 1, 0.05), (5, 83, 8, 0.5)],  # in the first case, Satterthwaite's covers only 91 %
)
def test_interval_covers_the_true_difference(seeds, problems, samples, seed_spread):
    inside = []
    for (before, after), truth in studies(800, seeds, problems, samples, seed_spread):
        found = statistics.difference(before, after)
        inside.append(found.low <= truth[1] - truth[0] <= found.high)
    assert 0.93 <= np.mean(inside) < 1


@pytest.mark.parametrize("seeds", [3, 5])
def test_where_nothing_changed_few_tests_find_something(seeds):
    p = []
    for (before, one, other), _ in studies(600, seeds, 60, 8, 0.3, trained=2):
        del before
        p.append(statistics.difference(one, other).p)
    assert np.mean(np.array(p) < 0.05) <= 0.07
    assert np.min(p) < 0.05


def test_interval_of_the_share_covers_the_truth():
    inside = []
    for (before, one, other), _ in studies(400, 5, 120, 8, 0.1, gain=1.0, trained=2):
        found = statistics.share(one - before, other - before)
        inside.append(found.low <= 1 <= found.high)
    assert 0.93 <= np.mean(inside) < 1


def test_near_zero_the_interval_of_a_mean_covers():
    """A symmetric interval covers only 87 % here."""
    generator = np.random.default_rng(0)
    inside = []
    for _ in range(800):
        chance = generator.beta(0.15, 2.85, 30)
        found = statistics.mean(generator.binomial(8, chance, (1, 30)) / 8)
        inside.append(found.low <= 0.05 <= found.high)
    assert np.mean(inside) >= 0.91


# ---------------------------------------------------------------- known answers


def test_one_seed_is_students_test_over_problems_and_says_so():
    before, after = np.random.default_rng(0).random((2, 1, 40))
    found = statistics.difference(before, after)
    test = stats.ttest_rel(after[0], before[0])
    expected = test.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.p == pytest.approx(test.pvalue)
    assert (found.seeds, found.problems) == (1, 40)


def test_where_only_seeds_differ_it_is_students_test_over_seeds():
    by_seed = np.array([0.2, 0.35, -0.3, 0.5])
    change = np.repeat(by_seed[:, None], 50, axis=1)
    found = statistics.difference(np.zeros_like(change), change)
    test = stats.ttest_1samp(by_seed, 0)
    expected = test.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.p == pytest.approx(test.pvalue)
    assert statistics.seed_band(by_seed) == pytest.approx((expected.low, expected.high))


def test_where_only_problems_differ_it_is_students_test_over_problems():
    change = np.repeat(np.random.default_rng(0).normal(0.1, 0.3, (1, 30)), 5, axis=0)
    found = statistics.difference(np.zeros_like(change), change)
    test = stats.ttest_1samp(change[0], 0)
    expected = test.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.p == pytest.approx(test.pvalue)


def test_otherwise_its_quantile_lies_between_the_two():
    before, after = np.random.default_rng(0).random((2, 3, 40))
    found = statistics.difference(before, after * np.linspace(0, 1, 40))
    quantile = (found.high - found.value) / found.error
    assert stats.t.ppf(0.975, 39) < quantile < stats.t.ppf(0.975, 2)
    assert quantile == pytest.approx(stats.t.ppf(0.975, found.freedom))


@pytest.mark.parametrize("level", [0.2, 0.005, 1e-6])
def test_p_inverts_the_interval_of_every_level(level):
    generator = np.random.default_rng(0)
    change = generator.normal(0, 1, 40) + generator.normal(0, 0.3, (3, 1)) + generator.normal(0, 0.1, (3, 40))
    change -= change.mean()
    found = statistics.difference(np.zeros_like(change), change / 100)
    of_seeds = 40 * (change / 100).mean(axis=1).var(ddof=1) / (change.size * found.error**2)
    assert 0.1 < of_seeds < 0.9
    quantile = of_seeds * stats.t.isf(level / 2, 2) + (1 - of_seeds) * stats.t.isf(level / 2, 39)
    moved = statistics.difference(np.zeros_like(change), change / 100 + quantile * found.error)
    assert moved.p == pytest.approx(level, rel=1e-6)


def test_the_variance_is_that_of_a_two_way_analysis():
    values = np.random.default_rng(0).random((4, 20)) + np.linspace(0, 1, 4)[:, None] + np.linspace(0, 2, 20)
    found = statistics.difference(np.zeros_like(values), values / 10)
    seeds, problems = 20 * values.mean(axis=1).var(ddof=1), 4 * values.mean(axis=0).var(ddof=1)
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    residual = (rest**2).sum() / (3 * 19)
    assert found.error == pytest.approx(np.sqrt((seeds + problems - residual) / 80) / 10)


def test_without_any_variance_it_is_wilsons_interval_over_problems():
    never = statistics.mean(np.zeros((5, 30)))
    assert (never.low, never.high) == pytest.approx((0, statistics.wilson(0, 30)[1]))
    always = statistics.mean(np.ones((5, 30)))
    assert (always.low, always.high) == pytest.approx((statistics.wilson(30, 30)[0], 1))
    unmoved = statistics.difference(np.ones((5, 30)), np.ones((5, 30)))
    assert unmoved.low < unmoved.value == 0 < unmoved.high
    assert unmoved.p == 1
    assert np.isnan(unmoved.minimum_detectable)


@pytest.mark.parametrize("change", [0.0, 0.05, 0.11, 0.12, 0.5, 1.0])
def test_without_any_variance_the_test_inverts_the_interval_too(change):
    found = statistics.difference(np.zeros((3, 30)), np.full((3, 30), change))
    assert (found.p < 0.05) == (found.low > 0)


def test_the_mean_of_one_response_each_is_nearly_wilsons():
    right = np.zeros((1, 300))
    right[0, :10] = 1
    found = statistics.mean(right)
    assert (found.low, found.high) == pytest.approx(statistics.wilson(10, 300), abs=0.001)


@pytest.mark.parametrize(("successes", "n"), [(81, 263), (0, 30), (30, 30), (1, 2)])
def test_wilson_is_that_of_statsmodels(successes, n):
    expected = proportion.proportion_confint(successes, n, method="wilson")
    assert statistics.wilson(successes, n) == pytest.approx(expected)


@pytest.mark.parametrize(("gained", "lost"), [(0, 1), (7, 1), (12, 12), (30, 5)])
def test_mcnemar_is_that_of_statsmodels(gained, lost):
    expected = contingency_tables.mcnemar([[9, gained], [lost, 4]], exact=True).pvalue
    assert statistics.mcnemar(gained, lost) == pytest.approx(expected)


def test_mcnemar_without_any_change_is_no_evidence():
    assert statistics.mcnemar(0, 0) == 1


def test_detectable_is_what_has_80_percent_power():
    found = statistics.difference(*np.random.default_rng(0).random((2, 1, 40)))
    effect = TTestPower().solve_power(nobs=40, alpha=0.05, power=0.8)
    assert found.minimum_detectable / found.error == pytest.approx(effect * 40**0.5, rel=1e-4)


@pytest.mark.parametrize("seeds", [1, 2, 3, 5, 10])
def test_something_is_detectable_with_any_number_of_seeds(seeds):
    found = statistics.difference(*np.random.default_rng(0).random((2, seeds, 500)))
    half = (found.high - found.low) / 2
    assert half < found.minimum_detectable < 2 * half


def test_seed_band_of_one_seed_is_unknown():
    assert np.isnan(statistics.seed_band(np.array([0.5]))).all()


def test_interquartile_mean_leaves_out_a_quarter_at_each_end():
    assert statistics.interquartile_mean(np.array([-9.0, 0.1, 0.3, 7.0])) == pytest.approx(0.2)
    assert statistics.interquartile_mean(np.array([0.0, 0.3, 0.9])) == pytest.approx(0.4)


@pytest.mark.parametrize("shape", [(0, 5), (3, 0)])
def test_nothing_has_no_mean(shape):
    with pytest.raises(ValueError, match="at least 1 seed and 1 problem"):
        statistics.mean(np.zeros(shape))


def test_over_one_problem_there_is_no_interval():
    right, wrong = np.ones((3, 1)), np.zeros((3, 1))
    found = statistics.mean(right), statistics.difference(wrong, right), statistics.share(right, right)
    assert [each.value for each in found[:2]] == [1, 1]
    for each in found:
        assert np.isnan([each.low, each.high, each.p, each.minimum_detectable]).all()


def test_no_difference_above_1_is_detectable():
    found = statistics.difference(np.zeros((2, 9)), np.repeat([[0.0], [1.0]], 9, axis=1))
    assert found.error > 0
    assert np.isnan(found.minimum_detectable)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="must be the same"):
        statistics.difference(np.zeros((2, 5)), np.zeros((2, 6)))


# ---------------------------------------------------------------- other confidences, other contrasts


def estimates():
    before, after, other = np.random.default_rng(0).random((3, 4, 30))
    return {
        "mean": statistics.mean(before),
        "difference": statistics.difference(before, after),
        "linear": statistics.linear([before, after, other], [-1, 0.5, 0.5]),
        "ratio": statistics.ratio(before * after, after, proportion=True),
        "share": statistics.share(after - 0.5 * other, after),
        "unmoved": statistics.difference(before, before),
    }


@pytest.mark.parametrize("name", estimates())
def test_more_confidence_takes_a_wider_interval(name):
    found = estimates()[name]
    assert found.at(0.95) == found
    ends = [(found.at(each).low, found.at(each).high) for each in (0.5, 0.95, 0.999)]
    assert [low for low, _ in ends] == sorted((low for low, _ in ends), reverse=True)
    assert [high for _, high in ends] == sorted(high for _, high in ends)
    assert len(set(ends)) == 3


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.999])
def test_one_seed_is_students_at_every_confidence(confidence):
    before, after = np.random.default_rng(0).random((2, 1, 40))
    found = statistics.difference(before, after).at(confidence)
    expected = stats.ttest_rel(after[0], before[0]).confidence_interval(confidence)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_an_interval_of_confidence_1_less_p_ends_at_zero():
    before, after = np.random.default_rng(3).random((2, 3, 40))
    found = statistics.difference(before, after)
    ends = found.at(1 - found.p)
    assert min(abs(ends.low), abs(ends.high)) == pytest.approx(0, abs=1e-9)


def test_a_contrast_is_the_mean_of_the_weighted_sum():
    one, other, third, fourth = np.random.default_rng(0).random((4, 3, 20)) / 2
    found = statistics.linear([one, other, third, fourth], [1, -1, -1, 1])
    expected = statistics.difference(other + third, one + fourth)
    assert astuple(found)[:8] == pytest.approx(astuple(expected)[:8])
    assert found.by_seed == pytest.approx(expected.by_seed)
    assert statistics.linear([one], [1]).value == pytest.approx(one.mean())


def test_a_contrast_stays_where_rates_can_lie():
    zero, one = np.zeros((2, 3)), np.ones((2, 3))
    found = statistics.linear([zero, zero, one], [0.5, 0.5, -1])
    assert (found.value, found.low) == (-1, -1)
    assert found.high < 1


# ---------------------------------------------------------------- properties


@settings(deadline=None)
@given(rates, st.randoms(use_true_random=False))
def test_order_of_seeds_and_problems_does_not_matter(values, random):
    seeds, problems = list(range(values.shape[0])), list(range(values.shape[1]))
    random.shuffle(seeds)
    random.shuffle(problems)
    one, other = statistics.mean(values), statistics.mean(values[seeds][:, problems])
    assert (one.value, one.low, one.high, one.p) == pytest.approx((other.value, other.low, other.high, other.p))


@settings(deadline=None)
@given(rates)
def test_difference_changes_sign_with_its_arguments_and_stays_in_bounds(values):
    other = values[::-1, ::-1]
    there, back = statistics.difference(values, other), statistics.difference(other, values)
    assert (there.value, there.low, there.high, there.p) == pytest.approx((-back.value, -back.high, -back.low, back.p))
    assert -1 <= there.low <= there.value <= there.high <= 1
    level = statistics.mean(values)
    assert 0 <= level.low <= level.value <= level.high <= 1


@settings(deadline=None)
@given(rates)
def test_a_thing_does_not_differ_from_itself(values):
    found = statistics.difference(values, values)
    assert found.low < found.value == 0 < found.high
    assert found.p == 1


@settings(deadline=None)
@given(rates, st.floats(-0.2, 0.2))
def test_a_shift_shifts_the_interval_and_changes_no_error(values, shift):
    values = values / 4
    still, moved = (statistics.difference(np.zeros_like(values), each) for each in (values, values + shift))
    if still.error > 1e-6:
        assert (moved.value, moved.error) == pytest.approx((still.value + shift, still.error))
        if min(still.low, moved.low) > -1 and max(still.high, moved.high) < 1:
            assert (moved.low, moved.high) == pytest.approx((still.low + shift, still.high + shift))


@settings(deadline=None)
@given(rates)
def test_p_is_below_one_in_twenty_exactly_where_the_interval_does_not_hold_zero(values):
    found = statistics.difference(values[::-1] * 0.3, values)
    assert (found.p < 0.05) == (not found.low <= 0 <= found.high)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1) | st.just(float("nan")), max_size=12))
def test_holm_is_that_of_statsmodels_and_of_the_tests_alone(p):
    adjusted = statistics.holm(p)
    given_p = np.array(p)
    tested = ~np.isnan(given_p)
    assert np.isnan(adjusted[~tested]).all()
    if tested.any():
        assert adjusted[tested] == pytest.approx(multipletests(given_p[tested], method="holm")[1])
        assert (adjusted[tested] >= given_p[tested]).all()
        assert (adjusted[tested] <= 1).all()
        order = np.argsort(given_p[tested])
        assert (np.diff(adjusted[tested][order]) >= -1e-12).all()


def test_holm_by_hand():
    assert statistics.holm([0.01, 0.04, float("nan"), 0.03]) == pytest.approx([0.03, 0.06, np.nan, 0.06], nan_ok=True)


# ---------------------------------------------------------------- ratios


def test_a_ratio_of_sums_is_pooled():
    part, whole = np.array([[1.0, 0, 1], [0, 0, 1]]), np.array([[1.0, 1, 1], [0, 1, 1]])
    assert statistics.ratio(part, whole).value == pytest.approx(3 / 5)


@settings(deadline=None)
@given(rates)
def test_a_ratio_to_everything_is_the_mean(values):
    ratio, mean = statistics.ratio(values, np.ones_like(values), proportion=True), statistics.mean(values)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((mean.value, mean.low, mean.high), abs=1e-9)


def test_problems_without_a_whole_count_as_absent():
    part, whole = np.random.default_rng(0).random((2, 3, 20))
    more = np.hstack([part, np.zeros((3, 7))]), np.hstack([whole, np.zeros((3, 7))])
    found, expected = (astuple(statistics.ratio(*each))[:8] for each in (more, (part, whole)))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("present", [0, 1])
def test_no_interval_without_two_problems(present):
    whole = np.zeros((2, 5))
    whole[:, :present] = 1
    found = statistics.ratio(whole / 2, whole, proportion=True)
    assert np.isnan([found.low, found.high, found.p]).all()
    assert np.isnan(found.value) == (present == 0)


@pytest.mark.parametrize("seeds", [1, 5])
@pytest.mark.parametrize(("share", "samples"), [(0.3, 1), (0.6, 8)])
def test_interval_of_a_ratio_covers_the_truth(seeds, share, samples):
    """The ratio is the accuracy among responses with code; problems with more code are also easier."""
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
        found = statistics.ratio(right / samples, code / samples, proportion=True)
        inside.append(found.low <= truth <= found.high)
    assert np.mean(inside) >= 0.93


def test_a_ratio_without_variance_is_as_uncertain_as_its_whole_is_small():
    part, half = np.zeros((1, 20)), np.full((1, 20), 0.5)
    assert statistics.ratio(part, half, proportion=True).high == pytest.approx(2 * statistics.wilson(0, 20)[1])


# ---------------------------------------------------------------- shares of a gain


def gains(generator, seeds=5, problems=60):
    whole = 0.3 + generator.normal(0, 0.1, (seeds, 1)) + generator.normal(0, 0.3, (seeds, problems))
    return 0.4 * whole + generator.normal(0, 0.2, (seeds, problems)), whole


def test_the_ends_of_a_share_are_where_nothing_clearly_is_left_over():
    part, whole = gains(np.random.default_rng(0))
    found = statistics.share(part, whole)
    assert found.value == pytest.approx(part.mean() / whole.mean())
    for end, at in (("low", found.low), ("high", found.high)):
        left = statistics.difference(0 * part, part - at * whole)
        assert min(abs(left.low), abs(left.high)) == pytest.approx(0, abs=1e-6), end


def test_with_one_seed_a_share_has_fiellers_interval():
    part, whole = gains(np.random.default_rng(0), seeds=1)
    part, whole = part[0], whole[0]
    found = statistics.share(part[None], whole[None])
    (of_part, both), (_, of_whole) = np.cov(part, whole) / len(part)
    t = stats.t.ppf(0.975, len(part) - 1) ** 2
    a, b, c = whole.mean() ** 2 - t * of_whole, part.mean() * whole.mean() - t * both, part.mean() ** 2 - t * of_part
    root = np.sqrt(b**2 - a * c)
    assert (found.low, found.high) == pytest.approx(((b - root) / a, (b + root) / a))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_share_holds_zero_and_one_where_the_differences_do(number):
    part, whole = gains(np.random.default_rng(number), seeds=3, problems=20)
    found = statistics.share(part, whole)
    if np.isnan(found.value):
        assert statistics.difference(0 * whole, whole / 10).low <= 0
        return
    assert found.low < found.value < found.high
    for at, change in ((0, part), (1, part - whole)):
        test = statistics.difference(0 * change, change / 10)
        assert (found.low <= at <= found.high) == (test.low <= 0 <= test.high)


def test_there_is_no_share_of_what_is_no_gain():
    part, whole = gains(np.random.default_rng(0))
    for nothing in (-whole, whole - whole.mean(), np.zeros_like(whole)):
        found = statistics.share(part, nothing)
        assert np.isnan([found.value, found.low, found.high]).all()


def held(part, whole, confidence=0.95):
    """Return the shares on a grid for which the interval of `part - share * whole` contains 0."""
    at = np.linspace(-20, 20, 4001)
    left = [crossed(part - share * whole, largest=1 + abs(share)).at(confidence) for share in at]
    return at[[found.low <= 0 <= found.high for found in left]]


def test_a_piece_of_a_share_that_lies_apart_is_not_missed():
    part = np.array([[-0.6, -0.4, -0.5, -0.8, -0.4], [-0.3, -0.6, -0.7, -0.6, -0.9]])
    whole = np.array([[0.5, 0.5, 0.5, 0.3, 0.3], [0.6, 0.5, 0.5, 0.4, 0.5]])
    found, inside = statistics.share(part, whole), held(part, whole)
    assert (found.low, found.high) == pytest.approx((inside.min(), inside.max()), abs=0.011)
    assert found.pieces == 1 + (np.diff(inside) > 0.02).sum() == 2


@pytest.mark.parametrize("number", range(2))
def test_a_share_holds_what_a_search_of_all_shares_finds(number):
    part, whole = gains(np.random.default_rng(number))
    found, inside = statistics.share(part, whole).at(0.8), held(part, whole, 0.8)
    assert (found.low, found.high) == pytest.approx((inside.min(), inside.max()), abs=0.011)


def test_where_the_whole_may_be_nothing_a_share_is_unbounded():
    part, whole = gains(np.random.default_rng(0), seeds=3, problems=20)
    found = statistics.share(part, whole)
    assert np.isfinite([found.low, found.high]).all()
    unbounded = found.at(1 - 1e-9)
    assert (unbounded.low, unbounded.high) == (-np.inf, np.inf)


# ---------------------------------------------------------------- ratios and kappas as values


def test_values_of_a_ratio_have_its_mean_and_its_error():
    part, whole = np.random.default_rng(0).random((2, 1, 40))
    values, found = statistics.ratio_values(part, whole), statistics.ratio(part, whole)
    assert values.shape == part.shape
    assert values.mean() == pytest.approx(found.value)
    assert statistics.linear([values], [1]).error == pytest.approx(found.error)
    several = statistics.ratio_values(*np.random.default_rng(0).random((2, 3, 40)))
    assert several.mean(axis=1) == pytest.approx(
        [each[0].sum() / each[1].sum() for each in zip(*np.random.default_rng(0).random((2, 3, 40)), strict=True)]
    )


def test_a_seed_with_nothing_to_count_of_has_no_ratio():
    values = statistics.ratio_values(np.array([[0.0, 0], [1, 0]]), np.array([[0.0, 0], [1, 1]]))
    assert np.isnan(values[0]).all()
    assert values[1].mean() == pytest.approx(0.5)


def test_values_of_kappa_have_its_mean_and_move_as_it_does():
    one, other = (np.random.default_rng(number).random((1, 200)) < 0.4 for number in (0, 1))
    other[:, :120] = one[:, :120]

    def values(keep):
        agreed = (one == other)[:, keep].astype(float)
        return statistics.kappa_values(agreed, one[:, keep].astype(float), other[:, keep].astype(float))

    every = np.arange(200)
    found = values(every)
    expected = cohens_kappa(contingency_tables.Table(np.histogram2d(one[0], other[0], 2)[0]).table).kappa
    assert found.mean() == pytest.approx(expected)
    without = [values(np.delete(every, left_out)).mean() for left_out in every]
    jackknife = 200 * found.mean() - 199 * np.array(without)
    assert found[0] == pytest.approx(jackknife, abs=0.02)


def test_where_both_always_agree_by_chance_there_is_no_kappa():
    always = np.ones((1, 5))
    assert np.isnan(statistics.kappa_values(always, always, always)).all()
    assert np.isnan(statistics.kappa(always, always, always).value)


def test_kappa_is_over_the_seeds_that_have_one_and_never_above_1():
    one = np.vstack([np.tile([1.0, 0], 20), np.ones(40)])
    found = statistics.kappa(np.ones((2, 40)), one, one)
    assert (found.value, found.seeds, found.high) == (1, 1, 1)
    assert found.low < 1


# ---------------------------------------------------------------- cautions


@pytest.mark.parametrize("seeds", [5, 10])
def test_seeds_of_a_normal_distribution_rarely_fall_into_two_groups(seeds):
    drawn = np.random.default_rng(1).normal(size=(4000, seeds, 1))
    alarms = np.mean([statistics.split(values) > 0 for values in drawn])
    assert 0.035 < alarms < 0.065


def test_seeds_of_which_few_gain_fall_into_two_groups():
    generator = np.random.default_rng(0)
    change = generator.normal(0.01, 0.01, (5, 1)) + generator.normal(0, 0.2, 60) + generator.normal(0, 0.1, (5, 60))
    assert statistics.split(change) == 0
    change[3] += 0.4
    assert statistics.split(change) == 1
    change[[0, 1]] += 0.4
    assert statistics.split(change) == 3
    assert statistics.split(change[:4]) == 0


def test_one_right_answer_more_makes_no_group():
    change = np.zeros((5, 30))
    assert statistics.split(change) == 0
    change[2, 7] = 1
    assert statistics.split(change) == 0


@pytest.mark.parametrize(("rate", "problems", "few"), [(0.03, 30, True), (0.2, 30, False), (0.9, 30, True)])
def test_few_right_answers(rate, problems, few):
    assert statistics.few_right(rate, problems) == few
