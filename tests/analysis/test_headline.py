"""The headline on invented grades with known effects: every column is computed again by hand."""

import numpy as np
import pytest
from invented import GAINS, MODELS, NO_METRICS, SMALL, grades, metrics, responses, row_of, study, suite, together, write

from spurious_rewards import statistics
from spurious_rewards.analysis.baselines import baselines
from spurious_rewards.analysis.conditions import collect, pairs
from spurious_rewards.analysis.headline import VERDICT_RULE, comparisons, headline, verdict, with_adjusted_p
from spurious_rewards.artifacts import tables
from spurious_rewards.config.endpoints import End
from spurious_rewards.config.suite import Suite
from spurious_rewards.runtime.errors import UserError


@pytest.fixture(scope="module")
def table(graded, small_suite):
    return headline(graded, small_suite, small_suite.experiments["headline"], NO_METRICS)


def test_headline_has_a_row_for_each_condition_and_benchmark(table):
    assert len(table) == 2 * 6 * 2
    assert (table["seeds"] == 5).all()
    assert set(zip(table["benchmark"], table["problems"], table["samples"], strict=True)) == {
        ("math500", 60, 1),
        ("amc", 40, 4),
    }


def test_headline_finds_the_effects_that_were_invented(table):
    for row in table[table["benchmark"] == "amc"].itertuples():
        accuracy, code = MODELS[row.model]
        assert row.difference_low < GAINS[row.reward] < row.difference_high
        assert row.before_low < accuracy < row.before_high
        assert row.code_before == pytest.approx(code, abs=0.05)
    verdicts = table.set_index(["model", "reward", "benchmark"])["verdict"]
    assert (verdicts.xs("ground_truth", level="reward") == "gain").all()
    assert (verdicts.xs("random_0.5", level="reward") == "no clear change").all()
    assert verdicts["strong", "python", "amc"] == "loss"


def test_headline_arithmetic(graded, table):
    found = row_of(table, model="strong", reward="format", benchmark="math500")

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


def test_gained_and_lost_are_for_one_response_a_problem(table):
    assert table.loc[table["benchmark"] == "amc", ["gained", "lost"]].isna().all(axis=None)
    assert table.loc[table["benchmark"] == "math500", ["gained", "lost"]].notna().all(axis=None)


def test_the_random_reward_is_not_compared_with_itself(table):
    assert (table["over_random"].isna() == (table["reward"] == "random_0.5")).all()


def test_the_last_step_is_reported_and_not_the_best(tmp_path):
    the_suite = suite(models=["strong"], rewards=["format"])
    generator = np.random.default_rng(0)
    base = grades([0, 1, 2, 3, 4], {0: (0.5, 0)}, SMALL, generator)
    run = grades([0, 1, 2, 3, 4], {20: (0.95, 0), 25: (0.5, 0), 30: (0.95, 0)}, SMALL, generator)
    collected = collect([write(tmp_path, base), write(tmp_path, run, "format")])
    found = headline(collected, the_suite, the_suite.experiments["headline"], NO_METRICS)
    assert (found["verdict"] == "no clear change").all()


def test_one_base_model_for_all_seeds(tmp_path):
    the_suite = suite(models=["weak"], rewards=["ground_truth"])
    collected = collect(study(tmp_path, the_suite, SMALL, shared_base=True))
    found = headline(collected, the_suite, the_suite.experiments["headline"], NO_METRICS)
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
    found = headline(collect(sources), the_suite, the_suite.experiments["headline"], NO_METRICS)
    assert found["share_of_ground_truth"].isna().all()


def test_runs_that_are_not_there_have_no_row(graded, small_suite):
    without = graded[~((graded["model"] == "weak") & (graded["reward"] == "format"))]
    found = headline(without, small_suite, small_suite.experiments["headline"], NO_METRICS)
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
        headline(graded[~mask], small_suite, small_suite.experiments["headline"], NO_METRICS)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.01, 0.2, "gain"), (-0.2, -0.01, "loss"), (-0.1, 0.1, "no clear change"), (0.0, 0.1, "no clear change")],
)
def test_verdict(low, high, expected):
    assert verdict(low, high) == expected


# ---------------------------------------------------------------- seeds, steps, updates


def with_experiment(experiment, variants=None):
    """Return the invented suite with other runs of the strong model."""
    content = suite(models=["strong"]).model_dump(mode="json")
    content["variants"] = variants or {"default": {}}
    content["experiments"] = {"headline": {"title": "Invented", "models": ["strong"], **experiment}}
    return Suite.model_validate(content)


def coins(generator, seeds, rate, problems=30):
    return generator.random((len(seeds), problems)) < rate


def test_each_condition_has_the_seeds_and_steps_of_its_own_runs():
    the_suite = with_experiment(
        {
            "rewards": ["format"],
            "seeds": ["0-1"],
            "steps": 25,
            "benchmarks": ["math500"],
            "extra_grids": [{"rewards": ["random_0.5"], "seeds": ["0-1", "2-3"], "steps": 10}],
        }
    )
    generator = np.random.default_rng(0)
    frames = [responses(coins(generator, range(4), 0.5), coins(generator, range(4), 0.5), seeds=range(4))]
    for reward in ("format", "random_0.5"):
        for step in (10, 25):
            answers = coins(generator, range(4), 0.5)
            frames.append(responses(answers, answers, seeds=range(4), step=step, reward=reward))
            frames.append(frames[-1].assign(benchmark="amc"))
    found = headline(together(*frames), the_suite, the_suite.experiments["headline"], NO_METRICS)
    assert found[["reward", "benchmark", "seeds", "steps", "updates"]].to_numpy().tolist() == [
        ["format", "math500", 2, 25, 200],
        ["random_0.5", "math500", 4, 10, 80],
    ]
    graded = together(*frames)
    before, after = (
        graded[(graded["reward"] == reward) & (graded["step"] == step) & (graded["benchmark"] == "math500")]
        .astype({"id": str})
        .pivot(index="seed", columns="id", values="correct")
        .loc[[0, 1]]
        .to_numpy()
        .mean()
        for reward, step in (("", 0), ("format", 25))
    )
    assert found.loc[0, "difference"] == pytest.approx(after - before)
    assert np.isnan(found.loc[0, "over_random"]), "random was trained for fewer steps"


def test_comparisons_carry_the_seeds_that_both_have():
    """Check that five seeds of one reward against one seed of another count as one seed, whatever `seeds` says."""
    the_suite = with_experiment(
        {
            "rewards": ["ground_truth", "format"],
            "seeds": ["0-4"],
            "steps": 25,
            "benchmarks": ["math500"],
            "extra_grids": [{"rewards": ["random_0.5"], "seeds": ["3"], "steps": 25}],
        }
    )
    generator = np.random.default_rng(0)
    frames = [responses(coins(generator, range(5), 0.2), np.zeros((5, 30)), seeds=range(5))]
    for reward, seeds in (("ground_truth", range(5)), ("format", range(5)), ("random_0.5", [3])):
        rate = 0.8 if reward == "ground_truth" else 0.3
        answers = coins(generator, seeds, rate)
        frames.append(responses(answers, answers, seeds=seeds, step=25, reward=reward))
    graded, experiment = together(*frames), the_suite.experiments["headline"]
    row = row_of(headline(graded, the_suite, experiment, NO_METRICS), reward="ground_truth")
    assert (row["seeds"], row["over_random_seeds"]) == (5, 1)
    assert len(row["difference_by_seed"].split()) == 5
    assert [float(value) for value in row["over_random_by_seed"].split()] == pytest.approx([row["over_random"]])
    share = row_of(headline(graded, the_suite, experiment, NO_METRICS), reward="random_0.5")
    assert (share["share_of_ground_truth_seeds"], share["share_of_ground_truth_pieces"]) == (1, 1)
    beside = row_of(baselines(graded, the_suite, experiment), reward="ground_truth", baseline="random_0.5")
    assert (beside["seeds"], beside["difference_by_seed"]) == (1, row["over_random_by_seed"])


def test_seeds_in_two_groups_are_told():
    the_suite = with_experiment({"rewards": ["format"], "seeds": ["0-4"], "steps": 25, "benchmarks": ["math500"]})
    generator = np.random.default_rng(0)
    before = coins(generator, range(5), 0.3, 60)
    for gaining in ([], [2]):
        after = coins(generator, range(5), 0.3, 60)
        after[gaining] |= coins(generator, gaining, 0.8, 60)
        graded = together(
            responses(before, before, seeds=range(5)),
            responses(after, after, seeds=range(5), step=25, reward="format"),
        )
        found = headline(graded, the_suite, the_suite.experiments["headline"], NO_METRICS)
        assert found["difference_split"].tolist() == [len(gaining)]


def test_the_highest_share_of_code_is_of_the_mean_over_seeds():
    the_suite = with_experiment({"rewards": ["python"], "seeds": ["0-1"], "steps": 15, "benchmarks": ["math500"]})
    right = np.zeros((2, 4))
    code = {0: [[1] * 4] * 2, 5: [[1, 1, 1, 0], [0] * 4], 10: [[1, 1, 0, 0]] * 2, 15: [[0] * 4] * 2, 20: [[1] * 4] * 2}
    frames = [
        responses(right, values, seeds=[0, 1], step=step, reward="python" if step else "")
        for step, values in code.items()
    ]
    found = headline(together(*frames), the_suite, the_suite.experiments["headline"], NO_METRICS)
    assert found["highest_code_rate"].tolist() == [0.5]


@pytest.mark.parametrize(("one_group_differs", "expected"), [(False, "not testable"), (True, "gain")])
def test_without_variance_in_any_group_nothing_is_testable(one_group_differs, expected):
    the_suite = with_experiment({"rewards": ["format"], "seeds": ["0-4"], "steps": 25, "benchmarks": ["math500"]})
    generator = np.random.default_rng(0)
    nothing = np.zeros((5, 30))
    graded = together(
        responses(nothing, nothing, seeds=range(5)),
        responses(coins(generator, range(5), 0.5), nothing, seeds=range(5), step=25, reward="format"),
    )
    measured = metrics(generator).assign(zero_variance_groups=1.0)
    if one_group_differs:
        measured.loc[7, "zero_variance_groups"] = 7 / 8
    measured = measured.assign(model="strong", prompt="plain", reward="format", variant="default")
    found = headline(graded, the_suite, the_suite.experiments["headline"], measured)
    assert found["verdict"].tolist() == [expected]
    assert found["p"].isna().tolist() == [expected == "not testable"]
    assert "not testable" in VERDICT_RULE


def test_an_experiment_without_training_has_an_empty_headline():
    the_suite = with_experiment({"rewards": [], "seeds": ["0-1"], "steps": 0})
    graded = together(responses(np.eye(2), np.eye(2), seeds=[0, 1]))
    found = headline(graded, the_suite, the_suite.experiments["headline"], NO_METRICS)
    assert found.empty
    assert "difference" in found
    assert comparisons(graded, the_suite, the_suite.experiments["headline"], NO_METRICS).empty


def test_variants_are_compared_at_equal_steps_and_at_equal_updates():
    the_suite = with_experiment(
        {
            "rewards": ["random_0.5"],
            "variants": ["default"],
            "seeds": ["0-1"],
            "steps": 50,
            "benchmarks": ["math500"],
            "extra_grids": [{"variants": ["one_update"], "steps": 200}],
        },
        # default: 8 updates a step, evaluated every 5 steps; one_update: 1 update a step, evaluated every 25 steps.
        # Both reach 50 steps, and both reach 200 updates (after 25 and 200 steps).
        {"default": {}, "one_update": {"updates_per_rollout": 1, "eval_every": 25, "segment_steps": 100}},
    )
    generator = np.random.default_rng(0)
    right = {
        (variant, step): coins(generator, range(2), 0.5)
        for variant, steps in {"default": range(5, 51, 5), "one_update": range(25, 201, 25)}.items()
        for step in steps
    }
    base = coins(generator, range(2), 0.5)
    frames = [responses(base, base, seeds=[0, 1])]
    for (variant, step), answers in right.items():
        frames.append(responses(answers, answers, seeds=[0, 1], step=step, reward="random_0.5", variant=variant))
    found = comparisons(together(*frames), the_suite, the_suite.experiments["headline"], NO_METRICS)
    assert found[["comparison", "variant", "steps", "updates"]].to_numpy().tolist() == [
        ["equal rollout steps", "default", 50, 400],
        ["equal rollout steps", "one_update", 50, 50],
        ["equal updates", "default", 25, 200],
        ["equal updates", "one_update", 200, 200],
    ]
    for row in found.itertuples():
        assert row.difference == pytest.approx(right[row.variant, row.steps].mean() - base.mean())


def test_the_random_reward_is_compared_over_the_seeds_that_both_have():
    the_suite = with_experiment(
        {
            "rewards": ["format"],
            "seeds": ["0-1"],
            "steps": 25,
            "benchmarks": ["math500"],
            "extra_grids": [{"rewards": ["random_0.5"], "seeds": ["2-3"]}],
        }
    )
    nothing = np.zeros((4, 30))
    graded = together(
        responses(nothing, nothing, seeds=range(4)),
        responses(nothing, nothing, seeds=range(4), step=25, reward="format"),
        responses(nothing, nothing, seeds=range(4), step=25, reward="random_0.5"),
    )
    found = headline(graded, the_suite, the_suite.experiments["headline"], NO_METRICS)
    assert found["over_random"].isna().all()


@pytest.mark.parametrize(("steps", "compared"), [(25, {"random_0.5", "ground_truth"}), (50, set())])
def test_rewards_are_compared_after_equally_many_steps_or_not_at_all(steps, compared):
    others = ["random_0.5", "ground_truth"]
    grid = {"rewards": ["format"], "seeds": ["0-3"], "steps": 25, "benchmarks": ["math500"]}
    the_suite = with_experiment({**grid, "extra_grids": [{"rewards": others, "steps": steps}]})
    wrong, right = np.zeros((4, 30)), np.ones((4, 30))
    graded = together(
        responses(wrong, wrong, seeds=range(4)),
        responses(right, wrong, seeds=range(4), step=25, reward="format"),
        *(responses(right, wrong, seeds=range(4), step=steps, reward=reward) for reward in others),
    )
    experiment = the_suite.experiments["headline"]
    found = row_of(headline(graded, the_suite, experiment, NO_METRICS), reward="format")
    assert np.isnan(found[["over_random", "share_of_ground_truth"]].astype(float)).tolist() == [not compared] * 2
    beside = baselines(graded, the_suite, experiment)
    assert set(beside.loc[beside["reward"] == "format", "baseline"]) == compared


def test_share_is_of_the_ground_truth_of_the_whole_training_set():
    content = suite(models=["strong"], rewards=["format"]).model_dump(mode="json")
    content["rewards"]["one_shot"] = {"function": "ground_truth", "problems": "sums"}
    content["rewards"]["truth"] = {"function": "ground_truth"}
    content["experiments"]["headline"] |= {"rewards": ["one_shot", "truth", "format"], "benchmarks": ["math500"]}
    the_suite = Suite.model_validate(content)
    nothing, half, whole = np.zeros((2, 30)), np.tile([0, 1], (2, 15)), np.ones((2, 30))
    right = {"one_shot": half, "truth": whole, "format": half}
    graded = together(
        responses(nothing, nothing, seeds=[0, 1]),
        *(responses(right[name], nothing, seeds=[0, 1], step=25, reward=name) for name in right),
    )
    found = headline(graded, the_suite, the_suite.experiments["headline"], NO_METRICS)
    assert dict(zip(found["reward"], found["share_of_ground_truth"], strict=True)) == pytest.approx(
        {"one_shot": 0.5, "truth": 1, "format": 0.5}
    )


def test_with_several_random_rewards_none_is_the_one_to_compare_with():
    content = suite(models=["strong"], rewards=["format"]).model_dump(mode="json")
    content["rewards"] |= {f"random_{gamma}": {"function": "random", "gamma": gamma} for gamma in (0.7, 0.5)}
    nothing, rewards = np.zeros((2, 30)), ["format", "random_0.7", "random_0.5"]
    graded = together(
        responses(nothing, nothing, seeds=[0, 1]),
        *(responses(nothing, nothing, seeds=[0, 1], step=25, reward=reward) for reward in rewards),
    )
    for compared in (rewards[:2], rewards):
        content["experiments"]["headline"] |= {"rewards": compared, "benchmarks": ["math500"], "seeds": ["0-1"]}
        the_suite = Suite.model_validate(content)
        found = headline(graded, the_suite, the_suite.experiments["headline"], NO_METRICS)
        assert found["reward"].tolist() == compared
        assert found["over_random"].notna().tolist() == ([True, False] if len(compared) == 2 else [False] * 3)


# ---------------------------------------------------------------- tests, shares, prompts, smoothing


def test_p_and_what_is_detectable_are_those_of_the_difference(graded, small_suite, table):
    (pair,) = pairs(graded, {("strong", "plain", "format", "default"): End(25, (0, 1, 2, 3, 4))}, ["amc"]).values()
    before, after = pair.before.to_numpy(), pair.after.to_numpy()
    expected = statistics.difference(before, after)
    row = row_of(table, model="strong", reward="format", benchmark="amc")
    assert (row["p"], row["minimum_detectable"]) == (expected.p, expected.minimum_detectable)
    by_seed = np.sort((after - before).mean(axis=1))
    assert row["interquartile_mean"] == pytest.approx(by_seed[1:4].mean())
    assert ((table["p"] < 0.05) == (table["verdict"] != "no clear change")).all()


def test_holm_is_within_a_benchmark(table):
    adjusted = with_adjusted_p(table)
    for _, rows in adjusted.groupby("benchmark"):
        assert rows["p_adjusted"].to_numpy() == pytest.approx(statistics.holm(rows["p"].to_numpy()))
        assert (rows["p_adjusted"] >= rows["p"]).all()
    assert (adjusted["p_adjusted"] > adjusted["p"]).any()
    assert with_adjusted_p(table.head(0))["p_adjusted"].empty


def test_ground_truths_share_of_itself_has_no_interval(table):
    truth = table[table["reward"] == "ground_truth"]
    assert (truth["share_of_ground_truth"] == 1).all()
    assert truth["share_of_ground_truth_low"].isna().all()
    others = table[table["reward"] != "ground_truth"]
    assert (others["share_of_ground_truth_low"] < others["share_of_ground_truth"]).all()
    assert (others["share_of_ground_truth"] < others["share_of_ground_truth_high"]).all()


def test_the_share_is_over_the_seeds_that_both_have():
    the_suite = with_experiment(
        {
            "rewards": ["ground_truth"],
            "seeds": ["0", "1"],
            "steps": 25,
            "benchmarks": ["math500"],
            "extra_grids": [{"rewards": ["format"], "seeds": ["1", "2"]}],
        }
    )
    nothing, right = np.zeros((4, 30)), np.zeros((4, 30))
    right[:, :20] = 1
    right[2, :] = 1  # this seed has no run under ground truth
    half = right.copy()
    half[1, 10:] = 0
    graded = together(
        responses(nothing, nothing, seeds=range(4)),
        responses(right[:2], nothing[:2], seeds=[0, 1], step=25, reward="ground_truth"),
        responses(half[1:3], nothing[1:3], seeds=[1, 2], step=25, reward="format"),
    )
    found = headline(graded, the_suite, the_suite.experiments["headline"], NO_METRICS)
    assert row_of(found, reward="format")["share_of_ground_truth"] == pytest.approx(0.5)


def test_the_smoothed_value_is_the_mean_of_the_last_evaluations_and_nothing_else_is(tmp_path):
    content = suite(models=["strong"], rewards=["format"]).model_dump(mode="json")
    content["report"]["smoothing_steps"] = 10
    the_suite = Suite.model_validate(content)
    levels = {5: 0, 10: 0, 15: 1, 20: 0, 25: 1, 30: 1}
    everything = np.ones((5, 30))
    graded = together(
        responses(0 * everything, everything, seeds=range(5)),
        *(
            responses(level * everything, everything, seeds=range(5), step=step, reward="format")
            for step, level in levels.items()
        ),
    )
    (row,) = headline(graded, the_suite, the_suite.experiments["headline"], NO_METRICS).to_dict("records")
    assert row["after_smoothed"] == pytest.approx(0.5)  # steps 20 and 25
    assert (row["after"], row["difference"]) == (1, 1)


def prompted(chosen_on="amc"):
    """Return the invented suite with three prompts, of which the best is chosen."""
    content = suite(models=["strong"], rewards=["format"]).model_dump(mode="json")
    content["prompts"] |= {name: {"kind": "raw", "user": f"{name} {{}}"} for name in ("first", "second")}
    content["experiments"]["headline"] |= {"benchmarks": ["math500"], "seeds": ["0-1"]}
    content["experiments"]["prompts"] = {
        **{"title": "Prompts", "models": ["strong"], "prompts": ["first", "second", "plain"], "seeds": ["0-1"]},
        **{"benchmarks": ["math500", chosen_on], "rewards": [], "steps": 0},
    }
    content["report"]["best_prompt"] = {"experiment": "prompts", "chosen_on": chosen_on}
    return Suite.model_validate(content)


def of_prompts(held_out, accuracy, seeds=(0, 1)):
    """Return grades before training with the given numbers of right answers, of 30, under each prompt.

    `held_out` is for amc, the benchmark that chooses the prompt; `accuracy` is for math500.
    """
    frames = []
    for benchmark, counts in (("amc", held_out), ("math500", accuracy)):
        for prompt, count in counts.items():
            right = np.tile(np.arange(30) < count, (len(seeds), 1))
            frames.append(responses(right, right, seeds=seeds, benchmark=benchmark, prompt=prompt))
    return together(*frames)


def over_best(prompts):
    the_suite, nothing, right = prompted(), np.zeros((2, 30)), np.tile(np.arange(30) < 24, (2, 1))
    graded = together(
        responses(nothing, nothing, seeds=[0, 1]), responses(right, right, seeds=[0, 1], step=25, reward="format")
    )
    (row,) = headline(graded, the_suite, the_suite.experiments["headline"], NO_METRICS, prompts).to_dict("records")
    return row


def test_the_best_prompt_is_chosen_on_one_benchmark_and_compared_on_another():
    row = over_best(of_prompts({"first": 9, "second": 12, "plain": 3}, {"first": 21, "second": 18, "plain": 0}))
    assert row["best_prompt"] == "second"
    assert row["over_best_prompt"] == pytest.approx((24 - 18) / 30)
    assert row["over_best_prompt_low"] < row["over_best_prompt"] < row["over_best_prompt_high"]
    assert row["difference"] == pytest.approx(24 / 30)


@pytest.mark.parametrize(
    ("held_out", "expected"),
    [({"first": 9, "second": 9, "plain": 9}, "plain"), ({"second": 9, "first": 9, "plain": 3}, "first")],
)
def test_of_equal_prompts_the_own_one_is_best_else_the_first(held_out, expected):
    assert over_best(of_prompts(held_out, dict.fromkeys(held_out, 3)))["best_prompt"] == expected


def test_one_untrained_model_under_the_best_prompt_serves_all_seeds():
    counts = {"first": 9, "second": 12, "plain": 3}
    row = over_best(of_prompts(counts, counts, seeds=[tables.SHARED_BASE]))
    assert row["over_best_prompt"] == pytest.approx((24 - 12) / 30)


def test_the_best_prompt_is_compared_over_the_seeds_that_both_have():
    counts = {"first": 9, "second": 12, "plain": 3}
    row = over_best(of_prompts(counts, counts, seeds=[1, 2]))
    assert row["over_best_prompt"] == pytest.approx((24 - 12) / 30)
    without = over_best(of_prompts(counts, counts, seeds=[2, 3]))
    assert np.isnan(without["over_best_prompt"])


def test_without_a_best_prompt_its_columns_are_empty(table):
    columns = ["best_prompt", "over_best_prompt", "over_best_prompt_low", "over_best_prompt_high"]
    assert table[columns].isna().all(axis=None)


def test_other_problems_under_the_best_prompt_are_refused():
    counts = {"first": 9, "second": 12, "plain": 3}
    prompts = of_prompts(counts, counts)
    with pytest.raises(UserError, match="grades under prompt second, the best before training"):
        over_best(prompts[~((prompts["id"] == "problem/7") & (prompts["benchmark"] == "math500"))])
