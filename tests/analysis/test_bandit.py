"""The bandit: its gradient, checked by hand and by torch, its null cases, and the effect of the clip."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.special import expit, logit

from spurious_rewards.analysis.bandit import advantages, bandits, gradient, train
from spurious_rewards.artifacts import tables
from spurious_rewards.config.experiments import Bandit

FEW = Bandit(runs=20, steps=3)
ONCE = FEW.model_copy(update={"updates_per_rollout": 1, "num_iterations": 1})


def test_the_first_gradient_is_the_hand_computed_one() -> None:
    rewards = np.array([[[1.0, 0.0]]])
    normalised = 0.5 / (np.sqrt(0.5) + 1e-4)
    assert advantages(rewards) == pytest.approx(np.array([[[normalised, -normalised]]]))
    # d log p / d logit is 1 - p for action 1 and -p for action 0. The two terms are therefore A (1 - p) and -A (-p);
    # their mean is A / 2.
    at = np.array([logit(0.65)])
    found = gradient(at, at, np.array([[1.0, 0.0]]), np.array([[normalised, -normalised]]), clip=0.2)
    assert found == pytest.approx([normalised / 2])


@given(
    moved=st.floats(-2, 2),
    start=st.floats(0.1, 0.9),
    actions=st.lists(st.booleans(), min_size=1, max_size=8),
    clip=st.sampled_from([None, 0.2]),
    data=st.data(),
)
def test_the_gradient_is_that_of_the_clipped_objective(moved, start, actions, clip, data) -> None:
    size = len(actions)
    advantage = np.array(data.draw(st.lists(st.floats(-2, 2), min_size=size, max_size=size)))
    old = float(logit(start))
    now = torch.tensor(old + moved, dtype=torch.float64, requires_grad=True)
    signs = torch.tensor([1.0 if action else -1.0 for action in actions], dtype=torch.float64)
    ratio = (torch.nn.functional.logsigmoid(signs * now) - torch.nn.functional.logsigmoid(signs * old)).exp()
    weight = torch.tensor(advantage)
    objective = ratio * weight
    if clip:
        objective = torch.minimum(objective, ratio.clamp(1 - clip, 1 + clip) * weight)
    objective.mean().backward()
    found = gradient(
        np.array([old + moved]), np.array([old]), np.array([actions], dtype=float), advantage[None], clip=clip
    )
    assert found == pytest.approx([now.grad.item()], abs=1e-9)


def test_turned_coins_turn_the_advantages() -> None:
    coins = (np.random.default_rng(0).random((50, 8, 8)) < 0.5).astype(float)
    assert (advantages(1 - coins) == -advantages(coins)).all()


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_clip_does_nothing_to_a_single_update(optimizer: str) -> None:
    found = train(ONCE, optimizer, 1.0, clip=0.2)
    assert (found == train(ONCE, optimizer, 1.0, clip=None)).all()
    assert found[-1].std() > 0


def test_adam_takes_its_first_step_by_the_sign_alone() -> None:
    moved = {name: train(ONCE, name, 0.1, clip=0.2)[1] - logit(0.65) for name in ("sgd", "adamw")}
    assert np.abs(moved["adamw"]) == pytest.approx(np.full(20, 0.1), abs=1e-5)
    assert (np.sign(moved["adamw"]) == np.sign(moved["sgd"])).all()


def test_equal_rewards_move_nothing() -> None:
    ones = advantages(np.ones((4, 8, 8)))
    assert (ones == 0).all()
    now = np.full(4, 0.3)
    assert (gradient(now, now - 1, np.ones((4, 64)), ones.reshape(4, 64), clip=0.2) == 0).all()


def test_the_table_is_whole_and_the_same_for_the_same_seed(tmp_path) -> None:
    found = bandits(FEW)
    tables.write(found, tables.Bandit, tmp_path / "bandit.parquet")
    pd.testing.assert_frame_equal(found, bandits(FEW), check_exact=True)
    assert not found.equals(bandits(FEW.model_copy(update={"seed": 1})))
    assert len(found) == 3 * 2 * 4
    start = found.query("step == 0")
    assert start["log_odds"].to_numpy() == pytest.approx(np.full(6, logit(0.65)))
    inside = found["low"].le(found["log_odds"] + 1e-9) & found["log_odds"].le(found["high"] + 1e-9)
    assert inside.all()


def test_the_clip_pulls_towards_the_likelier_action() -> None:
    for start, sign in ((0.65, 1), (0.35, -1)):
        after = train(Bandit(runs=3000, steps=1, start=start), "sgd", 2.0, clip=0.2)[1]
        pushed = sign * (after - logit(start))
        assert pushed.mean() > 3 * pushed.std() / np.sqrt(3000)


def test_noise_alone_moves_the_mean_probability_but_not_the_mean_log_odds() -> None:
    """Check that the reported bias does not come from the curve between probability and log odds.

    One update without a clip has no bias, so its mean log odds must not move.
    """
    settings = Bandit(runs=3000, steps=3, start=0.9, updates_per_rollout=1, num_iterations=1)
    moved = train(settings, "sgd", 20.0, clip=None)[1] - logit(0.9)
    assert abs(moved.mean()) < 3 * moved.std() / np.sqrt(3000)
    probability = expit(logit(0.9) + moved) - 0.9
    assert probability.mean() < -3 * probability.std() / np.sqrt(3000)


def test_mini_batches_must_divide() -> None:
    with pytest.raises(ValidationError, match="do not divide into updates_per_rollout 5"):
        Bandit(updates_per_rollout=5)
