"""Results of single seeds, and each reward against the plain ones, computed by hand."""

import numpy as np
import pytest
from invented import NO_METRICS, responses, row_of, suite, together

from spurious_rewards import statistics
from spurious_rewards.analysis.baselines import BASELINES, baselines
from spurious_rewards.analysis.headline import headline
from spurious_rewards.analysis.seeds import SEEDS, seeds
from spurious_rewards.config.suite import Suite


@pytest.fixture(scope="module")
def single(graded, small_suite):
    return seeds(graded, small_suite, small_suite.experiments["headline"])


@pytest.fixture(scope="module")
def against(graded, small_suite):
    return baselines(graded, small_suite, small_suite.experiments["headline"])


@pytest.fixture(scope="module")
def table(graded, small_suite):
    return headline(graded, small_suite, small_suite.experiments["headline"], NO_METRICS)


def test_seeds_average_to_the_headline(single, table):
    assert list(single.columns) == list(SEEDS)
    keys = ["model", "prompt", "reward", "variant", "benchmark"]
    means = single.groupby(keys, sort=False)[["before", "after", "difference", "gained", "lost"]].mean()
    expected = table.set_index(keys)[list(means.columns)]
    assert means.to_numpy() == pytest.approx(expected.loc[means.index].to_numpy(), nan_ok=True)
    assert (single.groupby(keys).size() == 5).all()


def test_mcnemar_is_of_greedy_responses_alone(single):
    sampled, greedy = (single[single["benchmark"] == name] for name in ("amc", "math500"))
    assert sampled[["gained", "lost", "mcnemar_p"]].isna().all(axis=None)
    for row in greedy.itertuples():
        assert row.mcnemar_p == statistics.mcnemar(int(row.gained), int(row.lost))
        assert row.gained - row.lost == pytest.approx(60 * row.difference)


def test_one_seed_by_hand():
    the_suite = suite(models=["strong"], rewards=["format"], seeds="0-1")
    before, after = [[1, 1, 0, 0]] * 2, [[0, 1, 1, 1], [1, 1, 0, 0]]
    graded = together(
        responses(before, before, seeds=[0, 1]), responses(after, after, seeds=[0, 1], step=25, reward="format")
    )
    found = seeds(graded, the_suite, the_suite.experiments["headline"])
    row = row_of(found, seed=0)
    assert (row["before"], row["after"], row["gained"], row["lost"], row["mcnemar_p"]) == (0.5, 0.75, 2, 1, 1)
    assert (row["steps"], row["problems"], row["samples"]) == (25, 4, 1)


# ---------------------------------------------------------------- baselines


def test_each_reward_stands_beside_each_baseline_but_itself(against):
    assert list(against.columns) == list(BASELINES)
    plain = {"random_0.5", "format", "ground_truth", "majority_vote", "incorrect"}
    assert set(against["baseline"]) == plain
    assert not (against["baseline"] == against["reward"]).any()
    assert len(against) == 2 * 2 * (5 * 4 + 5)  # models, benchmarks, 5 baselines against 4 others, python against 5


def test_what_is_over_random_is_what_the_headline_says(against, table):
    for row in against[against["baseline"] == "random_0.5"].to_dict("records"):
        expected = row_of(table, model=row["model"], reward=row["reward"], benchmark=row["benchmark"])
        assert row["difference"] == expected["over_random"]
        assert (row["difference_low"], row["difference_high"]) == (
            expected["over_random_low"],
            expected["over_random_high"],
        )
        assert (row["p"] < 0.05) == (not expected["over_random_low"] <= 0 <= expected["over_random_high"])
        assert row["minimum_detectable"] > 0


def test_a_baseline_is_compared_over_the_seeds_that_both_have():
    content = suite(models=["strong"], rewards=["format", "random_0.5"]).model_dump(mode="json")
    content["experiments"]["headline"] |= {"rewards": ["format"], "seeds": ["0", "1"], "benchmarks": ["math500"]}
    content["experiments"]["headline"]["extra_grids"] = [{"rewards": ["random_0.5"], "seeds": ["1", "2-3"]}]
    the_suite, generator = Suite.model_validate(content), np.random.default_rng(0)
    of_format, of_random = (generator.integers(0, 2, (4, 20)) for _ in range(2))
    graded = together(
        responses(of_format, of_format, seeds=range(4)),
        responses(of_format, of_format, seeds=range(4), step=25, reward="format"),
        responses(of_random, of_random, seeds=range(4), step=25, reward="random_0.5"),
    )
    found = baselines(graded, the_suite, the_suite.experiments["headline"])
    row = row_of(found, reward="format", baseline="random_0.5")
    assert row["seeds"] == 1
    assert row["difference"] == pytest.approx((of_format[1] - of_random[1]).mean())


def test_of_two_rewards_of_a_function_neither_is_a_baseline():
    content = suite(models=["strong"], rewards=["format", "random_0.5"]).model_dump(mode="json")
    content["rewards"]["random_0.7"] = {"function": "random", "gamma": 0.7}
    content["experiments"]["headline"] |= {
        "rewards": ["format", "random_0.5", "random_0.7"],
        "benchmarks": ["math500"],
        "seeds": ["0-1"],
    }
    the_suite, right = Suite.model_validate(content), np.eye(2, 20)
    graded = together(
        responses(right, right, seeds=[0, 1]),
        *(
            responses(right, right, seeds=[0, 1], step=25, reward=reward)
            for reward in ("format", "random_0.5", "random_0.7")
        ),
    )
    found = baselines(graded, the_suite, the_suite.experiments["headline"])
    assert set(found["baseline"]) == {"format"}
