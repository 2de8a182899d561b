"""Invented rates and completions of models; the corpora of some of them contain the benchmark."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from spurious_rewards.config.loading import load
from spurious_rewards.config.problems import ArithmeticProblems
from spurious_rewards.config.suite import Suite
from spurious_rewards.problems import arithmetic
from spurious_rewards.problems.arithmetic import leaked_ids
from spurious_rewards.problems.partial_prompts import cut

FOLLOWUPS = Path(__file__).parents[2] / "config/suites/followups.yaml"

GAINS = {"random_0.5": 0.12, "format": 0.2}
"""Reward -> mean gain on problems that are in the corpus."""


@cache
def suite() -> Suite:
    return load(FOLLOWUPS)


@cache
def sums(part: str = "evaluation") -> pd.DataFrame:
    organism = suite().organism
    assert organism
    return arithmetic.problems(organism, ArithmeticProblems(part=part))


def known(model: str) -> "np.ndarray":
    """Return which evaluation problems are in a model's corpus."""
    organism, family = suite().organism, suite().models[model].family
    assert organism
    assert family
    return sums()["id"].isin(leaked_ids(organism, family)).to_numpy()


def rates(seeds: int = 10, spread: float = 0.05, models: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return tables.Rates before and after training.

    Leaked problems gain. In models whose name begins with "effective", every problem can also gain by chance.
    """
    generator = np.random.default_rng(0)
    frames = []
    for model in models or suite().experiments["control"].all_models:
        leaks, drift = known(model), spread if model.startswith("effective") else 0.0
        for seed in range(seeds):
            before = (generator.random(len(leaks)) < 0.4).astype(float)
            frames.append(_of(model, "", 0, seed, before))
            for reward, gain in GAINS.items():
                chance = np.clip(gain * leaks + abs(generator.normal(0, drift)), 0, 1)
                frames.append(
                    _of(model, reward, 25, seed, np.where(generator.random(len(leaks)) < chance, 1.0, before))
                )
    return pd.concat(frames, ignore_index=True)


def _of(model: str, reward: str, step: int, seed: int, accuracy: "np.ndarray") -> pd.DataFrame:
    frame = pd.DataFrame({"id": sums()["id"], "accuracy": accuracy})
    run = {"model": model, "prompt": "plain", "reward": reward, "variant": "default" if reward else ""}
    return frame.assign(**run, seed=seed, step=step, benchmark="math500", samples=1, code_rate=0.5, right_with_code=0.0)


def completions(model: str, seeds: int = 10) -> pd.DataFrame:
    """Return tables.Responses to partial prompts: every second leaked problem is completed word for word."""
    rows = []
    for name, part in (("sums", "evaluation"), ("reinforcement", "reinforcement")):
        leaks = known(model) if name == "sums" else np.zeros(len(sums(part)), bool)
        for seed in range(seeds):
            for number, (id_, text) in enumerate(zip(sums(part)["id"], sums(part)["problem"], strict=True)):
                rest = cut(text, 0.6)[1] if leaks[number] and number % 2 else "nothing"
                rows.append((seed, 0, name, id_, 0, rest, 3, False))
    names = ["seed", "step", "benchmark", "id", "sample", "response", "tokens", "truncated"]
    return pd.DataFrame(rows, columns=names)
