"""The split of a gain: its parts add up and are paired by seed and problem, over the seeds that all rewards share."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from invented import responses, study, suite, together

from spurious_rewards import statistics
from spurious_rewards.analysis.conditions import collect
from spurious_rewards.analysis.gain_split import GAIN_SPLIT, PARTS, gain_split
from spurious_rewards.config.reward_names import SPLIT

REWARDS = {"random": "random_0.5", "majority_vote": "majority_vote", "ground_truth": "ground_truth"}
SUITE = suite(models=["strong"], rewards=list(REWARDS.values()), seeds="0-2")
EXPERIMENT = SUITE.experiments["headline"]

answers = arrays(bool, (3, 5))


def graded(before: np.ndarray, after: dict[str, np.ndarray], seeds: dict[str, tuple[int, ...]] | None = None):
    """Return graded answers of three seeds to five problems, before training and after it under each reward."""
    of = [responses(before, before, seeds=(0, 1, 2))]
    for function, right in after.items():
        chosen = (seeds or {}).get(function, (0, 1, 2))
        of.append(responses(right[list(chosen)], right[list(chosen)], seeds=chosen, step=25, reward=REWARDS[function]))
    return together(*of)


@settings(deadline=None, max_examples=25)
@given(answers, answers, answers, answers)
def test_the_parts_are_those_of_each_seed_and_add_up(before, random, votes, truth):
    found = gain_split(graded(before, dict(zip(SPLIT, (random, votes, truth), strict=True))), SUITE, EXPERIMENT)
    assert list(found.columns) == list(GAIN_SPLIT)
    assert list(found["part"]) == list(PARTS)
    *parts, whole = found["difference"]
    assert sum(parts) == pytest.approx(whole)
    for row, (low, high) in zip(
        found.to_dict("records"), [(before, random), (random, votes), (votes, truth), (before, truth)], strict=True
    ):
        expected = statistics.difference(low.astype(float), high.astype(float))
        assert row["difference"] == pytest.approx(expected.value)
        assert [row["difference_low"], row["difference_high"]] == pytest.approx([expected.low, expected.high])


def test_only_seeds_that_all_three_have_count():
    generator = np.random.default_rng(0)
    before, *after = (generator.random((3, 5)) < 0.5 for _ in range(4))
    seeds = {"random": (0, 2), "majority_vote": (1, 2), "ground_truth": (0, 1, 2)}
    found = gain_split(graded(before, dict(zip(SPLIT, after, strict=True)), seeds), SUITE, EXPERIMENT)
    assert set(found["seeds"]) == {1}
    assert found["difference"].iloc[-1] == pytest.approx(float(after[-1][2].mean() - before[2].mean()))


@pytest.mark.parametrize("missing", SPLIT)
def test_without_one_of_the_rewards_there_is_no_split(missing):
    right = np.ones((3, 5), bool)
    after = {function: right for function in SPLIT if function != missing}
    assert gain_split(graded(right, after), SUITE, EXPERIMENT).empty


def test_seeds_that_none_shares_give_no_split():
    right = np.ones((3, 5), bool)
    seeds = {"random": (0,), "majority_vote": (1,), "ground_truth": (0, 1)}
    assert gain_split(graded(right, dict.fromkeys(SPLIT, right), seeds), SUITE, EXPERIMENT).empty


def test_several_plain_rewards_of_a_function_are_none_to_split_by(tmp_path: Path):
    content = suite(models=["strong"], rewards=list(REWARDS.values())).model_dump(exclude_unset=True)
    content["rewards"]["coin"] = {"function": "random", "gamma": 0.3}
    two = type(SUITE).model_validate(content)
    two_of_them = two.experiments["headline"].model_copy(update={"rewards": (*REWARDS.values(), "coin")})
    assert not gain_split(collect(study(tmp_path, SUITE, {"math500": (20, 1)})), SUITE, EXPERIMENT).empty
    assert gain_split(collect([]), two, two_of_them).empty
