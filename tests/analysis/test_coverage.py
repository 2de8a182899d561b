"""pass@k and Cover@tau against a count of all choices, and the k from which the untrained model overtakes."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from invented import row_of
from invented_coverage import rates, suite

from spurious_rewards.analysis import coverage
from spurious_rewards.artifacts import csv_files


@pytest.mark.parametrize("right", range(7))
@pytest.mark.parametrize("k", [1, 2, 5, 6])
def test_pass_at_k_is_the_share_of_all_choices_that_hold_a_right_one(right, k):
    responses = [True] * right + [False] * (6 - right)
    chosen = [any(each) for each in combinations(responses, k)]
    assert coverage.pass_at_k(np.array([right]), 6, k) == pytest.approx([np.mean(chosen)])


def test_cover_at_tau_counts_problems_that_are_right_often_enough():
    right = np.array([0, 1, 128, 256])
    assert coverage.cover_at_tau(right, 256, 0.5).tolist() == [0, 0, 1, 1]
    assert coverage.cover_at_tau(right, 256, 1.0).tolist() == [0, 0, 0, 1]
    assert 0.28 * 25 > 7  # rounding must not move the limit
    assert coverage.cover_at_tau(np.array([7]), 25, 0.28).tolist() == [1]


def test_k_doubles_up_to_all_samples():
    assert coverage.ks(256) == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert coverage.ks(6) == [1, 2, 4, 6]


def test_the_surer_model_is_overtaken(tmp_path):
    the_suite = suite()
    experiment = the_suite.experiments["coverage"]
    found = coverage.coverage(rates(), the_suite, experiment, "many")
    along = found[(found["model"] == "effective-code") & (found["reward"] == "ground_truth")]
    along = along[along["measure"] == "pass@k"]
    first, last = row_of(along, at=1), row_of(along, at=256)
    assert first["difference_low"] > 0
    assert last["difference_high"] < 0
    crossed, clearly = coverage.overtaken(along)
    assert 1 < crossed <= clearly <= 256
    before = found[(found["model"] == "effective-code") & (found["reward"] == "")]
    assert row_of(before, measure="pass@k", at=1)["value"] == pytest.approx(first["value"] - first["difference"])
    covered = before[before["measure"] == "Cover@tau"].sort_values("at")["value"]
    assert covered.is_monotonic_decreasing
    csv_files.write(found, tmp_path / "table.csv")
    assert len(csv_files.read(tmp_path / "table.csv", coverage.COVERAGE)) == len(found)


def test_who_is_never_overtaken_is_so_from_no_k():
    rows = pd.DataFrame({"at": [1, 2, 4], "difference": [-0.1, 0.1, 0.2], "difference_high": [0.0, 0.2, 0.3]})
    assert np.isnan(coverage.overtaken(rows)).all()
