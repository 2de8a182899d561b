"""Rewards and training in jobs: a new key at its default leaves no trace, so older jobs stay the same."""

from pathlib import Path

import pytest

from spurious_rewards.config.endpoints import only_reward
from spurious_rewards.config.loading import load
from spurious_rewards.config.training import Clip, Reward, Training


def test_a_reward_without_errors_is_written_as_it_always_was() -> None:
    reward = Reward(function="incorrect")
    as_before = {"function": "incorrect", "file": None, "unless": None, "problems": None, "gamma": None, "title": ""}
    assert reward.model_dump() == as_before
    assert repr(reward) == f"Reward({', '.join(f'{key}={value!r}' for key, value in as_before.items())})"


def test_what_is_given_stands_in_the_job_and_in_the_words_that_work_is_known_by() -> None:
    noisy = Reward(function="noisy", false_positive=0, false_negative=1)
    assert {"false_positive", "false_negative"} <= noisy.model_dump().keys()
    assert "false_positive=0.0, false_negative=1.0" in repr(noisy)
    assert "right_labels=0.16" in repr(Reward(function="incorrect", right_labels=0.16))
    assert Reward.model_validate_json(noisy.model_dump_json()) == noisy


def test_one_number_of_the_clip_stays_one_number() -> None:
    assert Training(clip=0.2).model_dump()["clip"] == 0.2
    assert "clip=0.2, loss" in repr(Training())
    assert isinstance(Training(clip={"low": 0.2, "high": None}).clip, Clip)


@pytest.mark.parametrize(
    ("reward", "errors"),
    [
        (Reward(function="ground_truth"), (0, 0)),
        (Reward(function="random", gamma=0.7), (0.7, 0.3)),
        (Reward(function="noisy", false_positive=0.2, false_negative=0.1), (0.2, 0.1)),
        (Reward(function="format"), None),
        (Reward(function="majority_vote"), None),
        (Reward(function="ground_truth", unless="python"), None),
        (Reward(function="ground_truth", problems="others"), None),
        (Reward(function="noisy", false_positive=0.2, false_negative=0.1, unless="python"), None),
    ],
)
def test_what_verifier_of_the_truth_a_reward_amounts_to(reward: Reward, errors: tuple[float, float] | None) -> None:
    assert reward.errors == (None if errors is None else pytest.approx(errors))


def test_incorrect_with_right_labels_is_not_the_plain_one() -> None:
    suite = load(Path(__file__).parents[2] / "config/suites/followups.yaml")
    audit = suite.experiments["label_audit"]
    assert only_reward(suite, audit, "incorrect") == "incorrect"
