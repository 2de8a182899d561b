"""Labels, training metrics and grading, worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from invented import SMALL, grades, metrics, write

from spurious_rewards.analysis.conditions import Source, collect
from spurious_rewards.analysis.labels import grading, labels_summary
from spurious_rewards.analysis.training import training_health
from spurious_rewards.artifacts import tables


def test_labels_summary_by_hand(tmp_path):
    labels = pd.DataFrame(
        {
            "seed": [0, 0, 0, 1, 1, 1],
            "id": ["a", "b", "c"] * 2,
            "problem": "p",
            "answer": "1",
            "majority": ["1", "2", None, "1", "1", "2"],
            "votes": [2, 1, 0, 2, 1, 2],
            "samples": 2,
            "correct": [True, False, False, True, True, False],
        }
    )
    votes = grades([0, 1], {0: (0, 0)}, {"vote": (3, 2)}, np.random.default_rng(0))
    votes["correct"] = [True, True, True, False, False, False, True, True, True, False, False, False]
    found = labels_summary(
        collect([write(tmp_path, labels, model="strong", table=tables.Labels)], tables.Labels),
        collect([write(tmp_path, votes, model="weak"), write(tmp_path, votes)]),
    ).iloc[0]
    assert (found["model"], found["problems"], found["samples"], found["seeds"]) == ("strong", 3, 2, 2)
    assert found["label_accuracy"] == pytest.approx(1 / 2)
    assert (found["incorrect_min"], found["incorrect_max"]) == (1, 1)  # problem c has no label at all for seed 0
    assert found["pass_at_1"] == pytest.approx(1 / 2)
    assert found["pass_at_k"] == pytest.approx(2 / 3)


def test_training_health_takes_the_ends_across_segments(tmp_path):
    whole = metrics(np.random.default_rng(0), seeds=3)
    parts = [whole[whole["step"] > 10], whole[whole["step"] <= 10]]
    sources = []
    for number, part in enumerate(parts):
        path = tmp_path / f"{number}.parquet"
        tables.write(part, tables.Metrics, path)
        sources.append(Source("strong", "plain", "format", "default", path))
    found = training_health(collect(sources, tables.Metrics)).iloc[0]
    assert found["steps"] == 25
    assert (found["entropy_first"], found["entropy_last"]) == pytest.approx((1.95, 0.75))
    assert found["clip_fraction_last"] == pytest.approx(whole.loc[whole["step"] == 25, "clip_fraction"].mean())


def test_grading_counts_what_did_not_end(tmp_path):
    frame = grades([0], {0: (0.5, 0)}, SMALL, np.random.default_rng(0))
    frame.loc[0, ["status", "correct"]] = ["timeout", False]
    frame.loc[1, ["status", "correct"]] = ["crash", False]
    frame.loc[2:4, "rule"] = "none"
    found = grading(collect([write(tmp_path, frame)])).set_index("benchmark")
    assert found.loc["math500"].tolist() == [60, 3, 1, 1]
    assert found.loc["amc"].tolist() == [160, 0, 0, 0]
