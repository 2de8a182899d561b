"""Titles in place of keys: how a reader sees models, rewards, benchmarks, prompts, variants and groups."""

import pandas as pd

from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import OPTIMIZERS

GROUPS = {
    "code_to_code": "code → code",
    "code_to_language": "code → language",
    "language_to_code": "language → code",
    "language_to_language": "language → language",
}
"""The groups of strategy switches (paper, Sec. 4.2)."""


def titles(suite: Suite) -> dict[str, dict[str, str]]:
    """Return the titles as column -> key -> title, in the suite's order."""
    return {
        "model": {key: model.title or key for key, model in suite.models.items()},
        "reward": {key: reward.title or key for key, reward in suite.rewards.items()},
        "benchmark": {key: benchmark.title or key for key, benchmark in suite.benchmarks.items()},
        "prompt": {key: key.replace("_", " ") for key in suite.prompts},
        "variant": {key: key.replace("_", " ") for key in suite.variants},
        "group": GROUPS,
        "optimizer": OPTIMIZERS,
    }


def named(frame: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return the frame with titles in place of keys (the columns of `titles`), as ordered categories."""
    frame = frame.copy()
    for column, of in titles(suite).items():
        if column in frame:
            frame[column] = pd.Categorical(frame[column].astype(str).map(of), list(of.values()), ordered=True)
    return frame
