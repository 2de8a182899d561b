"""Invented rates of models that training makes more certain: right more often, but on fewer problems."""

import numpy as np
import pandas as pd
from invented_control import suite

__all__ = ["rates", "suite"]

SURER = {"ground_truth": 0.4, "majority_vote": 0.3, "incorrect": 0.1, "format": 0.2, "random_0.5": 0.15, "python": 0.2}


def rates(seeds: int = 5, problems: int = 60) -> pd.DataFrame:
    """Return tables.Rates of 256 samples per problem, before training and at its end."""
    generator = np.random.default_rng(0)
    frames = []
    for model, mean in (("effective-code", 0.5), ("no-code", 0.3)):
        easy = generator.beta(2 * mean, 2 * (1 - mean), problems)
        for seed in range(seeds):
            frames.append(_of(model, "", 0, seed, generator.binomial(256, easy)))
            for reward, surer in SURER.items():
                sharp = np.clip((easy - 0.5) * (1 + 8 * surer) + 0.5 + surer / 2, 0, 1)
                frames.append(_of(model, reward, 25, seed, generator.binomial(256, sharp)))
    return pd.concat(frames, ignore_index=True)


def _of(model: str, reward: str, step: int, seed: int, right: "np.ndarray") -> pd.DataFrame:
    frame = pd.DataFrame({"id": [f"sum-{number}" for number in range(len(right))], "accuracy": right / 256})
    run = {"model": model, "prompt": "plain", "reward": reward, "variant": "default" if reward else ""}
    return frame.assign(**run, seed=seed, step=step, benchmark="many", samples=256, code_rate=0.5, right_with_code=0.0)
