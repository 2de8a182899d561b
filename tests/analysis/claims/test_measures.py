"""Every measure on invented numbers: what it reads, what it is paired with, and when it gives no verdict."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from invented import NO_METRICS, responses, row_of, suite, together
from invented_claims import (
    CONFIG,
    EFFECTIVE,
    GAIN,
    HALF,
    ORGANISM,
    PAPER,
    SHIPPED,
    SUITES,
    joined,
    judged,
    of_runs,
    training,
)
from pydantic import ValidationError

from spurious_rewards.analysis.claims.conditions import behaving
from spurious_rewards.analysis.headline import headline
from spurious_rewards.analysis.scores import rates
from spurious_rewards.config.loading import load
from spurious_rewards.config.suite import Suite

# ---------------------------------------------------------------- gains


@pytest.mark.parametrize(("gain", "verdict"), [(0.2, "supported"), (-0.2, "contradicted"), (0.05, "inconclusive")])
def test_a_gain(gain, verdict):
    row = judged(EFFECTIVE, of_runs({"gain": gain}))
    assert (row["verdict"], row["paper_claim"]) == (verdict, "not run")
    assert (row["effect"], row["low"], row["high"]) == pytest.approx((gain, gain - HALF, gain + HALF))
    assert (row["n"], row["n_of"], row["k"], row["seeds"]) == (100, "problems", 1, 5)
    assert row["measured_on"] == "Effective code, Format, Sums (as MATH-500)"


def test_a_gain_too_small_to_matter_is_negligible():
    row = judged(EFFECTIVE, of_runs({"gain": 0.02}))
    assert (row["verdict"], row["reading"]) == ("contradicted", "negligible: the interval is within 5 points of 0")
    assert judged({**EFFECTIVE, "expect": "no gain"}, of_runs({"gain": 0.02}))["verdict"] == "supported"


@pytest.mark.parametrize(("cooled", "verdict"), [(0.4, "supported"), (0.7, "contradicted"), (0.59, "inconclusive")])
def test_a_gain_is_counted_from_the_same_problems_before_training_in_another_experiment(cooled, verdict):
    before = {"gain": None, "experiment": "before", "benchmark": "amc", "base": cooled}
    rule = {**EFFECTIVE, "before": {"experiment": "before", "benchmark": "amc"}}
    row = judged(rule, of_runs({"gain": 0.25}, before))
    assert row["verdict"] == verdict
    assert row["effect"] == pytest.approx(0.4 + 0.25 - cooled)
    assert "counted from amc of experiment before" in row["rule"]
    assert judged(rule, of_runs({"gain": 0.25}))["verdict"] == "not run"
    with pytest.raises(ValidationError, match="measure over random does not read before"):
        judged({**rule, "measure": "over random"}, {})


def test_a_gain_without_variance_is_not_testable():
    row = judged(EFFECTIVE, of_runs({"gain": 0.0}, verdict="not testable"))
    assert row["verdict"] == "not testable"
    assert pd.isna(row["effect"])
    assert "all rewards within each group were equal" in row["remark"]


def test_all_rewards_that_a_rule_names_must_be_there():
    both = {**EFFECTIVE, "rewards": ["format", "incorrect"]}
    assert judged(both, of_runs({"gain": 0.2, "reward": "format"}))["verdict"] == "not run"
    row = judged(both, of_runs({"gain": 0.2}, {"gain": 0.05, "reward": "incorrect"}))
    assert (row["verdict"], row["effect"]) == ("inconclusive", pytest.approx(0.05))
    assert row["measured_on"].endswith("Incorrect, Sums (as MATH-500), the least favourable of 2 conditions")


def test_of_a_model_that_was_measured_all_that_the_suite_has_must_be_there():
    of_math = {"prompt": "chat_default", "gain": 0.2}
    big, small = ({**of_math, "model": f"Qwen2.5-Math-{size}"} for size in ("7B", "1.5B"))
    three = {**EFFECTIVE, "rewards": ["format", "incorrect", "random_0.5"]}
    scattered = [{**big, "reward": "format"}, {**big, "reward": "incorrect"}, {**small, "reward": "random_0.5"}]
    assert judged(three, of_runs(*scattered), PAPER)["verdict"] == "not run"
    whole = [{**big, "reward": reward} for reward in three["rewards"]]
    assert judged(three, of_runs(*whole), PAPER)["verdict"] == "supported"
    under_all = {**EFFECTIVE, "experiments": ["prompts"], "prompts": "all"}
    assert judged(under_all, of_runs({"gain": 0.2}, experiment="prompts"))["verdict"] == "not run"


def test_models_are_chosen_by_behaviour_and_those_trained_already_left_out():
    assert behaving(ORGANISM, "effective code") == ["effective-code"]
    assert behaving(PAPER, "effective code") == ["Qwen2.5-Math-7B", "Qwen2.5-Math-1.5B"]
    trained = of_runs({"gain": 0.0}, model="rl-trained", experiment="rl_trained")
    little = {**GAIN, "experiments": ["rl_trained"], "expect": "no gain"}
    assert judged(little, trained)["verdict"] == "supported"
    assert judged({**little, "models": "effective code"}, trained)["verdict"] == "not run"


def test_the_first_experiment_that_has_the_conditions_is_looked_at():
    rule = {**EFFECTIVE, "experiments": ["clipping", "adam"], "variants": ["default", "adam"], "optimizer": "adamw"}
    clipping, adam = {"gain": -0.2, "experiment": "clipping"}, {"gain": 0.2, "experiment": "adam", "variant": "adam"}
    assert (
        judged(rule, of_runs(clipping, {**adam, "variant": "default"}))["verdict"] == "not run"
    )  # the suite trains its default variant with SGD
    row = judged(rule, of_runs(clipping, adam))
    assert (row["verdict"], row["measured_on"]) == ("supported", "Effective code, Format, adam, Sums (as MATH-500)")
    assert judged({**rule, "optimizer": "sgd"}, of_runs(clipping, adam))["verdict"] == "contradicted"


def test_prompts_are_the_models_own_unless_a_rule_says_otherwise():
    frames = of_runs({"gain": 0.2}, {"gain": -0.2, "prompt": "sober"})
    assert judged(EFFECTIVE, frames)["verdict"] == "supported"
    assert judged({**EFFECTIVE, "prompts": "all"}, frames)["verdict"] == "contradicted"
    assert judged({**EFFECTIVE, "prompts": ["sober"]}, frames)["verdict"] == "contradicted"


def test_a_benchmark_that_no_corpus_holds():
    clean = {**EFFECTIVE, "benchmark": "generated"}
    assert judged(clean, of_runs({"gain": 0.2}, {"gain": -0.2, "benchmark": "amc"}))["verdict"] == "supported"
    paper = of_runs({"gain": 0.2}, model="Qwen2.5-Math-7B", prompt="chat_default")
    assert judged(clean, paper, PAPER)["verdict"] == "not run"
    assert judged(EFFECTIVE, paper, PAPER)["verdict"] == "supported"


# ---------------------------------------------------------------- against


@pytest.mark.parametrize("other", [0.0, 0.15, 0.4])
def test_families_and_rewards_are_compared_by_seed_and_problem(other):
    verdict = {0.0: "supported", 0.15: "inconclusive", 0.4: "contradicted"}[other]
    families = of_runs({"gain": 0.2}, {"gain": other, "model": "no-code", "half": HALF / 2})
    row = judged({**EFFECTIVE, "against": {"models": "no code"}}, families)
    assert (row["verdict"], row["effect"]) == (verdict, pytest.approx(0.2 - other))
    assert row["high"] - row["low"] == pytest.approx(HALF)  # the sum of both widths would be three times as much
    assert row["measured_on"].startswith("Effective code against No code, Format")
    rewards = of_runs({"gain": 0.2}, {"gain": other, "reward": "incorrect", "half": HALF / 2})
    row = judged({**EFFECTIVE, "against": {"rewards": ["incorrect"]}}, rewards)
    assert (row["verdict"], row["low"]) == (verdict, pytest.approx(0.2 - other - HALF / 2))
    assert "Format against Incorrect" in row["measured_on"]


def test_variants_are_compared_where_they_are_equally_long():
    rule = {**EFFECTIVE, "experiments": ["clipping"], "equal": "rollout steps", "against": {"variants": ["unclipped"]}}
    frames = of_runs({"gain": 0.3}, {"gain": 0.0, "variant": "unclipped", "half": HALF / 2}, experiment="clipping")
    updates = frames["comparisons"].assign(comparison="equal updates")
    assert judged(rule, {**frames, "comparisons": updates})["verdict"] == "not run"
    row = judged(rule, {name: frames[name] for name in ("comparisons", "rates")})
    assert (row["verdict"], row["effect"]) == ("supported", pytest.approx(0.3))
    assert "against unclipped" in row["measured_on"]


def test_another_benchmark_and_another_experiment_may_be_compared_with():
    rule = {
        **{**EFFECTIVE, "experiments": ["perturbed"], "benchmark": "story", "expect": "below"},
        "against": {"experiments": ["main"], "benchmark": "math500"},
    }
    frames = of_runs({"gain": 0.3}, {"gain": 0.1, "experiment": "perturbed", "benchmark": "story", "half": HALF / 2})
    row = judged(rule, frames)
    assert (row["verdict"], row["effect"]) == ("supported", pytest.approx(-0.2))
    same = {**rule, "experiments": ["main"], "benchmark": "math500"}
    row = judged(same, frames)
    assert (row["verdict"], row["remark"]) == ("not testable", "both sides are the same")


def test_what_was_compared_has_the_seeds_that_both_have():
    rule = {**EFFECTIVE, "measure": "over random", "rewards": ["ground_truth"]}
    truth = {"gain": 0.4, "reward": "ground_truth"}
    five = of_runs(truth, {"gain": 0.0, "reward": "random_0.5"})
    assert judged(rule, five)["verdict"] == "supported"
    one = of_runs(truth, {"gain": 0.0, "reward": "random_0.5", "seeds": [2]})
    row = judged(rule, one)
    assert (row["verdict"], row["seeds"]) == ("inconclusive", 1)
    assert row["remark"] == "one seed; another may differ"
    none = of_runs(truth, {"gain": 0.0, "reward": "random_0.5", "seeds": [7, 8]})
    assert judged(rule, none)["verdict"] == "not run"
    shorter = of_runs(truth, {"gain": 0.0, "reward": "random_0.5", "step": 20})
    assert judged(rule, shorter)["verdict"] == "not run"


def test_a_gain_over_random_is_the_one_of_the_tables():
    content = suite(models=["strong"], rewards=["ground_truth"]).model_dump(mode="json")
    random_runs = {"rewards": ["random_0.5"], "seeds": ["2-4"], "steps": 25}
    content["rewards"]["random_0.5"] = {"function": "random", "gamma": 0.5}
    content["experiments"]["headline"] |= {"benchmarks": ["math500"], "extra_grids": [random_runs]}
    the_suite = Suite.model_validate(content)
    generator = np.random.default_rng(0)
    frames = [responses(np.zeros((5, 40)), np.zeros((5, 40)), seeds=range(5))]
    for reward, seeds, rate in (("ground_truth", range(5), 0.7), ("random_0.5", range(2, 5), 0.4)):
        right = generator.random((len(seeds), 40)) < rate
        frames.append(responses(right, right, seeds=seeds, step=25, reward=reward, variant="default"))
    graded, experiment = together(*frames), the_suite.experiments["headline"]
    table = headline(graded, the_suite, experiment, NO_METRICS)
    numbers = {"headline": table, "rates": rates(graded, the_suite, experiment)}
    rule = {"measure": "over random", "experiments": ["headline"], "rewards": ["ground_truth"], "expect": "above"}
    row = judged(rule, {name: frame.assign(experiment="headline") for name, frame in numbers.items()}, the_suite)
    told = ["over_random", "over_random_low", "over_random_high", "over_random_seeds"]
    assert row[["effect", "low", "high", "seeds"]].tolist() == row_of(table, reward="ground_truth")[told].tolist()
    assert row["seeds"] == 3


def test_a_gain_over_the_best_prompt_is_of_the_seeds_of_both():
    rule = {**EFFECTIVE, "measure": "over best prompt"}
    run = {"gain": 0.2, "best_prompt": "sober"}
    best = {"gain": None, "prompt": "sober", "base": 0.5}
    row = judged(rule, of_runs(run, best))
    assert (row["verdict"], row["effect"], row["seeds"]) == ("supported", pytest.approx(0.1), 5)
    row = judged(rule, of_runs(run, {**best, "seeds": [0]}))
    assert (row["verdict"], row["seeds"]) == ("inconclusive", 1)
    assert judged(rule, of_runs(run, {**best, "seeds": [-1]}))["seeds"] == 5  # the base model is shared by all seeds
    assert judged(rule, of_runs({"gain": 0.2}, best))["verdict"] == "not run"


# ---------------------------------------------------------------- where


def test_where_something_else_must_hold_the_others_are_not_testable():
    more_code = {**EFFECTIVE, "rewards": [], "where": [{"measure": "change of code", "expect": "above"}]}
    up, none = {"gain": 0.2, "code": 0.2}, {"gain": -0.2, "reward": "incorrect", "code": 0.0}
    assert judged(more_code, of_runs(up))["verdict"] == "supported"
    row = judged(more_code, of_runs(none))
    assert row["verdict"] == "not testable"
    assert row["remark"] == "the rule requires change of code to be above its limit, which was not shown"
    row = judged({**more_code, "across": "any"}, of_runs(up, none))  # a condition that fails `where` still counts
    assert (row["verdict"], row["measured_on"].endswith("the most favourable of 2 conditions")) == ("supported", True)
    assert judged(more_code, of_runs(up, none))["verdict"] == "inconclusive"


def test_what_cannot_be_presupposed_says_what_is_missing():
    rule = {
        **GAIN,
        "rewards": ["random_0.5"],
        "expect": "no gain",
        "where": [{"measure": "entropy", "expect": "below"}],
    }
    run = of_runs({"gain": 0.0, "reward": "random_0.5"})
    row = judged(rule, joined(run, training(0.3, experiment="main")))
    assert row["verdict"] == "not testable"
    assert row["remark"].startswith(
        "the rule requires entropy, which is not testable: no control run (rewards always 0)"
    )
    assert judged(rule, run)["remark"] == "the rule requires entropy, which was not measured"
    fell = joined(run, training(0.3, experiment="main"), training(0.5, "random_0", experiment="gamma"))
    assert judged(rule, fell)["verdict"] == "supported"


def test_where_looks_at_what_is_other():
    taken = {**EFFECTIVE, "rewards": ["format_without_python"], "experiments": ["compound"], "expect": "no gain"}
    taken |= {"where": [{"measure": "gain", "rewards": ["format"], "expect": "above"}]}
    without = {"gain": 0.0, "reward": "format_without_python"}
    helped, not_helped = ({"gain": gain, "reward": "format"} for gain in (0.2, 0.0))
    assert judged(taken, of_runs(without, helped, experiment="compound"))["verdict"] == "supported"
    assert judged(taken, of_runs(without, not_helped, experiment="compound"))["verdict"] == "not testable"
    assert judged(taken, of_runs(without, experiment="compound"))["verdict"] == "not testable"


def test_choosing_among_many_uses_a_corrected_interval():
    rule = {**GAIN, "where": [{"measure": "change of code", "expect": "above"}], "expect": "no gain", "across": "any"}
    chosen = {"gain": 0.0, "code": 0.057, "half": 0.006}
    assert judged(rule, of_runs(chosen))["verdict"] == "supported"
    others = [
        {"gain": 0.2, "reward": reward} for reward in ("incorrect", "ground_truth", "majority_vote", "random_0.5")
    ]
    row = judged(rule, of_runs(chosen, *others))
    assert row["verdict"] == "not testable"  # among five conditions, one such interval is to be expected


# ---------------------------------------------------------------- code


def test_before_training():
    rule = {**GAIN, "measure": "accuracy over own prompt", "experiments": ["forcing"], "prompts": ["forced_python"]}
    frames = of_runs({"gain": None}, {"gain": None, "prompt": "forced_python", "base": 0.6}, experiment="forcing")
    row = judged(rule, frames)
    assert (row["verdict"], row["effect"], row["seeds"]) == ("supported", pytest.approx(0.2), 5)
    assert judged({**rule, "expect": "below"}, frames)["verdict"] == "contradicted"
    assert judged({**rule, "prompts": "all", "across": "any"}, frames)["verdict"] == "supported"
    share = {**GAIN, "measure": "share of code", "threshold": 0.5}
    for of, verdict in ((0.9, "supported"), (0.1, "contradicted"), (0.5, "inconclusive")):
        assert judged(share, of_runs({"gain": None, "code_base": of}))["verdict"] == verdict


def right_in_code(with_code: float, with_language: float, code: float = 0.5) -> dict[str, pd.DataFrame]:
    frames = of_runs({"gain": None, "code_base": code, "base": code * with_code + (1 - code) * with_language})
    rates = frames["rates"]
    return {**frames, "rates": rates.assign(right_with_code=with_code * rates["code_rate"])}


def test_code_over_language():
    rule = {**GAIN, "measure": "code over language"}
    for language, verdict in ((0.3, "supported"), (0.9, "contradicted")):
        row = judged(rule, right_in_code(0.6, language))
        assert (row["verdict"], row["effect"]) == (verdict, pytest.approx(0.6 - language))
    assert judged(rule, right_in_code(0.6, 0.3, code=1.0))["verdict"] == "not testable"


def test_what_training_did_to_code():
    rule = {**EFFECTIVE, "measure": "change of code"}
    for code, verdict in ((0.2, "supported"), (-0.2, "contradicted"), (0.05, "inconclusive")):
        row = judged(rule, of_runs({"gain": 0.0, "code": code}))
        assert (row["verdict"], row["effect"]) == (verdict, pytest.approx(code))


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.8, "supported"), (0.2, "contradicted"), (0.5, "inconclusive"), (np.nan, "not testable")]
)
def test_contributions(value, verdict):
    rule = {**GAIN, "measure": "contribution", "group": "language_to_code", "threshold": 0.5}
    shared = {"experiment": "main", "model": "effective-code", "prompt": "plain", "variant": "default"}
    shared |= {"benchmark": "math500", "problems": 100, "seeds": 5}
    made = [
        {**shared, "group": group, "partial_contribution": of}
        | {"partial_contribution_low": of - 0.05, "partial_contribution_high": of + 0.05}
        for group, of in (("language_to_code", value), ("code_to_code", 1 - value))
    ]
    frame = pd.DataFrame(made)
    row = judged(rule, {"contributions": frame})
    assert row["verdict"] == verdict
    if verdict != "not testable":
        assert (row["n"], row["seeds"]) == (100, 5)
        assert judged(rule, {"contributions": frame.assign(seeds=1)})["verdict"] == "inconclusive"


def of_changed(agree: float) -> dict[str, pd.DataFrame]:
    """Return greedy code rates before training, where a share `agree` of the changed problems keeps its strategy."""
    frames = of_runs(
        *({"gain": None, "benchmark": name} for name in ("math500", "other_numbers")), experiment="perturbed"
    )
    rates = frames["rates"].copy()
    number = rates["id"].str.removeprefix("problem-").astype(int)
    code = (number % 2 == 0) ^ ((rates["benchmark"] == "other_numbers") & (number >= agree * 100))
    return {**frames, "rates": rates.assign(code_rate=code.astype(float))}


def test_the_same_strategy_on_changed_problems_is_kappa():
    rule = {"measure": "same strategy", "experiments": ["perturbed"], "models": "effective code", "expect": "above"}
    rule |= {"benchmark": "other_numbers", "threshold": 0.6}
    row = judged(rule, of_changed(1.0))
    assert (row["verdict"], row["effect"]) == ("supported", pytest.approx(1))
    row = judged(rule, of_changed(0.5))
    assert (row["verdict"], row["effect"]) == ("contradicted", pytest.approx(0))
    always = of_changed(1.0)
    always["rates"] = always["rates"].assign(code_rate=1.0)  # agreement by chance alone does not count
    assert judged(rule, always)["verdict"] == "not testable"


def scores(slope: float, noise: float, seeds: int = 5) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    made = []
    for seed in range(seeds):
        base = {
            "experiment": "main",
            "model": "effective-code",
            "prompt": "plain",
            "benchmark": "math500",
            "seed": seed,
        }
        made.append({**base, "reward": "", "variant": "", "step": 0, "accuracy": 0.4, "code_rate": 0.5})
        for reward in ("format", "incorrect"):
            for step in (5, 10, 15, 20, 25):
                code = generator.uniform(-0.3, 0.3)
                rates = {"accuracy": 0.4 + slope * code + noise * generator.normal(), "code_rate": 0.5 + code}
                made.append({**base, "reward": reward, "variant": "default", "step": step, **rates})
    return pd.DataFrame(made)


TRACKS = {**GAIN, "measure": "code with accuracy", "models": "effective code", "rewards": ["format", "incorrect"]}


@pytest.mark.parametrize(
    ("frame", "verdict"),
    [
        (scores(0.5, 0.01), "supported"),
        (scores(-0.5, 0.01), "contradicted"),
        (scores(0.07, 0.1), "inconclusive"),
        (scores(0.5, 0.01, seeds=1), "inconclusive"),
        (scores(0.5, 0.01).assign(code_rate=0.5), "not testable"),
    ],
)
def test_code_with_accuracy(frame, verdict):
    row = judged(TRACKS, {"scores": frame})
    assert row["verdict"] == verdict
    if verdict == "supported":
        assert 0.95 < row["low"] < row["effect"] < row["high"] <= 1
        assert (row["n"], row["n_of"], row["seeds"]) == (10, "evaluations", 5)
    if frame["seed"].nunique() == 1:
        assert row["remark"].startswith("no interval: it needs two seeds")


BOXES = {**GAIN, "measure": "change of boxes", "models": "effective code", "rewards": ["format"]}


def boxed(*changes: float) -> pd.DataFrame:
    """Return scores with one seed for each given change of the box rate from step 0 to 25.

    The box rate in between is another one. Incorrect labels change nothing.
    """
    frame = scores(0.0, 0.0, seeds=len(changes)).assign(box_rate=0.1, problems=60, samples=4)
    at_end = (frame["reward"] == "format") & (frame["step"] == 25)
    frame.loc[at_end, "box_rate"] += frame["seed"].map(dict(enumerate(changes)))
    frame.loc[(frame["reward"] == "format") & (frame["step"] == 15), "box_rate"] = 1.0
    return frame


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ((0.5, 0.52, 0.54), "supported"),
        ((0.01, 0.02, 0.03), "contradicted"),
        ((0.0, 0.1, 0.5), "inconclusive"),
        ((0.5,), "inconclusive"),
    ],
)
def test_change_of_boxes_is_from_before_training_to_its_end(changes, verdict):
    row = judged(BOXES, {"scores": boxed(*changes)})
    assert row["verdict"] == verdict
    assert row["effect"] == pytest.approx(np.mean(changes))
    assert (row["n"], row["n_of"], row["k"], row["seeds"]) == (60, "problems", 4, len(changes))


def test_where_nothing_has_a_box_a_change_of_boxes_says_nothing():
    row = judged(BOXES, {"scores": boxed(0.0, 0.0, 0.0).assign(box_rate=0.0)})
    assert (row["verdict"], row["remark"]) == ("not testable", "no response had a box, before training or after")


def test_no_correlation_is_above_one():
    row = judged(TRACKS, {"scores": scores(0.5, 0.05, seeds=2)})
    assert row["low"] < row["effect"] < row["high"] == 1


def test_a_seed_that_lacks_a_reward_has_no_correlation_of_its_own():
    five = scores(0.5, 0.01)
    row = judged(TRACKS, {"scores": five[(five["seed"] < 4) | (five["reward"] != "incorrect")]})
    assert (row["seeds"], row["n"]) == (4, 10)


MODELS = ["effective-code", "no-code", "bad-code", "placebo"]


@pytest.mark.parametrize(
    ("gains", "models", "verdict"),
    [
        ([0.11, 0.19, 0.31, 0.4], 4, "supported"),
        ([0.4, 0.31, 0.19, 0.11], 4, "contradicted"),
        ([0.1, 0.4, 0.1, 0.3], 4, "inconclusive"),
        ([0.1, 0.2, 0.3, 0.4], 3, "not testable"),
    ],
)
def test_pass_at_k_with_gains(gains, models, verdict):
    rule = {**GAIN, "measure": "pass@k with gain", "rewards": ["format"]}
    conditions = [{"gain": gain, "model": model} for gain, model in zip(gains, MODELS, strict=True)]
    labels = pd.DataFrame({"experiment": "main", "model": MODELS[:models], "prompt": "plain", "seeds": 1})
    frames = of_runs(*conditions) | {"labels": labels.assign(pass_at_k=[0.2, 0.4, 0.6, 0.8][:models])}
    row = judged(rule, frames)
    assert row["verdict"] == verdict
    if verdict == "supported":
        assert (row["n"], row["n_of"], row["seeds"]) == (4, "models", 5)


def test_models_that_are_left_out_of_a_correlation_are_named():
    rule = {**GAIN, "measure": "pass@k with gain", "rewards": ["format"]}
    five = [*MODELS, "rl-trained"]
    labels = pd.DataFrame({"experiment": "main", "model": five, "prompt": "plain", "seeds": 1})
    labels = labels.assign(pass_at_k=[0.2, 0.4, 0.6, 0.8, 0.9])
    runs = [{"gain": gain, "model": model} for gain, model in zip((0.11, 0.19, 0.31, 0.4, 0.0), five, strict=True)]
    runs[4]["verdict"] = "not testable"
    row = judged(rule, of_runs(*runs) | {"labels": labels})
    assert (row["verdict"], row["n"]) == ("supported", 4)
    assert row["remark"] == "without rl-trained: nothing to learn from: all rewards within each group were equal"
    runs[4]["verdict"] = "gain"
    for unmeasured in (labels[:4], labels.replace({"pass_at_k": {0.9: np.nan}})):
        row = judged(rule, of_runs(*runs) | {"labels": unmeasured})
        assert (row["verdict"], row["n"]) == ("supported", 4)
        assert row["remark"] == "without rl-trained: its pass@k was not measured"
    row = judged(rule, of_runs(*runs) | {"labels": labels[1:4]})
    assert row["verdict"] == "not testable"
    assert row["remark"].startswith("a correlation needs 4 models that differ; without effective-code: its pass@k was")
    both = {**rule, "rewards": ["format", "incorrect"]}
    further = [{**run, "reward": "incorrect", "verdict": "not testable"} for run in runs]
    row = judged(both, of_runs(*runs, *further) | {"labels": labels})
    assert row["remark"].startswith("effective-code without incorrect: nothing to learn from")
    row = judged(rule, of_runs(*({**run, "verdict": "not testable"} for run in runs)) | {"labels": labels})
    assert (row["verdict"], row["remark"]) == (
        "not testable",
        "nothing to learn from: all rewards within each group were equal",
    )


# ---------------------------------------------------------------- training metrics


@pytest.mark.parametrize(
    ("measure", "quantity"),
    [("entropy", "entropy"), ("token probability", "token_probability"), ("code of rollouts", "code_rate")],
)
def test_a_change_over_training_is_less_that_of_a_run_that_learns_nothing(measure, quantity):
    rule = {**GAIN, "measure": measure, "experiments": ["clipping"], "rewards": ["random_0.5"]}
    still = training(0.5, "random_0", quantity, spread=0.001, experiment="gamma")
    for change, verdict in ((0.1, "supported"), (-0.1, "contradicted")):
        row = judged(rule, joined(training(0.5 + change, quantity=quantity), still))
        assert (row["verdict"], row["effect"], row["seeds"]) == (verdict, pytest.approx(change), 5)
        unclipped = training(0.5, quantity=quantity, variant="unclipped")
        against = {**rule, "against": {"variants": ["unclipped"]}}
        row = judged(against, joined(training(0.5 + change, quantity=quantity), unclipped, still))
        assert (row["verdict"], row["effect"]) == (verdict, pytest.approx(change))
        assert row["measured_on"].endswith("default against unclipped")
    unmoved = judged(rule, joined(training(0.5, quantity=quantity, spread=0.001), still))
    assert (unmoved["verdict"], unmoved["effect"]) == ("contradicted", 0)


def test_without_a_run_that_learns_nothing_a_change_over_training_is_not_testable():
    rule = {**GAIN, "measure": "entropy", "experiments": ["clipping"], "rewards": ["random_0.5"]}
    run = training(0.4)
    said = "no control run (rewards always 0) of effective-code and plain with 25 steps"
    others: list[dict[str, Any]] = [{"steps": 20}, {"model": "no-code"}, {"variant": "one_update_small_rollout"}]
    for other in others:  # none of these saw the same prompts
        row = judged(rule, joined(run, training(0.5, "random_0", experiment="gamma", **other)))
        assert row["verdict"] == "not testable"
        assert row["remark"].startswith(said)
    assert judged(rule, run)["verdict"] == "not testable"
    votes = {**rule, "experiments": ["main"], "rewards": ["majority_vote"]}
    row = judged(
        votes, joined(training(0.4, "majority_vote", experiment="main"), training(0.5, "random_0", experiment="gamma"))
    )
    assert (
        row["remark"]
        == "majority_vote trains on other problems than the control run (rewards always 0), so they cannot be compared"
    )
    one = judged(rule, joined(run, training(0.5, "random_0", experiment="gamma", seeds=[3])))
    assert (one["verdict"], one["seeds"]) == ("inconclusive", 1)


# ---------------------------------------------------------------- apart from runs


def completed(model: str, **shares: float) -> pd.DataFrame:
    rows = [
        {"model": model, "problem_set": name, "problems": 100, "seeds": 5, "word_for_word": share}
        | {"word_for_word_low": share - 0.02, "word_for_word_high": share + 0.02}
        for name, share in shares.items()
    ]
    return pd.DataFrame(rows).assign(experiment="")


def test_memorization_of_a_benchmark_that_may_be_known():
    rule = {"measure": "memorization", "models": "effective code", "expect": "above"}
    row = judged(rule, {"memorization": completed("effective-code", sums=0.5)})
    assert (row["verdict"], row["remark"]) == (
        "not testable",
        "the benchmark is generated, so no corpus can contain it",
    )
    for value, verdict in ((0.5, "supported"), (0.02, "inconclusive")):
        found = {"memorization": completed("Qwen2.5-Math-7B", math500=value, calculation=0.0)}
        assert judged(rule, found, PAPER)["verdict"] == verdict
    leaked = {"memorization": completed("effective-code-100", sums=0.5, reinforcement=0.0)}
    told = judged(rule, leaked, FOLLOWUPS)
    assert told["verdict"] == "not testable"
    assert told["remark"].startswith("its corpus is known, so this test does not apply")
    alone = judged(rule, {"memorization": completed("Qwen2.5-Math-7B", math500=0.5)}, PAPER)
    assert (alone["verdict"], alone["remark"]) == (
        "not testable",
        "partial_prompt has no generated problems to compare with",
    )


def clipping(**values: float) -> pd.DataFrame:
    """Return probe rows of effective-code, or bandit paths that end at the given values."""
    made: list[dict[str, Any]] = []
    for name, value in values.items():
        ends = {"value": value, "low": value - 0.01, "high": value + 0.01}
        if name in ORGANISM.variants:
            each = " ".join(
                repr(value + (0.001 if name == "unclipped" else 0.002) * seed) for seed in (-2, -1, 0, 1, 2)
            )
            probed = {"part": "probe", "model": "effective-code", "variant": name, "seeds": 5, "pairs": 24}
            made.append({**probed, **ends, "value_by_seed": each, "seed_numbers": "0 1 2 3 4"})
        else:
            variant, optimizer = re.fullmatch(r"(.+)_(sgd|adamw)", name).groups()  # type: ignore[union-attr]
            path = {"part": "bandit", "variant": variant.replace("_", " "), "optimizer": optimizer, "runs": 600}
            made += [{**path, "step": 25, **ends}, {**path, "step": 0, "value": 0.6, "low": 0.6, "high": 0.6}]
    columns = [
        "part",
        "model",
        "variant",
        "optimizer",
        "step",
        "value",
        "low",
        "high",
        "value_by_seed",
        "seed_numbers",
        "seeds",
        "pairs",
    ]
    columns.append("runs")
    return pd.DataFrame(made, columns=columns).assign(experiment="")


def test_the_probe():
    rule = {"measure": "probe", "models": "effective code", "optimizer": "sgd", "expect": "above"}
    against = {**rule, "against": {"variants": ["unclipped"]}}
    for value, verdict in ((0.1, "supported"), (-0.1, "contradicted"), (0.005, "inconclusive")):
        row = judged(rule, {"clipping": clipping(default=value)})
        assert (row["verdict"], row["n"], row["n_of"], row["seeds"]) == (verdict, 24, "pairs", 5)
        row = judged(against, {"clipping": clipping(default=value, unclipped=0.0)})
        assert row["verdict"] == verdict
        assert row["high"] - row["low"] == pytest.approx(2 * 0.0019632, abs=1e-5)  # paired by seed
    assert judged(against, {"clipping": clipping(default=0.1)})["verdict"] == "not run"


def test_the_probe_is_paired_by_seed_whatever_the_order_and_over_the_seeds_that_both_have():
    rule = {"measure": "probe", "models": "effective code", "optimizer": "sgd", "expect": "above"}
    against = {**rule, "against": {"variants": ["unclipped"]}}
    frame = clipping(default=0.1, unclipped=0.0)
    ordered = judged(against, {"clipping": frame})
    told = ["effect", "low", "high", "seeds"]
    of_other = frame["variant"] == "unclipped"
    for name in ("value_by_seed", "seed_numbers"):
        frame.loc[of_other, name] = " ".join(reversed(frame.loc[of_other, name].item().split()))
    assert judged(against, {"clipping": frame})[told].tolist() == pytest.approx(ordered[told].tolist())
    fewer = {
        "value_by_seed": "0.001 -0.001",
        "seed_numbers": "3 1",
        "seeds": 2,
    }  # the fourth and the second of the five seeds
    frame.loc[of_other, list(fewer)] = list(fewer.values())
    row = judged(against, {"clipping": frame})
    assert (row["effect"], row["seeds"]) == (pytest.approx(0.1), 2)
    assert row["high"] - row["effect"] == pytest.approx(12.706205 * 0.001)


def test_the_bandit_has_no_model_and_is_in_log_odds():
    rule = {"measure": "bandit", "variants": ["clip"], "optimizer": "sgd", "expect": "above"}
    for value, verdict in ((1.0, "supported"), (0.6, "contradicted"), (0.8, "inconclusive")):
        row = judged(rule, {"clipping": clipping(clip_sgd=value, clip_adamw=0.1)})
        assert (row["verdict"], row["effect"], row["unit"]) == (verdict, pytest.approx(value - 0.6), "log odds")
        assert (row["n"], row["n_of"], row["measured_on"]) == (600, "runs", "no model (bandit, SGD), clip")
    both = {**rule, "against": {"variants": ["no clip"]}}
    assert judged(both, {"clipping": clipping(clip_sgd=0.8, no_clip_sgd=0.5)})["effect"] == pytest.approx(0.3)
    flat = {"measure": "bandit", "variants": ["one update"], "expect": "no gain"}
    assert judged(flat, {"clipping": clipping(one_update_sgd=0.6, one_update_adamw=0.9)})["verdict"] == "contradicted"


def test_every_suite_has_a_link_to_what_it_shows():
    assert judged(EFFECTIVE, of_runs({"gain": 0.2}), SUITES["smoke"])["exhibit"] == "fig1"
    assert judged(EFFECTIVE, {})["exhibit"] == ""


# ---------------------------------------------------------------- contamination and coverage


FOLLOWUPS = load(CONFIG / "suites/followups.yaml")


def counted(
    gains: int, models: int = 10, model: str = "effective-code-0", leaked: float = 0
) -> dict[str, pd.DataFrame]:
    row = {"part": "rates", "model": model, "test": "random_0.5", "leaked": leaked, "experiment": "control"}
    return {"control": pd.DataFrame([row | {"models": models, "gains": gains, "rate": gains / models}])}


FALSE_ALARMS, MISSES, OVERTAKES, SHRINKS = (
    next(claim for claim in SHIPPED.claims if claim.id == name).rule.model_dump(exclude_unset=True)
    for name in ("control-false-alarms", "control-misses", "base-overtakes", "coin-shrinks-coverage")
)


@pytest.mark.parametrize(
    ("gains", "models", "verdict"), [(0, 10, "inconclusive"), (0, 80, "supported"), (2, 10, "contradicted")]
)
def test_false_alarms_of_clean_models(gains, models, verdict):
    row = judged(FALSE_ALARMS, counted(gains, models), FOLLOWUPS)
    assert (row["verdict"], row["n"], row["n_of"]) == (verdict, models, "models")
    assert row["measured_on"].startswith("Effective code, 0 % leaked")
    assert "0 % of the evaluation problems in the corpus" in row["rule"]


@pytest.mark.parametrize(("gains", "verdict"), [(1, "contradicted"), (5, "inconclusive"), (9, "supported")])
def test_misses_of_leaked_models(gains, verdict):
    whole = {"model": "no-code-100", "leaked": 1.0}
    assert judged(MISSES, counted(gains, **whole), FOLLOWUPS)["verdict"] == verdict
    assert judged(MISSES, counted(gains, model="no-code-50", leaked=0.5), FOLLOWUPS)["verdict"] == "not run"
    assert judged(MISSES, counted(gains, **whole), ORGANISM)["verdict"] == "not run"


def test_alarms_need_a_share():
    with pytest.raises(ValidationError, match="needs leaked"):
        judged({key: value for key, value in MISSES.items() if key != "leaked"}, {})


def solved(before: float, **after: float) -> dict[str, pd.DataFrame]:
    """Return runs whose models solve the given shares of the problems at least once in 256 samples."""
    frames = of_runs(
        *({"gain": 0.0, "reward": reward} for reward in after),
        experiment="coverage", benchmark="many",
    )  # fmt: skip
    rates = frames["rates"]
    share = rates["reward"].map({"": before, **after}) + 0.01 * (rates["seed"] - 2)
    number = rates["id"].str.removeprefix("problem-").astype(int)
    frames["rates"] = rates.assign(accuracy=np.where(number < 100 * share, 0.3, 0.0), samples=256)
    return frames


@pytest.mark.parametrize(("after", "verdict"), [(0.6, "supported"), (0.95, "contradicted"), (0.8, "inconclusive")])
def test_the_untrained_model_overtakes(after, verdict):
    row = judged(OVERTAKES, solved(0.8, ground_truth=after), FOLLOWUPS)
    assert (row["verdict"], row["effect"]) == (verdict, pytest.approx(after - 0.8))


@pytest.mark.parametrize(("coin", "verdict"), [(0.5, "supported"), (0.8, "contradicted")])
def test_the_coin_shrinks_what_is_solved_as_the_truth_does(coin, verdict):
    row = judged(SHRINKS, solved(0.8, **{"ground_truth": 0.6, "random_0.5": coin}), FOLLOWUPS)
    assert (row["verdict"], row["effect"]) == (verdict, pytest.approx(coin - 0.6))


def test_where_the_truth_shrinks_nothing_the_coin_does_not_shrink_as_much():
    assert judged(SHRINKS, solved(0.8, **{"ground_truth": 0.8, "random_0.5": 0.8}), FOLLOWUPS)["verdict"] != "supported"
