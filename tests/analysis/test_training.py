"""Training metrics at the end of training."""

import pandas as pd
import pytest

from spurious_rewards.analysis.training import last_fifth


def metrics(steps: int = 10) -> pd.DataFrame:
    condition = dict.fromkeys(["model", "prompt", "reward", "variant"], "x")
    frame = pd.DataFrame({**condition, "seed": 0, "step": range(1, steps + 1), "entropy": range(steps)})
    return frame.assign(token_probability=0.5, code_rate=0.25)


def test_the_last_fifth_of_the_steps():
    (row,) = last_fifth(metrics().iloc[::-1]).to_dict("records")
    assert (row["entropy_last"], row["code_rate_last"], row["steps"]) == (8.5, 0.25, 10)
    assert last_fifth(metrics().head(0)).empty


def test_of_a_run_that_others_are_compared_with_every_length_has_its_own():
    found = last_fifth(metrics(), lengths=[5, 10, 20]).set_index("steps")["entropy_last"]
    assert found.to_dict() == {5: pytest.approx(4), 10: pytest.approx(8.5)}
