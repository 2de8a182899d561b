"""How the clip range reaches TRL; tests/project/test_paper_suite.py checks the other arguments against the paper."""

from pathlib import Path
from typing import Any

import pytest

from spurious_rewards.config.training import Training
from spurious_rewards.training.mapping import UNCLIPPED, grpo_arguments


@pytest.mark.parametrize(
    ("clip", "low", "high"),
    [
        (0.2, 0.2, 0.2),
        ({"low": 0.2, "high": 0.28}, 0.2, 0.28),
        ({"low": None, "high": 0.28}, UNCLIPPED, 0.28),
        ({"low": 0.2, "high": None}, 0.2, UNCLIPPED),
        (None, UNCLIPPED, UNCLIPPED),
    ],
)
def test_each_side_of_the_clip_is_an_epsilon_of_trl(clip: Any, low: float, high: float) -> None:
    training = Training(clip=clip)
    made = grpo_arguments(training, stop=1, seed=0, output=Path("out"), processes=1, gpu=False)
    assert (made["epsilon"], made["epsilon_high"]) == (low, high)
    assert Training.model_validate_json(training.model_dump_json()) == training
