"""Claims: the ledger that ships, every measure and verdict on invented numbers, and complaints about wrong rules."""

import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import yaml
from invented import row_of

from spurious_rewards.analysis.claims.ledger import LEDGER, ledger
from spurious_rewards.analysis.claims.measures import MEASURES
from spurious_rewards.analysis.claims.rows import ROWS, behaving, difference
from spurious_rewards.analysis.claims.verdicts import judge
from spurious_rewards.analysis.claims.words import in_words
from spurious_rewards.analysis.training import training_change
from spurious_rewards.config import claims
from spurious_rewards.config.loading import load
from spurious_rewards.config.settings import Settings
from spurious_rewards.config.suite import Suite
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages import claims as claims_stage
from spurious_rewards.stages.claims import ClaimsJob
from spurious_rewards.stages.study import Study

CONFIG = Path(__file__).parents[2] / "config"
SHIPPED = claims.read(CONFIG / "claims.yaml")
SUITES = {name: load(CONFIG / f"suites/{name}.yaml") for name in ("organism", "paper", "one_gpu", "small", "smoke")}
ORGANISM = SUITES["organism"]


# ---------------------------------------------------------------- the ledger that ships


def test_there_are_at_least_twenty_claims_each_with_its_own_id():
    ids = [claim.id for claim in SHIPPED.claims]
    assert len(ids) == len(set(ids)) >= 20


def test_every_exhibit_is_one_of_the_organism_or_the_paper_suite():
    known = SUITES["organism"].exhibits.keys() | SUITES["paper"].exhibits.keys()
    assert {name for claim in SHIPPED.claims for name in claim.exhibits} <= known


def test_rules_name_what_suites_have():
    both = SUITES["organism"], SUITES["paper"]
    for claim in SHIPPED.claims:
        assert (
            any(set(claim.rule.experiments) & suite.experiments.keys() for suite in both) or not claim.rule.experiments
        )
        rewards = {*claim.rule.rewards, *(claim.rule.against.rewards if claim.rule.against else ())}
        assert rewards <= both[0].rewards.keys()
        assert claim.rule.benchmark in {"generated", *both[0].benchmarks}


def test_each_reward_on_each_family_has_a_claim():
    judged = {(claim.rule.models, claim.rule.rewards) for claim in SHIPPED.claims}
    for models in ("effective code", "bad code", "no code"):
        for reward in ("ground_truth", "majority_vote", "incorrect", "format", "random_0.5", "python"):
            assert (models, (reward,)) in judged


def test_every_measure_is_used_and_can_be_worked_out():
    assert {claim.rule.measure for claim in SHIPPED.claims} == set(get_args(claims.Measure))
    assert MEASURES.keys() == claims.READS.keys() == set(get_args(claims.Measure))


def test_the_papers_models_and_lengths_are_those_of_its_suite():
    paper = SUITES["paper"]
    assert set(SHIPPED.paper_models) == paper.models.keys()
    for name, steps in SHIPPED.paper_steps.items():
        assert paper.experiments[name].steps == steps


@pytest.mark.parametrize("name", SUITES)
def test_the_job_is_read_as_it_was_written_and_fits_on_a_command_line(name):
    study = Study(SUITES[name], Settings(), CONFIG / f"suites/{name}.yaml")
    job = claims_stage.job(study, SHIPPED).as_json()
    assert ClaimsJob.model_validate_json(job) == ClaimsJob(suite=study.suite_as_told, ledger=SHIPPED)
    assert (
        len(job) + sum(len(str(path)) + 3 for path in claims_stage.numbers(study, SHIPPED)) < 120_000
    )  # Linux: 131,072 an argument


def test_without_numbers_every_claim_is_not_run_and_says_why():
    found = ledger(SHIPPED, SUITES["small"], {})
    assert (found["verdict"] == "not run").all()
    of_paper = [claim.of_paper for claim in SHIPPED.claims]
    assert found["paper_claim"].tolist() == ["not run" if own else "" for own in of_paper]
    assert found["remark"].str.len().min() > 0
    assert row_of(found, id="bandit-sgd")["remark"].startswith("the suite has no such conditions")
    assert row_of(found, id="gamma-0")["remark"] == "the suite has no experiment gamma"
    assert row_of(found, id="effective-random")["remark"] == "the suite has no model with effective code"


# ---------------------------------------------------------------- complaints


def ledger_with(**rule: Any) -> dict[str, Any]:
    claim = {"id": "one", "claim": "A claim.", "source": "Fig. 1", "exhibits": ["fig1"]}
    return {"margin": 0.05, "paper_models": [], "paper_steps": {}, "claims": [{**claim, "rule": rule}]}


GAIN = {"measure": "gain", "experiments": ["main"], "expect": "above"}


def complaint(tmp_path: Path, content: Any) -> str:
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError) as error:
        claims.read(tmp_path / "claims.yaml")
    return str(error.value).removeprefix(f"{tmp_path}/claims.yaml: ")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({**GAIN, "reward": ["format"]}, 'claims.0.rule.reward = ["format"]: no such key, did you mean rewards?'),
        ({**GAIN, "expect": "rises"}, "claims.0.rule.expect = \"rises\": should be 'above', 'below' or 'no gain'"),
        ({**GAIN, "models": "good code"}, 'claims.0.rule.models = "good code": should be'),
        ({**GAIN, "group": "language_to_code"}, "claims.0.rule: measure gain does not read group; it reads benchmark,"),
        ({"measure": "gain", "expect": "above"}, "claims.0.rule: measure gain needs experiments"),
        (
            {"measure": "bandit", "expect": "above", "against": {"models": "no code"}},
            "measure bandit does not read models",
        ),
        ({"expect": "above"}, "claims.0.rule.measure: this key is missing and has no default"),
    ],
)
def test_a_wrong_rule_is_complained_of(tmp_path, rule, said):
    assert said in complaint(tmp_path, ledger_with(**rule))


def test_ids_must_differ_and_the_file_must_be_there(tmp_path):
    twice = ledger_with(**GAIN)
    twice["claims"] *= 2
    assert complaint(tmp_path, twice) == 'claims[1].id = "one": another claim has this id'
    with pytest.raises(UserError, match="no such file"):
        claims.read(tmp_path / "none.yaml")


# ---------------------------------------------------------------- verdicts


def rows(*intervals: tuple[float, float], testable: bool = True) -> pd.DataFrame:
    made = [
        {"model": "a", "value": (low + high) / 2, "low": low, "high": high, "testable": testable}
        for low, high in intervals
    ]
    return pd.DataFrame(made, columns=ROWS)


UP, DOWN, UNCLEAR, FLAT, NONE = (0.01, 0.2), (-0.2, -0.01), (-0.1, 0.1), (-0.02, 0.02), (np.nan, np.nan)
SLIGHT = (0.01, 0.04)


@pytest.mark.parametrize(
    ("expect", "across", "intervals", "verdict"),
    [
        ("above", "all", [UP], "supported"),
        ("above", "all", [DOWN], "contradicted"),
        ("above", "all", [UNCLEAR], "inconclusive"),
        ("above", "all", [NONE], "inconclusive"),
        ("above", "all", [UP, UP, UNCLEAR], "inconclusive"),
        ("above", "all", [UP, UNCLEAR, DOWN], "contradicted"),
        ("above", "any", [UP, DOWN], "supported"),
        ("above", "any", [DOWN, DOWN], "contradicted"),
        ("above", "any", [UNCLEAR, DOWN], "inconclusive"),
        ("below", "all", [DOWN], "supported"),
        ("below", "all", [UP], "contradicted"),
        ("below", "all", [UNCLEAR], "inconclusive"),
        ("no gain", "all", [FLAT], "supported"),
        ("no gain", "all", [DOWN], "supported"),
        ("no gain", "all", [SLIGHT], "supported"),  # surely there, and surely too small to count
        ("no gain", "all", [UNCLEAR], "inconclusive"),  # no clear gain is not no gain
        ("no gain", "all", [UP], "contradicted"),
        ("no gain", "any", [UP, FLAT], "supported"),
        ("no gain", "all", [], "not run"),
    ],
)
def test_verdicts(expect, across, intervals, verdict):
    rule = claims.Rule(**{**GAIN, "expect": expect, "across": across})
    assert judge(rows(*intervals), rule, margin=0.05)[0] == verdict


def test_what_is_not_testable_supports_nothing():
    rule = claims.Rule(**GAIN)
    untestable = rows(UP, testable=False)
    assert judge(untestable, rule, 0.05)[0] == "not testable"
    assert judge(pd.concat([untestable, rows(UP)]), rule, 0.05)[0] == "inconclusive"
    assert judge(pd.concat([untestable, rows(DOWN)]), rule, 0.05)[0] == "contradicted"
    either = claims.Rule(**{**GAIN, "across": "any"})
    assert judge(pd.concat([untestable, rows(UP)]), either, 0.05)[0] == "supported"


@pytest.mark.parametrize(
    ("expect", "across", "shown"),
    [("above", "all", 0.1), ("above", "any", 0.3), ("below", "all", 0.3), ("no gain", "all", 0.3)],
)
def test_the_condition_that_decides_is_shown(expect, across, shown):
    three = rows((0.15, 0.25), (0.05, 0.15), (0.25, 0.35))
    _, decisive = judge(three, claims.Rule(**{**GAIN, "expect": expect, "across": across, "margin": 0}), 0.05)
    assert decisive["value"] == pytest.approx(shown)


def test_a_margin_of_the_rule_goes_before_the_ledgers():
    strict = claims.Rule(**{**GAIN, "expect": "no gain", "margin": 0.01})
    assert judge(rows(FLAT), strict, 0.05)[0] == "inconclusive"
    most = claims.Rule(**{**GAIN, "margin": 0.5})
    assert judge(rows(UP), most, 0.05)[0] == "contradicted"


def test_a_difference_is_wide_enough_however_its_parts_hang_together():
    generator = np.random.default_rng(0)
    for correlation in (-1, 0, 1):
        covariance = [[1, correlation], [correlation, 1]]
        draws = generator.multivariate_normal([0.3, 0.1], covariance, size=4000, method="svd")
        both = [
            rows(*zip(draws[:, i] - 1.96, draws[:, i] + 1.96, strict=True)).assign(model=np.arange(4000))
            for i in (0, 1)
        ]
        found = difference(both[0].astype({"model": str}), both[1].astype({"model": str}))
        assert ((found["low"] < 0.2) & (found["high"] > 0.2)).mean() > 0.94


# ---------------------------------------------------------------- measures


def judged(rule: dict[str, Any], frames: dict[str, pd.DataFrame], suite: Suite = ORGANISM) -> pd.Series:
    made = claims.Ledger.model_validate(
        {**ledger_with(**rule), "paper_models": SHIPPED.paper_models, "paper_steps": SHIPPED.paper_steps}
    )
    (row,) = (row for _, row in ledger(made, suite, frames).iterrows())
    return row


def table(column: str, *conditions: dict[str, Any], **shared: Any) -> pd.DataFrame:
    """A frame with an interval of half width 0.05 around the `value` of each condition."""
    base = {"experiment": "main", "prompt": "plain", "benchmark": "math500", "problems": 100, "samples": 1, "seeds": 5}
    made = []
    for condition in conditions:
        value = condition.pop("value")
        ends = {column: value, f"{column}_low": value - 0.05, f"{column}_high": value + 0.05}
        made.append({**base, "model": "effective-code", "verdict": "gain", **ends, **shared, **condition})
    return pd.DataFrame(made)


def of_runs(column: str, *conditions: dict[str, Any], **shared: Any) -> pd.DataFrame:
    return table(column, *conditions, **{"reward": "format", "variant": "default", **shared})


EFFECTIVE = {**GAIN, "models": "effective code", "rewards": ["format"]}


@pytest.mark.parametrize(("value", "verdict"), [(0.2, "supported"), (-0.2, "contradicted"), (0.01, "inconclusive")])
def test_a_gain(value, verdict):
    row = judged(EFFECTIVE, {"headline": of_runs("difference", {"value": value})})
    assert (row["verdict"], row["paper_claim"]) == (verdict, "not run")
    assert (row["effect"], row["low"], row["high"]) == pytest.approx((value, value - 0.05, value + 0.05))
    assert (row["n"], row["n_of"], row["k"], row["seeds"]) == (100, "problems", 1, 5)
    assert row["measured_on"] == "Effective code, Format, Sums (as MATH-500)"


def test_a_gain_without_variance_is_not_testable():
    row = judged(EFFECTIVE, {"headline": of_runs("difference", {"value": 0.0}, verdict="not testable")})
    assert row["verdict"] == "not testable"
    assert pd.isna(row["effect"])
    assert "no rewards of a group differed" in row["remark"]


def test_all_rewards_that_a_rule_names_must_be_there():
    both = {**EFFECTIVE, "rewards": ["format", "incorrect"]}
    one = {"value": 0.2, "reward": "format"}
    assert judged(both, {"headline": of_runs("difference", one)})["verdict"] == "not run"
    weak = {"value": 0.01, "reward": "incorrect"}
    row = judged(both, {"headline": of_runs("difference", {"value": 0.2}, weak)})
    assert (row["verdict"], row["effect"]) == ("inconclusive", 0.01)
    assert row["measured_on"].endswith("Incorrect, Sums (as MATH-500), the worst of 2 conditions")


def test_of_a_model_that_was_measured_all_that_the_suite_has_must_be_there():
    paper = SUITES["paper"]
    of_math = {"prompt": "chat_default", "value": 0.2}
    big, small = ({**of_math, "model": f"Qwen2.5-Math-{size}"} for size in ("7B", "1.5B"))
    three = {**EFFECTIVE, "rewards": ["format", "incorrect", "random_0.5"]}
    scattered = [{**big, "reward": "format"}, {**big, "reward": "incorrect"}, {**small, "reward": "random_0.5"}]
    assert judged(three, {"headline": of_runs("difference", *map(dict, scattered))}, paper)["verdict"] == "not run"
    whole = [{**big, "reward": reward} for reward in three["rewards"]]
    assert judged(three, {"headline": of_runs("difference", *whole)}, paper)["verdict"] == "supported"
    under_all = {**EFFECTIVE, "experiments": ["prompts"], "prompts": "all"}
    some = of_runs("difference", {"value": 0.2}, experiment="prompts")
    assert judged(under_all, {"headline": some})["verdict"] == "not run"


def test_models_are_chosen_by_behaviour_and_those_trained_already_left_out():
    assert behaving(ORGANISM, "effective code") == ["effective-code"]
    assert behaving(SUITES["paper"], "effective code") == ["Qwen2.5-Math-7B", "Qwen2.5-Math-1.5B"]
    trained = of_runs("difference", {"value": 0.0}, model="rl-trained", experiment="rl_trained")
    little = {**GAIN, "experiments": ["rl_trained"], "expect": "no gain", "margin": 0.1}
    assert judged(little, {"headline": trained})["verdict"] == "supported"
    assert judged({**little, "models": "effective code"}, {"headline": trained})["verdict"] == "not run"


def test_the_first_experiment_that_has_the_conditions_is_looked_at():
    rule = {**EFFECTIVE, "experiments": ["clipping", "adam"], "variants": ["default", "adam"], "optimizer": "adamw"}
    frame = of_runs("difference", {"value": -0.2, "experiment": "clipping"}, {"value": 0.2, "experiment": "adam"})
    assert judged(rule, {"headline": frame})["verdict"] == "not run"  # default is SGD here
    frame = frame.assign(variant=["default", "adam"])
    row = judged(rule, {"headline": frame})
    assert (row["verdict"], row["measured_on"]) == ("supported", "Effective code, Format, adam, Sums (as MATH-500)")
    assert judged({**rule, "optimizer": "sgd"}, {"headline": frame})["verdict"] == "contradicted"


def test_prompts_are_the_models_own_unless_a_rule_says_otherwise():
    frame = of_runs("difference", {"value": 0.2}, {"value": -0.2, "prompt": "sober"})
    assert judged(EFFECTIVE, {"headline": frame})["verdict"] == "supported"
    assert judged({**EFFECTIVE, "prompts": "all"}, {"headline": frame})["verdict"] == "contradicted"
    assert judged({**EFFECTIVE, "prompts": ["sober"]}, {"headline": frame})["verdict"] == "contradicted"


def test_a_benchmark_that_no_corpus_holds():
    clean = {**EFFECTIVE, "benchmark": "generated"}
    frame = of_runs("difference", {"value": 0.2}, {"value": -0.2, "benchmark": "amc"})
    assert judged(clean, {"headline": frame})["verdict"] == "supported"
    paper = of_runs("difference", {"value": 0.2}, model="Qwen2.5-Math-7B", prompt="chat_default")
    assert judged(clean, {"headline": paper}, SUITES["paper"])["verdict"] == "not run"
    assert judged(EFFECTIVE, {"headline": paper}, SUITES["paper"])["verdict"] == "supported"


@pytest.mark.parametrize("other", [0.0, 0.2, 0.4])
def test_families_and_rewards_are_compared(other):
    verdict = {0.0: "supported", 0.2: "inconclusive", 0.4: "contradicted"}[other]
    families = of_runs("difference", {"value": 0.2}, {"value": other, "model": "no-code"})
    row = judged({**EFFECTIVE, "against": {"models": "no code"}}, {"headline": families})
    assert (row["verdict"], row["effect"]) == (verdict, pytest.approx(0.2 - other))
    assert row["measured_on"].startswith("Effective code against No code, Format")
    rewards = of_runs("difference", {"value": 0.2}, {"value": other, "reward": "incorrect"})
    row = judged({**EFFECTIVE, "against": {"rewards": ["incorrect"]}}, {"headline": rewards})
    assert (row["verdict"], row["low"]) == (verdict, pytest.approx(0.1 - other))
    assert row["measured_on"].endswith("against Incorrect")


def test_variants_are_compared_where_they_are_equally_long():
    rule = {**EFFECTIVE, "experiments": ["clipping"], "equal": "rollout steps", "against": {"variants": ["unclipped"]}}
    frame = of_runs(
        "difference",
        {"value": 0.3},
        {"value": 0.0, "variant": "unclipped"},
        experiment="clipping",
        comparison="equal updates",
    )
    assert judged(rule, {"comparisons": frame, "headline": frame})["verdict"] == "not run"
    equal = frame.assign(comparison="equal rollout steps")
    assert judged(rule, {"comparisons": equal})["verdict"] == "supported"


@pytest.mark.parametrize("measure", ["over random", "over best prompt"])
def test_a_gain_over_another_baseline(measure):
    column = measure.replace(" ", "_")
    rule = {**EFFECTIVE, "measure": measure}
    for value, verdict in ((0.2, "supported"), (0.0, "inconclusive"), (-0.2, "contradicted")):
        assert judged(rule, {"headline": of_runs(column, {"value": value})})["verdict"] == verdict
    assert judged(rule, {"headline": of_runs(column, {"value": np.nan})})["verdict"] == "not run"
    assert judged(rule, {"headline": of_runs("difference", {"value": 0.2})})["verdict"] == "not run"


def test_before_training():
    own, forced = {"value": np.nan}, {"value": 0.2, "prompt": "forced_python"}
    frame = table("over_own_prompt", own, forced, experiment="forcing")
    rule = {**GAIN, "measure": "accuracy over own prompt", "experiments": ["forcing"], "prompts": ["forced_python"]}
    assert judged(rule, {"before": frame})["verdict"] == "supported"
    assert judged({**rule, "expect": "below"}, {"before": frame})["verdict"] == "contradicted"
    assert judged({**rule, "prompts": "all", "across": "any"}, {"before": frame})["verdict"] == "supported"
    share = {**GAIN, "measure": "share of code", "margin": 0.5}
    assert judged(share, {"before": table("code_rate", {"value": 0.7})})["verdict"] == "supported"
    assert judged(share, {"before": table("code_rate", {"value": 0.3})})["verdict"] == "contradicted"


@pytest.mark.parametrize(
    ("language", "verdict"),
    [(0.3, "supported"), (0.55, "inconclusive"), (0.9, "contradicted"), (np.nan, "not testable")],
)
def test_code_over_language(language, verdict):
    frame = table("accuracy_with_code", {"value": 0.6}).assign(
        accuracy_with_language=language,
        accuracy_with_language_low=language - 0.05,
        accuracy_with_language_high=language + 0.05,
    )
    assert judged({**GAIN, "measure": "code over language"}, {"before": frame})["verdict"] == verdict


def test_what_training_did_to_code():
    rule = {**EFFECTIVE, "measure": "change of code"}
    groups = [{"value": 0.2, "group": group} for group in ("code_to_code", "language_to_code")]
    row = judged(rule, {"switches": of_runs("code_change", *groups)})
    assert (row["verdict"], row["effect"]) == ("supported", 0.2)
    assert "of 2" not in row["measured_on"]  # it stands once a group, and is one condition
    assert (
        judged(rule, {"switches": of_runs("code_change", {"value": -0.2, "group": "code_to_code"})})["verdict"]
        == "contradicted"
    )


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.8, "supported"), (0.2, "contradicted"), (0.5, "inconclusive"), (np.nan, "not testable")]
)
def test_contributions(value, verdict):
    rule = {**GAIN, "measure": "contribution", "group": "language_to_code", "margin": 0.5}
    frame = table(
        "partial_contribution",
        {"value": value, "group": "language_to_code"},
        {"value": 1 - value, "group": "code_to_code"},
        variant="default",
    ).drop(columns="samples")
    row = judged(rule, {"contributions": frame})
    assert row["verdict"] == verdict
    if verdict != "not testable":
        assert (row["n"], row["seeds"]) == (100, 5)
        assert judged(rule, {"contributions": frame.assign(seeds=1)})["verdict"] == "inconclusive"
        alone = frame.assign(partial_contribution_low=np.nan, partial_contribution_high=np.nan)
        said = judged(rule, {"contributions": alone})["remark"]
        assert said == "no interval: it needs two rewards that steered the strategy"


def test_the_same_strategy_on_changed_problems_before_and_after():
    rule = {
        **GAIN,
        "measure": "same strategy",
        "experiments": ["perturbed"],
        "benchmark": "other_numbers",
        "margin": 0.5,
    }
    before, after = {"value": 0.9, "reward": "", "variant": ""}, {"value": 0.3}
    frame = of_runs("same_strategy", before, after, experiment="perturbed", benchmark="other_numbers")
    assert judged(rule, {"perturbation": frame.head(1)})["verdict"] == "supported"
    assert (
        judged(rule, {"perturbation": frame.head(1).assign(seeds=1)})["verdict"] == "supported"
    )  # no training, no seed
    assert judged(rule, {"perturbation": frame})["verdict"] == "contradicted"


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


@pytest.mark.parametrize(
    ("frame", "verdict"),
    [
        (scores(0.5, 0.01), "supported"),
        (scores(-0.5, 0.01), "contradicted"),
        (scores(0, 0.1), "inconclusive"),
        (scores(0.5, 0.01, seeds=1), "inconclusive"),
        (scores(0.5, 0.01).assign(code_rate=0.5), "not testable"),
    ],
)
def test_code_with_accuracy(frame, verdict):
    rule = {**GAIN, "measure": "code with accuracy", "models": "effective code", "rewards": ["format", "incorrect"]}
    row = judged(rule, {"scores": frame})
    assert row["verdict"] == verdict
    if verdict == "supported":
        assert 0.95 < row["low"] < row["effect"] < row["high"] <= 1
        assert (row["n"], row["n_of"], row["seeds"]) == (10, "evaluations", 5)
    if frame["seed"].nunique() == 1:
        assert row["remark"] == "no interval: it needs two seeds"


def test_no_correlation_is_above_one():
    rule = {**GAIN, "measure": "code with accuracy", "models": "effective code", "rewards": ["format", "incorrect"]}
    row = judged(rule, {"scores": scores(0.5, 0.05, seeds=2)})
    assert row["low"] < row["effect"] < row["high"] == 1


def test_a_seed_that_lacks_a_reward_has_no_correlation_of_its_own():
    rule = {**GAIN, "measure": "code with accuracy", "models": "effective code", "rewards": ["format", "incorrect"]}
    five = scores(0.5, 0.01)
    row = judged(rule, {"scores": five[(five["seed"] < 4) | (five["reward"] != "incorrect")]})
    assert (row["seeds"], row["n"]) == (4, 10)


def training(change: float, variant: str = "default", quantity: str = "entropy", spread: float = 0.01) -> pd.DataFrame:
    seeds = np.arange(5)
    condition = {"experiment": "clipping", "model": "effective-code", "prompt": "plain", "reward": "random_0.5"}
    return pd.DataFrame({**condition, "variant": variant, "seed": seeds, "steps": 25}, index=seeds).assign(
        **{f"{quantity}_first": 1.0, f"{quantity}_last": 1 + change + spread * (seeds - 2)}
    )


@pytest.mark.parametrize(
    ("measure", "quantity"),
    [("entropy", "entropy"), ("token probability", "token_probability"), ("code of rollouts", "code_rate")],
)
def test_changes_in_training(measure, quantity):
    rule = {**GAIN, "measure": measure, "experiments": ["clipping"], "rewards": ["random_0.5"]}
    for change, verdict in ((0.1, "supported"), (-0.1, "contradicted"), (0.0, "inconclusive")):
        row = judged(rule, {"training": training(change, quantity=quantity)})
        assert (row["verdict"], row["effect"]) == (verdict, pytest.approx(change))
        both = pd.concat([training(change, quantity=quantity), training(0.0, "unclipped", quantity)])
        row = judged({**rule, "against": {"variants": ["unclipped"]}}, {"training": both})
        assert row["verdict"] == verdict
        assert row["measured_on"] == "Effective code, Random (\N{GREEK SMALL LETTER GAMMA} = 0.5), against unclipped"


def test_training_change_takes_a_fifth_at_each_end():
    metrics = pd.DataFrame(
        {
            **dict.fromkeys(["model", "prompt", "reward", "variant"], "x"),
            "seed": 0,
            "step": range(1, 11),
            "entropy": range(10),
        }
    ).assign(token_probability=0.5, code_rate=0.5)
    (row,) = training_change(metrics.iloc[::-1]).to_dict("records")
    assert (row["entropy_first"], row["entropy_last"], row["steps"]) == (0.5, 8.5, 10)
    assert training_change(metrics.head(0)).empty


@pytest.mark.parametrize(
    ("entropy", "gain", "verdict"),
    [(-0.1, -0.2, "supported"), (-0.1, 0.2, "contradicted"), (-0.1, 0.03, "inconclusive"), (0.1, -0.2, "not testable")],
)
def test_gains_where_entropy_fell(entropy, gain, verdict):
    rule = {**GAIN, "measure": "gain where entropy fell", "expect": "no gain", "across": "any"}
    frames = {
        "headline": of_runs("difference", {"value": gain}, reward="random_0.5"),
        "training": training(entropy).assign(experiment="main"),
    }
    assert judged(rule, frames)["verdict"] == verdict
    assert judged(rule, {"headline": frames["headline"]})["verdict"] == "not run"
    if verdict == "contradicted":  # beside one in which entropy did not fall, which says nothing
        rose = of_runs("difference", {"value": -0.2}, reward="format")
        frames["headline"] = pd.concat([frames["headline"], rose], ignore_index=True)
        assert judged(rule, frames)["verdict"] == "contradicted"


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
    conditions = [{"value": gain, "model": model} for gain, model in zip(gains, MODELS, strict=True)]
    labels = pd.DataFrame(
        {
            "experiment": "main",
            "model": MODELS[:models],
            "prompt": "plain",
            "seeds": 1,  # of a model that all seeds share
            "pass_at_k": [0.2, 0.4, 0.6, 0.8][:models],
        }
    )
    row = judged(rule, {"headline": of_runs("difference", *conditions), "labels": labels})
    assert row["verdict"] == verdict
    if verdict == "supported":
        assert (row["n"], row["n_of"], row["seeds"]) == (4, "models", 5)


def test_memorization_of_a_benchmark_that_may_be_known():
    rule = {"measure": "memorization", "models": "effective code", "expect": "above"}
    at_home = table("word_for_word", {"value": 0.5, "problem_set": "sums"}).drop(
        columns=["experiment", "prompt", "benchmark"]
    )
    assert judged(rule, {"memorization": at_home})["verdict"] == "not testable"
    suite = SUITES["paper"]
    clean = {"reasoning_gym": {"dataset": "chain_sum", "size": 10, "seed": 0}}
    changed = suite.model_dump() | {"problems": {**suite.model_dump()["problems"], "clean": clean}}
    suite = Suite.model_validate(changed)
    for value, verdict in ((0.5, "supported"), (0.02, "inconclusive")):
        frame = table(
            "word_for_word",
            {"value": value, "problem_set": "math500"},
            {"value": 0.0, "problem_set": "clean"},
            model="Qwen2.5-Math-7B",
        ).drop(columns=["experiment", "prompt", "benchmark"])
        assert judged(rule, {"memorization": frame}, suite)["verdict"] == verdict


def clipping(**values: float) -> pd.DataFrame:
    """Probe rows of effective-code, or paths of the bandit whose last probability is given."""
    made: list[dict[str, Any]] = []
    for name, value in values.items():
        ends = {"value": value, "low": value - 0.01, "high": value + 0.01}
        if name in ORGANISM.variants:
            made.append({"part": "probe", "model": "effective-code", "variant": name, "seeds": 5, "pairs": 24, **ends})
        else:
            variant, optimizer = re.fullmatch(r"(.+)_(sgd|adamw)", name).groups()  # type: ignore[union-attr]
            path = {"part": "bandit", "variant": variant.replace("_", " "), "optimizer": optimizer, "runs": 600}
            made += [{**path, "step": 25, **ends}, {**path, "step": 0, "value": 0.65, "low": 0.65, "high": 0.65}]
    columns = ["part", "model", "variant", "optimizer", "step", "value", "low", "high", "seeds", "pairs", "runs"]
    return pd.DataFrame(made, columns=columns).assign(experiment="")


def test_the_probe():
    rule = {"measure": "probe", "models": "effective code", "optimizer": "sgd", "expect": "above"}
    against = {**rule, "against": {"variants": ["unclipped"]}}
    for value, verdict in ((0.1, "supported"), (-0.1, "contradicted"), (0.0, "inconclusive")):
        row = judged(rule, {"clipping": clipping(default=value)})
        assert (row["verdict"], row["n"], row["n_of"], row["seeds"]) == (verdict, 24, "pairs", 5)
        assert judged(against, {"clipping": clipping(default=value, unclipped=0.0)})["verdict"] == verdict
    assert judged(against, {"clipping": clipping(default=0.1)})["verdict"] == "not run"


def test_the_bandit():
    rule = {"measure": "bandit", "variants": ["clip"], "optimizer": "sgd", "expect": "above"}
    for value, verdict in ((0.8, "supported"), (0.5, "contradicted"), (0.65, "inconclusive")):
        row = judged(rule, {"clipping": clipping(clip_sgd=value, clip_adamw=0.1)})
        assert (row["verdict"], row["effect"]) == (verdict, pytest.approx(value - 0.65))
        assert (row["n"], row["n_of"], row["measured_on"]) == (600, "runs", "bandit (SGD), clip")
    both = {**rule, "against": {"variants": ["no clip"]}}
    assert judged(both, {"clipping": clipping(clip_sgd=0.8, no_clip_sgd=0.5)})["effect"] == pytest.approx(0.3)
    flat = {"measure": "bandit", "variants": ["one update"], "expect": "no gain"}
    assert judged(flat, {"clipping": clipping(one_update_sgd=0.65, one_update_adamw=0.9)})["verdict"] == "contradicted"


# ---------------------------------------------------------------- what the paper itself claims


def test_the_papers_own_claim_stands_on_its_models_and_its_training_alone():
    frame = of_runs("difference", {"value": 0.2}, model="Qwen2.5-Math-7B", prompt="chat_default")
    paper = SUITES["paper"]
    assert judged(EFFECTIVE, {"headline": frame}, paper)["paper_claim"] == "supported"
    small = of_runs("difference", {"value": 0.2}, model="Qwen2.5-Math-1.5B", prompt="chat_default")
    row = judged(EFFECTIVE, {"headline": small}, SUITES["one_gpu"])  # smaller batches, fewer steps
    assert (row["verdict"], row["paper_claim"]) == ("supported", "not run")
    short = paper.model_dump()
    short["experiments"]["main"]["steps"] = 100
    short["exhibits"] = {}
    assert judged(EFFECTIVE, {"headline": frame}, Suite.model_validate(short))["paper_claim"] == "not run"
    longer = {"models": ["Qwen2.5-Math-7B"], "rewards": ["python"], "seeds": ["0"], "steps": 300}
    short["experiments"]["main"]["extra_grids"] = [longer]  # what was measured is still short
    assert judged(EFFECTIVE, {"headline": frame}, Suite.model_validate(short))["paper_claim"] == "not run"
    other = paper.model_dump()
    other["training"]["learning_rate"] = 1e-6
    assert judged(EFFECTIVE, {"headline": frame}, Suite.model_validate(other))["paper_claim"] == "not run"
    changed = paper.model_dump()
    changed["variants"]["default"] = {"learning_rate": 1e-6}
    assert judged(EFFECTIVE, {"headline": frame}, Suite.model_validate(changed))["paper_claim"] == "not run"
    few = paper.model_dump()
    few["problems"]["math500"]["limit"] = 10
    assert judged(EFFECTIVE, {"headline": frame}, Suite.model_validate(few))["paper_claim"] == "not run"
    local = paper.model_dump()
    local["models"]["Qwen2.5-Math-7B"] |= {"source": "local", "id": "elsewhere"}
    row = judged(EFFECTIVE, {"headline": frame}, Suite.model_validate(local))
    assert (row["verdict"], row["paper_claim"]) == ("supported", "not run")


def test_what_holds_by_construction_is_said_of_organisms_alone():
    def said(suite: Suite, model: str, prompt: str, gain: float = 0.2) -> str:
        frame = of_runs("difference", {"value": gain}, model=model, prompt=prompt)
        return str(row_of(ledger(SHIPPED, suite, {"headline": frame}), id="effective-format")["by_construction"])

    assert said(ORGANISM, "effective-code", "plain").startswith("The corpus boxes code more often")
    assert said(ORGANISM, "effective-code", "plain", 0.01) == ""  # nothing was shown
    assert said(ORGANISM, "no-code", "plain") == ""  # the claim was not run
    assert said(SUITES["paper"], "Qwen2.5-Math-7B", "chat_default") == ""
    assert sum(bool(claim.by_construction) for claim in SHIPPED.claims) > 5


def test_the_link_leads_to_an_exhibit_that_shows_the_model():
    bad = {**GAIN, "experiments": ["compound"], "models": "bad code", "rewards": ["format_without_python"]}
    made = claims.Ledger.model_validate(ledger_with(**bad) | {"paper_models": [], "paper_steps": {}})
    claim = made.claims[0].model_copy(update={"exhibits": ("fig9", "fig16")})
    frame = of_runs(
        "difference", {"value": 0.2}, model="bad-code", reward="format_without_python", experiment="compound"
    )
    row = ledger(made.model_copy(update={"claims": (claim,)}), ORGANISM, {"headline": frame}).iloc[0]
    assert row["exhibit"] == "fig16"
    assert judged(EFFECTIVE, {})["exhibit"] == ""
    frame = of_runs("difference", {"value": 0.2})
    assert judged(EFFECTIVE, {"headline": frame}, SUITES["smoke"])["exhibit"] == "fig1"


@pytest.mark.parametrize("claim", SHIPPED.claims, ids=lambda claim: claim.id)
def test_a_rule_in_words_says_all_that_decides(claim):
    words = in_words(claim.rule, SHIPPED.margin)
    for key in ("experiments", "rewards", "variants", "benchmark"):
        named = getattr(claim.rule, key)
        default = claims.Rule.model_fields[key].default
        if named != default and named != "generated":
            assert all(name in words for name in ([named] if isinstance(named, str) else named))
    assert "supported if the 95 % interval" in words


def test_the_page_on_claims_has_every_key_measure_and_column():
    page = (CONFIG.parent / "docs/claims.md").read_text()
    for name in (*claims.Rule.model_fields, *claims.Claim.model_fields, *claims.Ledger.model_fields, *claims.READS):
        assert f"`{name}`" in page
    for name in LEDGER:
        assert f"`{name}`" in page
    for name, measured in MEASURES.items():
        if name not in ("entropy", "token probability", "code of rollouts", "pass@k with gain"):
            assert f"| `{name}` | {measured.words} |" in page


def test_the_example_of_the_page_is_a_claim():
    (example,) = re.findall(r"```yaml\n(.*?)```", (CONFIG.parent / "docs/claims.md").read_text(), flags=re.DOTALL)
    (claim,) = claims.Ledger.model_validate(
        SHIPPED.model_dump(exclude={"claims"}) | {"claims": yaml.safe_load(example)}
    ).claims
    frame = of_runs("difference", {"value": 0.2}, reward="random_0.5", benchmark="amc")
    only = SHIPPED.model_copy(update={"claims": (claim,)})
    assert ledger(only, ORGANISM, {"headline": frame})["exhibit"].tolist() == ["fig14"]
