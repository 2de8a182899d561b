"""Invented grades with known answers, and the arithmetic of each column done again by hand."""

import numpy as np
import pandas as pd
import pytest
from invented import GAINS, MODELS, grades, metrics, study, suite

from spurious_rewards import analysis, tables
from spurious_rewards.analysis import Source
from spurious_rewards.errors import UserError

SMALL = {"math500": (60, 1), "amc": (40, 4)}


@pytest.fixture(scope="module")
def small_suite():
    return suite(models=["strong", "weak"])


@pytest.fixture(scope="module")
def graded(tmp_path_factory, small_suite):
    return analysis.collect(study(tmp_path_factory.mktemp("study"), small_suite, SMALL))


@pytest.fixture(scope="module")
def headline(graded, small_suite):
    return analysis.headline(graded, small_suite, small_suite.experiments["headline"])


def row_of(frame, **values):
    for name, value in values.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def write(folder, frame, reward="", model="strong", table=tables.Grades):
    source = Source(model, "plain", reward, "default" if reward else "", folder / f"{model}-{reward}.parquet")
    tables.write(frame, table, source.path)
    return source


# ---------------------------------------------------------------- collecting


def test_collect_keeps_every_row_and_leaves_texts_out(graded):
    assert len(graded) == 2 * (1 + 6 * 5) * 5 * (60 + 40 * 4)
    assert "extracted" not in graded
    assert {"model", "prompt", "reward", "variant", "benchmark", "id"} <= set(graded.select_dtypes("category"))


def test_collect_of_nothing_has_the_columns():
    assert list(analysis.collect([]).columns) == [
        *analysis.CONDITION,
        *(name for name in tables.Grades.to_schema().columns if name != "extracted"),
    ]


def test_the_conditions_reward_and_the_mean_reward_of_metrics_are_told_apart(tmp_path):
    collected = analysis.collect(
        [write(tmp_path, metrics(np.random.default_rng(0)), "format", table=tables.Metrics)], tables.Metrics
    )
    assert set(collected["reward"]) == {"format"}
    assert collected["mean_reward"].between(0, 1).all()


# ---------------------------------------------------------------- scores and curves


def test_scores_are_means_over_problems_and_samples(graded):
    scores = analysis.scores(graded)
    assert len(scores) == 2 * (1 + 6 * 5) * 5 * 2
    found = row_of(scores, model="weak", reward="format", seed=3, step=15, benchmark="amc")
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


def test_problems_count_alike_whatever_their_samples(tmp_path):
    frame = grades([0], {0: (1.0, 0)}, {"amc": (2, 4)}, np.random.default_rng(0))
    frame["correct"] = frame["id"] == "amc/0"
    uneven = frame.drop(index=[0, 1])  # two of the four samples of the right problem
    assert analysis.scores(analysis.collect([write(tmp_path, uneven)]))["accuracy"].tolist() == [0.5]


def test_curves_begin_with_the_base_model_of_their_seed(graded):
    scores = analysis.scores(graded)
    curves = analysis.from_base(scores)
    assert set(curves["reward"]) == set(GAINS)
    assert len(curves) == 2 * 6 * 5 * 6 * 2
    start = row_of(curves, model="strong", reward="python", seed=2, step=0, benchmark="math500")
    base = row_of(scores, model="strong", reward="", seed=2, step=0, benchmark="math500")
    assert start["accuracy"] == base["accuracy"]


def test_a_shared_base_model_begins_the_curves_of_all_seeds(tmp_path):
    the_suite = suite(models=["weak"], rewards=["format"])
    scores = analysis.scores(analysis.collect(study(tmp_path, the_suite, SMALL, shared_base=True)))
    starts = analysis.from_base(scores).query("step == 0 and benchmark == 'math500'")
    assert starts["seed"].tolist() == [0, 1, 2, 3, 4]
    assert starts["accuracy"].nunique() == 1


def test_smoothing_averages_the_evaluations_of_the_window_but_never_step_0(graded):
    raw = analysis.from_base(analysis.scores(graded))
    one = {"model": "strong", "reward": "format", "seed": 1, "benchmark": "math500"}

    def line(frame):
        mask = np.logical_and.reduce([frame[name] == value for name, value in one.items()])
        return frame[mask].set_index("step")["accuracy"]

    before, after = line(raw), line(analysis.smooth(raw, 10))
    assert after[0] == before[0]
    assert after[5] == before[5]
    assert after[10] == pytest.approx((before[5] + before[10]) / 2)
    assert after[25] == pytest.approx((before[20] + before[25]) / 2)
    for nothing in (0, 1):
        pd.testing.assert_frame_equal(analysis.smooth(raw, nothing), raw)


def test_rows_of_an_experiment(graded):
    scores = analysis.scores(graded)
    narrow = suite(models=["weak"], rewards=["format"], seeds="1-2")
    found = analysis.of_experiment(scores, narrow, narrow.experiments["headline"])
    assert set(found["model"]) == {"weak"}
    assert set(found["reward"]) == {"", "format"}
    assert set(found["seed"]) == {1, 2}


# ---------------------------------------------------------------- headline


def test_headline_has_a_row_for_each_condition_and_benchmark(headline):
    assert len(headline) == 2 * 6 * 2
    assert (headline["seeds"] == 5).all()
    assert set(zip(headline["benchmark"], headline["problems"], headline["samples"], strict=True)) == {
        ("math500", 60, 1),
        ("amc", 40, 4),
    }


def test_headline_finds_the_effects_that_were_invented(headline):
    for row in headline[headline["benchmark"] == "amc"].itertuples():
        accuracy, code = MODELS[row.model]
        assert row.difference_low < GAINS[row.reward] < row.difference_high
        assert row.before_low < accuracy < row.before_high
        assert row.code_before == pytest.approx(code, abs=0.05)
    verdicts = headline.set_index(["model", "reward", "benchmark"])["verdict"]
    assert (verdicts.xs("ground_truth", level="reward") == "gain").all()
    assert (verdicts.xs("random_0.5", level="reward") == "no clear change").all()
    assert verdicts["strong", "python", "amc"] == "loss"


def test_headline_arithmetic(graded, headline):
    found = row_of(headline, model="strong", reward="format", benchmark="math500")

    def wide(reward, step):
        rows = graded[
            (graded["model"] == "strong")
            & (graded["reward"] == reward)
            & (graded["step"] == step)
            & (graded["benchmark"] == "math500")
        ]
        return rows.astype({"id": str}).pivot(index="seed", columns="id", values="correct").to_numpy().astype(int)

    before, after, random = wide("", 0), wide("format", 25), wide("random_0.5", 25)
    truth = wide("ground_truth", 25)
    assert found["difference"] == pytest.approx((after - before).mean())
    assert found["gained"] == pytest.approx((after > before).sum() / 5)
    assert found["lost"] == pytest.approx((after < before).sum() / 5)
    assert found["gained"] - found["lost"] == pytest.approx(60 * found["difference"])
    assert found["over_random"] == pytest.approx((after - random).mean())
    assert found["share_of_ground_truth"] == pytest.approx((after - before).mean() / (truth - before).mean())


def test_gained_and_lost_are_for_one_response_a_problem(headline):
    assert headline.loc[headline["benchmark"] == "amc", ["gained", "lost"]].isna().all(axis=None)
    assert headline.loc[headline["benchmark"] == "math500", ["gained", "lost"]].notna().all(axis=None)


def test_the_random_reward_is_not_compared_with_itself(headline):
    assert (headline["over_random"].isna() == (headline["reward"] == "random_0.5")).all()


def test_the_last_step_is_reported_and_not_the_best(tmp_path):
    the_suite = suite(models=["strong"], rewards=["format"])
    generator = np.random.default_rng(0)
    base = grades([0, 1, 2, 3, 4], {0: (0.5, 0)}, SMALL, generator)
    run = grades([0, 1, 2, 3, 4], {20: (0.95, 0), 25: (0.5, 0), 30: (0.95, 0)}, SMALL, generator)
    collected = analysis.collect([write(tmp_path, base), write(tmp_path, run, "format")])
    found = analysis.headline(collected, the_suite, the_suite.experiments["headline"])
    assert (found["verdict"] == "no clear change").all()


def test_one_base_model_for_all_seeds(tmp_path):
    the_suite = suite(models=["weak"], rewards=["ground_truth"])
    collected = analysis.collect(study(tmp_path, the_suite, SMALL, shared_base=True))
    found = analysis.headline(collected, the_suite, the_suite.experiments["headline"])
    assert (found["seeds"] == 5).all()
    assert (found["verdict"] == "gain").all()


def test_share_is_left_out_where_ground_truth_gains_nothing(tmp_path):
    the_suite = suite(models=["strong"], rewards=["ground_truth", "format"])
    generator = np.random.default_rng(0)
    worse = {25: (0.3, 0)}
    sources = [write(tmp_path, grades([0, 1, 2], {0: (0.5, 0)}, SMALL, generator))]
    sources += [
        write(tmp_path, grades([0, 1, 2], worse, SMALL, generator), name) for name in ("ground_truth", "format")
    ]
    found = analysis.headline(analysis.collect(sources), the_suite, the_suite.experiments["headline"])
    assert found["share_of_ground_truth"].isna().all()


def test_runs_that_are_not_there_have_no_row(graded, small_suite):
    without = graded[~((graded["model"] == "weak") & (graded["reward"] == "format"))]
    found = analysis.headline(without, small_suite, small_suite.experiments["headline"])
    assert len(found) == 2 * 6 * 2 - 2


@pytest.mark.parametrize("gone", ["base", "problem of a seed", "seed of the base"])
def test_pairs_that_do_not_match_are_refused(graded, small_suite, gone):
    base = (graded["model"] == "strong") & (graded["reward"] == "")
    mask = {
        "base": base,
        "seed of the base": base & (graded["seed"] == 3),
        "problem of a seed": (graded["reward"] == "format") & (graded["id"] == "math500/7") & (graded["seed"] == 3),
    }[gone]
    with pytest.raises(UserError, match=r"not every seed has all \d+ problems before and after training"):
        analysis.headline(graded[~mask], small_suite, small_suite.experiments["headline"])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.01, 0.2, "gain"), (-0.2, -0.01, "loss"), (-0.1, 0.1, "no clear change"), (0.0, 0.1, "no clear change")],
)
def test_verdict(low, high, expected):
    assert analysis.verdict(low, high) == expected


# ---------------------------------------------------------------- labels, training, grading


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
    found = analysis.labels_summary(
        analysis.collect([write(tmp_path, labels, model="strong", table=tables.Labels)], tables.Labels),
        analysis.collect([write(tmp_path, votes, model="weak"), write(tmp_path, votes)]),
    ).iloc[0]
    assert (found["model"], found["problems"], found["samples"], found["seeds"]) == ("strong", 3, 2, 2)
    assert found["label_accuracy"] == pytest.approx(1 / 2)
    assert (found["incorrect_min"], found["incorrect_max"]) == (1, 1)  # c of seed 0 has no label at all
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
    found = analysis.training_health(analysis.collect(sources, tables.Metrics)).iloc[0]
    assert found["steps"] == 25
    assert (found["entropy_first"], found["entropy_last"]) == pytest.approx((1.95, 0.75))
    assert found["clip_fraction_last"] == pytest.approx(whole.loc[whole["step"] == 25, "clip_fraction"].mean())


def test_grading_counts_what_did_not_end(tmp_path):
    frame = grades([0], {0: (0.5, 0)}, SMALL, np.random.default_rng(0))
    frame.loc[0, ["status", "correct"]] = ["timeout", False]
    frame.loc[1, ["status", "correct"]] = ["crash", False]
    frame.loc[2:4, "rule"] = "none"
    found = analysis.grading(analysis.collect([write(tmp_path, frame)])).set_index("benchmark")
    assert found.loc["math500"].tolist() == [60, 3, 1, 1]
    assert found.loc["amc"].tolist() == [160, 0, 0, 0]
