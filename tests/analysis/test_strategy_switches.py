"""Strategy switches: the four groups counted by hand, and properties that hold for any answers (hypothesis)."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from invented import NO_METRICS, responses, row_of, suite, together

from spurious_rewards.analysis.strategy_switches import GROUPS, STEERED_RULE, contributions, switches
from spurious_rewards.config.suite import Suite

# Problems:    0  1  2  3  4  5  6  7
CODE_BEFORE = [1, 1, 1, 1, 0, 0, 0, 0]
CODE_AFTER_ = [1, 1, 0, 0, 1, 1, 1, 0]
BEFORE_____ = [1, 0, 0, 1, 0, 0, 0, 1]
AFTER______ = [1, 1, 1, 0, 1, 1, 0, 0]


def steering_suite(rewards=("format",), steered=0.1, models=("strong",)):
    content = suite(models=list(models), rewards=list(rewards)).model_dump(mode="json")
    content["report"] = {"headline": "headline", "steered": steered}
    return Suite.model_validate(content)


def trained(right, code, reward="format", step=25, seeds=(0,), **others):
    return responses(right, code, reward=reward, step=step, seeds=seeds, **others)


def of(the_suite, *frames, step=None):
    return switches(together(*frames), the_suite, the_suite.experiments["headline"], step)


@pytest.fixture(scope="module")
def by_hand():
    return of(steering_suite(), responses([BEFORE_____], [CODE_BEFORE]), trained([AFTER______], [CODE_AFTER_]))


def test_groups_by_hand(by_hand):
    expected = {  # size, accuracy before, after, net
        "code_to_code": (2 / 8, 1 / 2, 1, 1 / 8),
        "code_to_language": (2 / 8, 1 / 2, 1 / 2, 0),
        "language_to_code": (3 / 8, 0, 2 / 3, 2 / 8),
        "language_to_language": (1 / 8, 1, 0, -1 / 8),
    }
    assert by_hand["group"].tolist() == list(GROUPS) == list(expected)
    for name, values in expected.items():
        row = row_of(by_hand, group=name)
        assert row[["size", "before", "after", "net"]].tolist() == pytest.approx(values)
    assert by_hand["partial_contribution"].isna().all(), "of 8 problems 2 more are no clear gain"
    assert set(by_hand["step"]) == {25}
    assert by_hand["difference"].tolist() == pytest.approx([2 / 8] * 4)
    assert by_hand["code_change"].tolist() == pytest.approx([1 / 8] * 4)


answers = arrays(bool, (2, 6), elements=st.booleans())


@settings(max_examples=40, deadline=None)
@given(before=answers, after=answers, code_before=answers, code_after=answers)
def test_groups_share_out_the_problems_and_the_gain(before, after, code_before, code_after):
    found = of(
        steering_suite(),
        responses(before, code_before, seeds=[0, 1]),
        trained(after, code_after, seeds=[0, 1]),
    )
    assert found["size"].sum() == pytest.approx(1)
    assert found["net"].sum() == pytest.approx(after.mean() - before.mean())
    if (found["difference_low"] > 0).any():
        assert found["partial_contribution"].sum() == pytest.approx(1)
    else:
        assert found["partial_contribution"].isna().all()
    empty = found["size"] == 0
    assert (found["before"].isna() == empty).all()
    assert found.loc[~empty, "before"].between(0, 1).all()


def test_only_greedy_benchmarks_and_the_step_that_is_asked_for():
    the_suite = steering_suite()
    frames = [responses([BEFORE_____], [CODE_BEFORE]), trained([AFTER______], [CODE_AFTER_], step=10)]
    frames += [frame.assign(benchmark="amc") for frame in frames]
    found = of(the_suite, *frames, step=10)
    assert set(found["benchmark"]) == {"math500"}
    assert set(found["step"]) == {10}
    assert of(the_suite, *frames).empty
    assert of(the_suite, *frames, trained([AFTER______], [CODE_AFTER_], step=30), step=30).empty


@pytest.mark.parametrize(
    ("changed", "least", "expected"),
    [(0, 0.1, False), (40, 0.1, True), (40, 0.5, False), (-40, 0.1, True), (2, 0.0, False)],
)
def test_steered(changed, least, expected):
    """Let `changed` of 100 problems switch to code, or from code if it is negative."""
    many, few = np.arange(100) < 50 + max(changed, 0), np.arange(100) < 50 + min(changed, 0)
    before, after = (many, few) if changed < 0 else (np.arange(100) < 50, many)
    nothing = np.zeros((1, 100))
    found = of(steering_suite(steered=least), responses(nothing, [before]), trained(nothing, [after]))
    assert found["steered"].tolist() == [expected] * 4
    assert "report.steered" in STEERED_RULE


def test_contributions_are_over_all_that_steered_and_could_learn():
    rewards = ["format", "python", "random_0.5", "incorrect", "majority_vote"]
    the_suite = steering_suite(rewards)
    base_right, base_code = np.arange(100) < 20, np.arange(100) < 50
    all_code, as_before = np.ones(100), base_code
    right = {
        "format": np.arange(100) < 40,  # all newly right answers had code before
        "python": (np.arange(100) < 30) | (np.arange(100) >= 90),  # half of the newly right answers had code before
        "random_0.5": np.arange(100) < 90,  # gains without a change of strategy
        "incorrect": np.arange(100) < 10,  # steers and loses
        "majority_vote": np.arange(100) < 90,  # steers, but no two of its rewards ever differed
    }
    graded = together(
        responses([base_right], [base_code]),
        *(trained([right[r]], [as_before if r == "random_0.5" else all_code], reward=r) for r in rewards),
    )
    could = pd.DataFrame({"reward": rewards, "zero_variance_groups": [0.1, 0.1, 0.1, 0.1, 1.0]})
    metrics = could.assign(model="strong", prompt="plain", variant="default")
    found = contributions(graded, the_suite, the_suite.experiments["headline"], metrics)
    assert found["group"].tolist() == list(GROUPS)
    assert set(found["rewards"]) == {"format, python, incorrect"}
    assert found["difference"].tolist() == pytest.approx([(0.2 + 0.2 - 0.1) / 3] * 4)
    assert found["partial_contribution"].tolist() == pytest.approx([(0.2 + 0.1 - 0.1) / 0.3, 0, 0.1 / 0.3, 0])
    row = row_of(found, group="code_to_code")
    assert row["partial_contribution_low"] < 2 / 3 < row["partial_contribution_high"]


def pooled(the_suite, *frames):
    return contributions(together(*frames), the_suite, the_suite.experiments["headline"], NO_METRICS)


def test_without_a_clear_gain_there_is_a_mean_difference_and_no_contribution():
    right = np.arange(100) < 20
    found = pooled(steering_suite(), responses([right], [right]), trained([np.arange(100) < 21], [np.ones(100)]))
    assert found["difference"].tolist() == pytest.approx([0.01] * 4)
    assert found["partial_contribution"].isna().all()
    assert set(found["rewards"]) == {"format"}


def test_contributions_where_nothing_steered():
    found = pooled(steering_suite(), responses([BEFORE_____], [CODE_BEFORE]), trained([AFTER______], [CODE_BEFORE]))
    assert len(found) == 4
    assert found["rewards"].tolist() == [""] * 4
    assert found[["partial_contribution", "difference"]].isna().all(axis=None)


def test_contributions_are_over_the_seeds_that_all_rewards_have():
    content = steering_suite(["format", "python"]).model_dump(mode="json")
    grid = {"rewards": ["python"], "seeds": ["1-3"], "steps": 25}
    content["experiments"]["headline"] |= {"rewards": ["format"], "seeds": ["0-2"], "extra_grids": [grid]}
    the_suite = Suite.model_validate(content)
    generator = np.random.default_rng(0)
    right, code = generator.random((4, 200)) < 0.3, generator.random((4, 200)) < 0.5
    more = right | (generator.random((2, 4, 200)) < 0.3)
    found = pooled(
        the_suite,
        responses(right, code, seeds=range(4)),
        trained(more[0][:3], np.ones((3, 200)), seeds=range(3)),
        trained(more[1][1:], np.ones((3, 200)), "python", seeds=range(1, 4)),
    )
    assert set(found["seeds"]) == {2}
    assert found["difference"].iloc[0] == pytest.approx((more.mean(axis=0) - right)[1:3].mean())


def test_rewards_that_share_seeds_and_problems_do_not_count_as_independent():
    """Check that several identical rewards give no narrower interval than one."""
    rewards = [f"random_0.{number}" for number in range(1, 10)] + ["format"]
    generator = np.random.default_rng(0)
    right, code = generator.random((5, 60)) < 0.3, generator.random((5, 60)) < 0.5
    more = right | (generator.random((5, 60)) < 0.4)
    wide = []
    for those in (["format"], rewards):
        answers = [trained(more, np.ones((5, 60)), reward, seeds=range(5)) for reward in those]
        found = pooled(steering_suite(those), responses(right, code, seeds=range(5)), *answers)
        row = row_of(found, group="code_to_code")
        wide.append((row["partial_contribution_low"], row["partial_contribution_high"]))
    assert wide[0] == pytest.approx(wide[1])
    assert wide[0][1] - wide[0][0] > 0.1


def test_steered_is_corrected_for_the_number_of_rewards():
    """Check that six more problems with code are clear for one reward, but not for the best of twenty."""
    few, more = np.arange(100) < 50, np.arange(100) < 56
    nothing = np.zeros((1, 100))
    steered = []
    for number in (1, 20):
        names = [f"random_0.{index + 10}" for index in range(number)]
        answers = [trained(nothing, [more if name == names[0] else few], name) for name in names]
        found = of(steering_suite(names, steered=0.01), responses(nothing, [few]), *answers)
        steered.append(bool(found.loc[found["reward"] == names[0], "steered"].all()))
    assert steered == [True, False]
