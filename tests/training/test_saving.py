"""When a checkpoint within a segment gets the trainer's state; tests/training/test_segment.py resumes from it."""

import pytest

from spurious_rewards.training.saving import state_is_due


@pytest.mark.parametrize(
    ("since", "took", "due"),
    [
        (0, 0, True),  # the first state: its duration is still unknown
        (0, 0.9, True),
        (19.9, 1, False),
        (20, 1, True),
        (1500, 84, False),
        (1700, 84, True),
    ],
)
def test_a_state_is_due_if_it_is_fast_or_enough_was_trained_since(since: float, took: float, due: bool) -> None:
    assert state_is_due(since, took) == due
