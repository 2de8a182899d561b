"""The two-action bandit: GRPO under coin-flip rewards, with a policy of a single number.

It is the smallest setting in which a clip can bias a policy. There is no problem, no text and no model. Action 1 stands
for code, action 0 for language, and neither earns more than the other. So any change of the mean log odds comes from
the estimator. Log odds are reported because an update adds to them. A mean of probabilities would move towards a half
by noise alone, because a step down from 0.65 costs more probability than a step up brings.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logit

from spurious_rewards import statistics
from spurious_rewards.config.experiments import Bandit

Array = NDArray[np.float64]

STD_OFFSET = 1e-4
"""TRL adds this number to the standard deviation of a group's rewards."""

ADAM_BETAS, ADAM_OFFSET = (0.9, 0.95), 1e-8


def bandits(settings: Bandit) -> pd.DataFrame:
    """Train `settings.runs` policies for each optimiser: with the clip, without it, and with one update a batch.

    All conditions draw the same random numbers, so they differ by the algorithm alone.

    Returns:
        tables.Bandit, one row per (variant, optimizer, step): the mean log odds over the runs, with Student's interval.
        Step 0 is the start.
    """
    once = settings.model_copy(update={"updates_per_rollout": 1, "num_iterations": 1})
    variants = {"clip": (settings, settings.clip), "no clip": (settings, None), "one update": (once, settings.clip)}
    rows = []
    for variant, (changed, clip) in variants.items():
        for optimizer, learning_rate in settings.learning_rates.items():
            for step, log_odds in enumerate(train(changed, optimizer, learning_rate, clip)):
                low, high = statistics.seed_band(log_odds)
                rows.append((variant, optimizer, step, log_odds.mean(), low, high, settings.runs))
    return pd.DataFrame(rows, columns=["variant", "optimizer", "step", "log_odds", "low", "high", "runs"])


def train(settings: Bandit, optimizer: str, learning_rate: float, clip: float | None) -> Array:
    """Return the log odds of action 1 before training and after each rollout batch, shape (steps + 1, runs).

    As in TRL, a rollout batch is shuffled once and cut into the same mini-batches in every pass.
    """
    random = np.random.default_rng(settings.seed)
    shape = (settings.runs, settings.groups, settings.rollouts)
    logits = np.full(settings.runs, logit(settings.start))
    moments = np.zeros((2, settings.runs))
    updates = 0
    history = [logits]
    for _ in range(settings.steps):
        actions = (random.random(shape) < expit(logits)[:, None, None]).astype(float)
        advantage = advantages((random.random(shape) < 0.5).astype(float))
        order = random.permuted(np.tile(np.arange(settings.groups * settings.rollouts), (settings.runs, 1)), axis=1)
        old = logits
        for mini_batch in settings.num_iterations * np.split(order, settings.updates_per_rollout, axis=1):
            chosen, their_advantages = (
                np.take_along_axis(values.reshape(settings.runs, -1), mini_batch, axis=1)
                for values in (actions, advantage)
            )
            updates += 1
            slope = gradient(logits, old, chosen, their_advantages, clip)
            if optimizer == "adamw":
                slope, moments = _adam(slope, moments, updates)
            logits = logits + learning_rate * slope
        history.append(logits)
    return np.stack(history)


def advantages(rewards: Array) -> Array:
    """Return the rewards normalised within their groups (the last axis), as TRL normalises them."""
    centred = rewards - rewards.mean(-1, keepdims=True)
    return np.asarray(centred / (rewards.std(-1, ddof=1, keepdims=True) + STD_OFFSET))


def gradient(logits: Array, old: Array, actions: Array, advantages: Array, clip: float | None) -> Array:
    """Return the derivative of GRPO's objective with respect to the logit.

    The objective is the mean of min(ratio x advantage, clipped ratio x advantage).

    Args:
        logits: log odds of action 1 in each run, shape (runs,).
        old: log odds under the policy that sampled, shape (runs,).
        actions: 0 or 1, shape (runs, samples).
        advantages: shape (runs, samples).
        clip: the ratio's range around 1; None for no clipping.
    """
    signs = 2 * actions - 1
    ratio = np.exp(log_expit(signs * logits[:, None]) - log_expit(signs * old[:, None]))
    slopes = advantages * ratio * (actions - expit(logits)[:, None])
    if clip is not None:
        slopes[((ratio > 1 + clip) & (advantages > 0)) | ((ratio < 1 - clip) & (advantages < 0))] = 0
    return np.asarray(slopes.mean(1))


def _adam(slope: Array, moments: Array, updates: int) -> tuple[Array, Array]:
    """Return Adam's step for a learning rate of 1, and the new moments; `updates` counts the updates up to this one."""
    betas = np.array(ADAM_BETAS)[:, None]
    moments = betas * moments + (1 - betas) * np.stack([slope, slope**2])
    mean, square = moments / (1 - betas**updates)
    return mean / (np.sqrt(square) + ADAM_OFFSET), moments
