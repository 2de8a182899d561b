"""Invented grades with known answers: collecting them, averaging them, and the curves along training."""

import numpy as np
import pandas as pd
import pytest
from invented import GAINS, SMALL, grades, metrics, row_of, study, suite, write

from spurious_rewards.analysis.conditions import collect
from spurious_rewards.analysis.scores import from_base, is_smoothed, of_experiment, rates, scores, smooth
from spurious_rewards.artifacts import tables
from spurious_rewards.config.endpoints import CONDITION
from spurious_rewards.config.suite import Suite

# ---------------------------------------------------------------- collecting


def test_collect_keeps_every_row_and_leaves_texts_out(graded):
    assert len(graded) == 2 * (1 + 6 * 5) * 5 * (60 + 40 * 4)
    assert "extracted" not in graded
    assert {"model", "prompt", "reward", "variant", "benchmark", "id"} <= set(graded.select_dtypes("category"))


def test_collect_of_nothing_has_the_columns():
    assert list(collect([]).columns) == [
        *CONDITION,
        *(name for name in tables.Grades.to_schema().columns if name != "extracted"),
    ]


def test_the_conditions_reward_and_the_mean_reward_of_metrics_are_told_apart(tmp_path):
    collected = collect(
        [write(tmp_path, metrics(np.random.default_rng(0)), "format", table=tables.Metrics)], tables.Metrics
    )
    assert set(collected["reward"]) == {"format"}
    assert collected["mean_reward"].between(0, 1).all()


# ---------------------------------------------------------------- scores and curves


def test_scores_are_means_over_problems_and_samples(graded):
    averaged = scores(graded)
    assert len(averaged) == 2 * (1 + 6 * 5) * 5 * 2
    found = row_of(averaged, model="weak", reward="format", seed=3, step=15, benchmark="amc")
    raw = graded[
        (graded["model"] == "weak")
        & (graded["reward"] == "format")
        & (graded["seed"] == 3)
        & (graded["step"] == 15)
        & (graded["benchmark"] == "amc")
    ]
    assert found["accuracy"] == pytest.approx(raw["correct"].mean())
    assert found["code_rate"] == pytest.approx(raw["has_code"].mean())
    assert (found["problems"], found["samples"]) == (40, 4)


def test_rates_are_of_each_problem_where_differences_are_taken(graded):
    the_suite = suite(models=["strong", "weak"])
    experiment = the_suite.experiments["headline"]
    found = rates(graded, the_suite, experiment)
    assert set(found["step"]) == {0, 25}
    assert len(found) == 2 * (1 + 6) * 5 * (60 + 40)
    at_end = scores(graded).query("step == 25 and reward == 'format' and model == 'weak' and benchmark == 'amc'")
    here = found.query("step == 25 and reward == 'format' and model == 'weak' and benchmark == 'amc'")
    for rate in ("accuracy", "code_rate"):
        by_seed = here.groupby("seed")[rate].mean().to_numpy()
        assert by_seed == pytest.approx(at_end.sort_values("seed")[rate].to_numpy())
    both = graded["correct"] & graded["has_code"] & (graded["step"] == 0) & (graded["model"] == "weak")
    alone = graded[(graded["step"] == 0) & (graded["model"] == "weak") & (graded["benchmark"] == "math500")]
    before = found.query("step == 0 and model == 'weak' and benchmark == 'math500'")
    assert before["right_with_code"].mean() == pytest.approx(both[alone.index].mean())


def test_rates_have_the_other_prompts_before_training_too(graded):
    the_suite = suite(models=["strong", "weak"])
    of_base = graded[(graded["step"] == 0) & (graded["reward"] == "")]
    other = of_base.assign(prompt="sober")
    found = rates(graded, the_suite, the_suite.experiments["headline"], pd.concat([of_base, other]))
    assert set(found.loc[found["prompt"] == "sober", "step"]) == {0}
    assert (found["prompt"] == "sober").sum() == len(found.query("prompt == 'plain' and step == 0"))


def test_problems_count_alike_whatever_their_samples(tmp_path):
    frame = grades([0], {0: (1.0, 0)}, {"amc": (2, 4)}, np.random.default_rng(0))
    frame["correct"] = frame["id"] == "amc/0"
    uneven = frame.drop(index=[0, 1])  # two of the four samples of the right problem
    assert scores(collect([write(tmp_path, uneven)]))["accuracy"].tolist() == [0.5]


def test_curves_begin_with_the_base_model_of_their_seed(graded):
    averaged = scores(graded)
    curves = from_base(averaged)
    assert set(curves["reward"]) == set(GAINS)
    assert len(curves) == 2 * 6 * 5 * 6 * 2
    start = row_of(curves, model="strong", reward="python", seed=2, step=0, benchmark="math500")
    base = row_of(averaged, model="strong", reward="", seed=2, step=0, benchmark="math500")
    assert start["accuracy"] == base["accuracy"]


def test_a_shared_base_model_begins_the_curves_of_all_seeds(tmp_path):
    the_suite = suite(models=["weak"], rewards=["format"])
    averaged = scores(collect(study(tmp_path, the_suite, SMALL, shared_base=True)))
    starts = from_base(averaged).query("step == 0 and benchmark == 'math500'")
    assert starts["seed"].tolist() == [0, 1, 2, 3, 4]
    assert starts["accuracy"].nunique() == 1


def test_smoothing_averages_the_evaluations_of_the_window_but_never_step_0(graded):
    raw = from_base(scores(graded))
    one = {"model": "strong", "reward": "format", "seed": 1, "benchmark": "math500"}

    def line(frame):
        mask = np.logical_and.reduce([frame[name] == value for name, value in one.items()])
        return frame[mask].set_index("step")["accuracy"]

    before, after = line(raw), line(smooth(raw, 10))
    assert after[0] == before[0]
    assert after[5] == before[5]
    assert after[10] == pytest.approx((before[5] + before[10]) / 2)
    assert after[25] == pytest.approx((before[20] + before[25]) / 2)
    for nothing in (0, 1):
        pd.testing.assert_frame_equal(smooth(raw, nothing), raw)


def test_a_condition_is_smoothed_where_a_window_holds_two_of_its_evaluations(graded):
    raw = from_base(scores(graded))  # evaluated every 5 steps
    assert is_smoothed(raw, 6).all()
    assert not is_smoothed(raw, 5).any()
    pd.testing.assert_frame_equal(smooth(raw, 5), raw)
    one_evaluation = raw[raw["step"].isin([0, 25])]
    assert not is_smoothed(one_evaluation, 100).any()
    seldom = (raw["reward"] == "format") & ~raw["step"].isin([0, 10, 20])
    mixed = raw[~seldom]
    assert (is_smoothed(mixed, 10) == (mixed["reward"] != "format")).all()


def test_rows_of_an_experiment(graded):
    averaged = scores(graded)
    narrow = suite(models=["weak"], rewards=["format"], seeds="1-2")
    found = of_experiment(averaged, narrow, narrow.experiments["headline"])
    assert set(found["model"]) == {"weak"}
    assert set(found["reward"]) == {"", "format"}
    assert set(found["seed"]) == {1, 2}


def test_rows_of_an_experiment_follow_each_conditions_own_seeds_and_steps(graded):
    content = suite(models=["weak"], rewards=["format", "random_0.5"]).model_dump(mode="json")
    content["experiments"]["headline"] |= {
        "rewards": ["format"],
        "seeds": ["0-1"],
        "steps": 10,
        "extra_grids": [{"rewards": ["random_0.5"], "seeds": ["3"], "steps": 20}],
    }
    several = Suite.model_validate(content)
    found = of_experiment(scores(graded), several, several.experiments["headline"])
    ends = found.groupby("reward").agg(last=("step", "max"), seeds=("seed", "unique"))
    assert {reward: (row["last"], sorted(row["seeds"])) for reward, row in ends.iterrows()} == {
        "": (0, [0, 1, 3]),
        "format": (10, [0, 1]),
        "random_0.5": (20, [3]),
    }
