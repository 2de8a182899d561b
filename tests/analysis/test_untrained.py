"""Models before training: shares computed by hand, and the kind of interval that each column has."""

import numpy as np
import pytest
from invented import responses, row_of, suite, together

from spurious_rewards import statistics
from spurious_rewards.analysis.untrained import BEFORE, before
from spurious_rewards.artifacts import tables
from spurious_rewards.config.suite import Suite
from spurious_rewards.runtime.errors import UserError


def untrained(seeds="0-1", benchmarks=("math500", "amc")):
    content = suite(models=["strong", "weak"]).model_dump(mode="json")
    content["prompts"]["forced"] = {"kind": "prefill", "response_prefix": "python :"}
    content["experiments"] = {
        "headline": {
            "title": "Before",
            "models": ["strong", "weak"],
            "prompts": ["plain", "forced"],
            "benchmarks": list(benchmarks),
            "seeds": [seeds],
        }
    }
    return Suite.model_validate(content)


def table(the_suite, *frames):
    return before(together(*frames), the_suite, the_suite.experiments["headline"])


RIGHT, CODE = [[1, 1, 0, 0, 1]], [[1, 1, 1, 0, 0]]


def test_one_seed_by_hand_with_wilsons_intervals():
    found = table(untrained(), responses(RIGHT, CODE, seeds=[tables.SHARED_BASE], box=False))
    assert list(found.columns) == list(BEFORE)
    row = row_of(found, model="strong", prompt="plain", benchmark="math500")
    assert (row["problems"], row["samples"], row["seeds"]) == (5, 1, 1)
    assert (row["responses_with_code"], row["responses_with_language"]) == (3, 2)
    expected = {
        "accuracy": (3, 5),
        "code_rate": (3, 5),
        "box_rate": (0, 5),
        "accuracy_with_code": (2, 3),
        "accuracy_with_language": (1, 2),
    }
    for name, (successes, n) in expected.items():
        assert row[name] == pytest.approx(successes / n)
        assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx(statistics.wilson(successes, n))


def test_accuracy_with_code_is_missing_where_there_is_none():
    row = table(untrained(), responses(RIGHT, np.zeros((1, 5)))).iloc[0]
    assert np.isnan([row[f"accuracy_with_code{end}"] for end in ("", "_low", "_high")]).all()
    assert row["accuracy_with_language"] == pytest.approx(row["accuracy"])


def test_several_seeds_and_samples_are_weighed_by_their_responses():
    generator = np.random.default_rng(0)
    right, code = (generator.random((2, 2, 40, 8)) < np.array([0.4, 0.7])[:, None, None, None]).astype(int)
    row = table(untrained(), responses(right, code, seeds=[0, 1], benchmark="amc")).iloc[0]
    assert (row["problems"], row["samples"], row["seeds"]) == (40, 8, 2)
    assert row["accuracy_with_code"] == pytest.approx(right[code == 1].mean())
    assert row["accuracy_with_language"] == pytest.approx(right[code == 0].mean())
    expected = statistics.mean(right.mean(axis=2))
    assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx((expected.low, expected.high))
    assert row["accuracy_with_code_low"] < row["accuracy_with_code"] < row["accuracy_with_code_high"]


def test_rows_are_of_the_experiments_models_prompts_seeds_and_benchmarks():
    found = table(
        untrained(seeds="1-2", benchmarks=["math500"]),
        responses(np.zeros((3, 4)), np.eye(3, 4), seeds=[0, 1, 2]),
        responses(np.zeros((3, 4)), np.eye(3, 4), seeds=[0, 1, 2], prompt="forced"),
        responses(np.zeros((1, 4)), np.eye(1, 4), seeds=[1], prompt="other"),
        responses(np.zeros((1, 4)), np.eye(1, 4), seeds=[1], benchmark="amc"),
        responses(np.ones((3, 4)), np.eye(3, 4), seeds=[0, 1, 2], reward="format", step=25),
    )
    assert found[["model", "prompt", "benchmark", "seeds", "accuracy"]].to_numpy().tolist() == [
        ["strong", "plain", "math500", 2, 0],
        ["strong", "forced", "math500", 2, 0],
    ]


def test_seeds_with_other_problems_are_refused():
    whole = responses(np.eye(2, 4), np.eye(2, 4), seeds=[0, 1])
    with pytest.raises(UserError, match="grades of strong, plain, math500: not every seed has all 4 problems"):
        table(untrained(), whole.iloc[:-1])


def test_other_prompts_are_compared_with_the_own_one_over_the_same_seeds_and_problems():
    own, forced = [[1, 0, 0, 1], [1, 0, 1, 0]], [[1, 1, 0, 1], [1, 1, 1, 0]]
    found = table(
        untrained(),
        responses(own, np.zeros((2, 4)), seeds=[0, 1]),
        responses(forced, np.eye(2, 4), seeds=[0, 1], prompt="forced"),
    )
    row = row_of(found, model="strong", prompt="forced", benchmark="math500")
    expected = statistics.difference(np.array(own, float), np.array(forced, float))
    assert row["over_own_prompt"] == 0.25
    assert (row["over_own_prompt_low"], row["over_own_prompt_high"]) == (expected.low, expected.high)
    assert np.isnan(row_of(found, model="strong", prompt="plain", benchmark="math500")["over_own_prompt"])


def test_prompts_are_compared_over_the_seeds_that_both_have():
    generator = np.random.default_rng(0)
    own, forced = (generator.integers(0, 2, (2, 20)) for _ in range(2))
    found = table(
        untrained(seeds="0-3"),
        responses(own, own, seeds=[0, 1]),
        responses(forced, forced, seeds=[1, 2], prompt="forced"),
        responses(own, own, seeds=[0, 1], model="weak"),
        responses(np.vstack([forced, forced])[:3], np.zeros((3, 20)), seeds=[2, 3, 0], prompt="forced", model="weak"),
        responses(own[:1], own[:1], seeds=[1], benchmark="amc"),
        responses(forced, forced, seeds=[2, 3], prompt="forced", benchmark="amc"),
    )

    def over(model, benchmark):
        return row_of(found, model=model, prompt="forced", benchmark=benchmark)["over_own_prompt"]

    assert over("strong", "math500") == pytest.approx((forced[0] - own[1]).mean())  # seed 1
    assert over("weak", "math500") == pytest.approx((forced[0] - own[0]).mean())  # seed 0
    assert np.isnan(over("strong", "amc"))
