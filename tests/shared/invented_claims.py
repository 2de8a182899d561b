"""Invented numbers for judging claims: runs whose gain and whose spread over seeds are known."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spurious_rewards.analysis.claims.ledger import ledger
from spurious_rewards.config import claims
from spurious_rewards.config.loading import load
from spurious_rewards.config.suite import Suite

CONFIG = Path(__file__).parents[2] / "config"
SHIPPED = claims.read(CONFIG / "claims.yaml")
SUITES = {
    name: load(CONFIG / f"suites/{name}.yaml")
    for name in ("organism", "paper", "one_gpu", "small", "smoke", "followups", "laptop", "laptop_more")
}
ORGANISM, PAPER, FOLLOWUPS, LAPTOP, LAPTOP_MORE = (
    SUITES[name] for name in ("organism", "paper", "followups", "laptop", "laptop_more")
)

PROBLEMS = 100
HALF = 0.01
"""Half the width of the 95 % interval of a gain with five seeds, unless a condition says otherwise."""

GAIN: dict[str, Any] = {"measure": "gain", "experiments": ["main"], "expect": "above"}
EFFECTIVE: dict[str, Any] = {**GAIN, "models": "effective code", "rewards": ["format"]}


def ledger_with(**rule: Any) -> dict[str, Any]:
    claim = {"id": "one", "claim": "A claim.", "source": "Fig. 1", "exhibits": ["fig1"]}
    return {"smallest": SHIPPED.smallest, "claims": [{**claim, "rule": rule}]}


def judged(rule: dict[str, Any], frames: dict[str, pd.DataFrame], suite: Suite = ORGANISM) -> pd.Series:
    """Return the only row of a ledger with one rule."""
    (row,) = (
        row for _, row in ledger(claims.Ledger.model_validate(ledger_with(**rule)), suite, frames, PAPER).iterrows()
    )
    return row


def of_runs(*conditions: dict[str, Any], **shared: Any) -> dict[str, pd.DataFrame]:
    """Return the frames headline, comparisons, before and rates of some conditions.

    Each condition gives its `gain`, and what differs from the usual values. `seeds` are the numbers of its seeds, and
    `half` is half the width of the gain's interval if there are five seeds. `code` is the change in the share of code.
    `base` and `code_base` are accuracy and share of code before training. A condition with `gain` None is a model
    before training.
    """
    usual: dict[str, Any] = {"experiment": "main", "model": "effective-code", "prompt": "plain", "reward": "format"}
    usual |= {
        "variant": "default",
        "benchmark": "math500",
        "seeds": range(5),
        "step": 25,
        "verdict": "gain",
        "half": HALF,
    }
    usual |= {"code": 0.0, "base": 0.4, "code_base": 0.5, "best_prompt": np.nan}
    headline, rates = [], []
    for condition in conditions:
        of = {**usual, **shared, **condition}
        seeds = list(of["seeds"])
        rates += _before(of, seeds)
        if of["gain"] is not None:
            headline.append(_row(of, seeds))
            rates += _after(of, seeds)
    every = pd.DataFrame(rates).drop_duplicates(
        ["experiment", "model", "prompt", "reward", "variant", "seed", "step", "benchmark", "id"]
    )
    at_end = pd.DataFrame(headline)
    before = every[every["reward"] == ""].groupby(["experiment", "model", "prompt", "benchmark"], as_index=False)
    of_before = before.agg(problems=("id", "nunique"), samples=("samples", "max"), seeds=("seed", "nunique"))
    compared = at_end.assign(comparison="equal rollout steps") if len(at_end) else at_end
    found = {"headline": at_end, "comparisons": compared, "before": of_before, "rates": every}
    return {name: frame for name, frame in found.items() if len(frame)}


def _row(of: dict[str, Any], seeds: list[int]) -> dict[str, Any]:
    names = ("experiment", "model", "prompt", "reward", "variant", "benchmark", "verdict", "best_prompt")
    return {name: of[name] for name in names} | {
        **{"steps": of["step"], "problems": PROBLEMS, "samples": 1, "seeds": len(seeds)},
    }


def _before(of: dict[str, Any], seeds: Iterable[int]) -> list[dict[str, Any]]:
    return _cells(of, dict.fromkeys(seeds, 0.0), {"reward": "", "variant": "", "step": 0}, of["base"], of["code_base"])


def _after(of: dict[str, Any], seeds: list[int]) -> list[dict[str, Any]]:
    offsets = np.arange(len(seeds)) - (len(seeds) - 1) / 2
    offsets *= of["half"] * np.sqrt(5) / 2.7764451 / np.std(np.arange(5), ddof=1)
    condition = {name: of[name] for name in ("reward", "variant", "step")}
    moved = dict(zip(seeds, offsets, strict=True))
    return _cells(of, moved, condition, of["base"] + of["gain"], of["code_base"] + of["code"])


def _cells(
    of: dict[str, Any], offsets: dict[int, float], condition: dict[str, Any], accuracy: float, code: float
) -> list[dict[str, Any]]:
    where = {name: of[name] for name in ("experiment", "model", "prompt", "benchmark")} | condition
    return [
        {
            **where,
            **{"seed": seed, "id": f"problem-{number}", "samples": 1, "accuracy": accuracy + offset},
            **{"code_rate": code + offset, "right_with_code": (accuracy + offset) * code},
        }
        for seed, offset in offsets.items()
        for number in range(PROBLEMS)
    ]


def joined(*every: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Join frames of several kinds and conditions."""
    names = {name for frames in every for name in frames}
    return {name: pd.concat([of[name] for of in every if name in of], ignore_index=True) for name in names}


def training(
    last: float,
    reward: str = "random_0.5",
    quantity: str = "entropy",
    spread: float = 0.002,
    seeds: Iterable[int] = range(5),
    **condition: Any,
) -> dict[str, pd.DataFrame]:
    """Return training.csv with a metric that is averaged over the last fifth of the steps."""
    at = list(seeds)
    usual = {"experiment": "clipping", "model": "effective-code", "prompt": "plain", "variant": "default", "steps": 25}
    frame = pd.DataFrame({**usual, **condition, "reward": reward, "seed": at}, index=at)
    return {"training": frame.assign(**{f"{quantity}_last": [last + spread * (seed - np.mean(at)) for seed in at]})}
