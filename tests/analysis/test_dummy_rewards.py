"""Whether a reward beats the dummy baselines, with numbers that hit each verdict."""

from pathlib import Path

import pandas as pd
import pytest

from spurious_rewards.analysis.dummy_rewards import against_dummies
from spurious_rewards.config.loading import load

SUITE = load(Path(__file__).parents[2] / "examples/your_method/your_method.yaml")
CONDITION = {
    "model": "no-code",
    "prompt": "plain",
    "reward": "shows_work",
    "variant": "default",
    "benchmark": "math500",
}


def row(baseline: str, low: float, high: float, seeds: int = 3) -> dict[str, object]:
    return {
        **CONDITION,
        "baseline": baseline,
        "seeds": seeds,
        "difference": (low + high) / 2,
        "difference_low": low,
        "difference_high": high,
    }


@pytest.mark.parametrize(
    ("random", "format_", "verdict"),
    [
        ((0.01, 0.2), (0.02, 0.1), "beats"),
        ((0.01, 0.2), (-0.02, 0.1), "not shown"),
        ((-0.1, 0.2), (-0.02, 0.1), "not shown"),
        ((0.01, 0.2), (-0.2, -0.1), "falls behind"),
        ((-0.2, -0.1), (0.02, 0.1), "falls behind"),
    ],
)
def test_all_dummies_must_be_beaten(random: tuple[float, float], format_: tuple[float, float], verdict: str) -> None:
    # Ground truth is not a dummy, so falling behind it does not count.
    rows = [row("random_0.5", *random), row("format", *format_), row("ground_truth", -0.5, -0.4)]
    (found,) = against_dummies(pd.DataFrame(rows), SUITE).to_dict("records")
    assert found["against_dummies"] == verdict


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_beat_no_dummy(seeds: int) -> None:
    rows = [row("random_0.5", 0.1, 0.2, seeds), row("format", 0.1, 0.2, 5)]
    (found,) = against_dummies(pd.DataFrame(rows), SUITE).to_dict("records")
    assert found["against_dummies"] == "too few seeds"


@pytest.mark.parametrize("there", [["ground_truth"], ["format"], ["random_0.5", "ground_truth"]])
def test_without_both_dummies_nothing_is_said(there: list[str]) -> None:
    assert against_dummies(pd.DataFrame([row(baseline, 0.1, 0.2) for baseline in there]), SUITE).empty
