"""Switches of strategy: the four groups counted by hand, and what hypothesis finds to hold for any answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from invented import responses, row_of, suite, together

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
        assert row["partial_contribution"] == pytest.approx(values[3] / (2 / 8))
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
    difference = after.mean() - before.mean()
    assert found["net"].sum() == pytest.approx(difference)
    if difference > 0:
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
    """Of 100 problems, so many change to code, or from it."""
    many, few = np.arange(100) < 50 + max(changed, 0), np.arange(100) < 50 + min(changed, 0)
    before, after = (many, few) if changed < 0 else (np.arange(100) < 50, many)
    nothing = np.zeros((1, 100))
    found = of(steering_suite(steered=least), responses(nothing, [before]), trained(nothing, [after]))
    assert found["steered"].tolist() == [expected] * 4
    assert "report.steered" in STEERED_RULE


def test_contributions_are_over_clear_gains_and_the_difference_over_all_that_steered():
    rewards = ["format", "python", "random_0.5", "incorrect", "majority_vote"]
    the_suite = steering_suite(rewards)
    base_right, base_code = np.arange(100) < 20, np.arange(100) < 50
    all_code, as_before = np.ones(100), base_code
    right = {
        "format": np.arange(100) < 40,  # all that is newly right had code before
        "python": (np.arange(100) < 30) | (np.arange(100) >= 90),  # half of it
        "random_0.5": np.arange(100) < 90,  # gains without a change of strategy
        "incorrect": np.arange(100) < 10,  # steers and loses
        "majority_vote": (np.arange(100) >= 10) & (np.arange(100) < 31),  # steers; 1 more right is no clear gain
    }
    switched = of(
        the_suite,
        responses([base_right], [base_code]),
        *(trained([right[r]], [as_before if r == "random_0.5" else all_code], reward=r) for r in rewards),
    )
    noise = switched[switched["reward"] == "majority_vote"].iloc[0]
    assert noise["difference_low"] < 0 < noise["difference"]
    found = contributions(switched)
    assert found["group"].tolist() == list(GROUPS)
    assert set(found["rewards"]) == {"format, python"}
    assert set(found["without_gain"]) == {"incorrect, majority_vote"}
    assert found["difference"].tolist() == pytest.approx([(0.2 + 0.2 - 0.1 + 0.01) / 4] * 4)
    assert found["partial_contribution"].tolist() == pytest.approx([0.75, 0, 0.25, 0])
    row = row_of(found, group="code_to_code")
    assert row["partial_contribution_low"] < 0.75 < row["partial_contribution_high"]


def test_without_a_clear_gain_there_is_a_mean_difference_and_no_contribution():
    right = np.arange(100) < 20
    found = contributions(
        of(steering_suite(), responses([right], [right]), trained([np.arange(100) < 21], [np.ones(100)]))
    )
    assert found["difference"].tolist() == pytest.approx([0.01] * 4)
    assert found["partial_contribution"].isna().all()
    assert set(found["without_gain"]) == {"format"}


def test_contributions_where_nothing_steered():
    found = contributions(
        of(steering_suite(), responses([BEFORE_____], [CODE_BEFORE]), trained([AFTER______], [CODE_BEFORE]))
    )
    assert len(found) == 4
    assert found["rewards"].tolist() == [""] * 4
    assert found[["partial_contribution", "difference"]].isna().all(axis=None)
