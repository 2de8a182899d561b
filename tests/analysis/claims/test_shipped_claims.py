"""The shipped claims ledger: its rules name what suites define, and its texts and pages state all that decides."""

import re
from typing import get_args

import pytest
import yaml
from invented_claims import CONFIG, FOLLOWUPS, LAPTOP, LAPTOP_MORE, ORGANISM, PAPER, SHIPPED, SUITES, of_runs

from spurious_rewards.analysis.claims.conditions import planned
from spurious_rewards.analysis.claims.ledger import LEDGER, ledger
from spurious_rewards.analysis.claims.measures import MEASURES
from spurious_rewards.analysis.claims.words import in_words
from spurious_rewards.config import claims
from spurious_rewards.config.claims import READS
from spurious_rewards.config.settings import Settings
from spurious_rewards.stages import claims as claims_stage
from spurious_rewards.stages.claims import ClaimsJob
from spurious_rewards.stages.study import Study


def test_there_are_at_least_twenty_claims_each_with_its_own_id():
    ids = [claim.id for claim in SHIPPED.claims]
    assert len(ids) == len(set(ids)) >= 20


def test_every_exhibit_is_one_of_a_suite():
    known = {name for suite in (ORGANISM, PAPER, FOLLOWUPS, LAPTOP, LAPTOP_MORE) for name in suite.exhibits}
    assert {name for claim in SHIPPED.claims for name in claim.exhibits} <= known


def test_rules_name_what_suites_have():
    every = ORGANISM, PAPER, FOLLOWUPS, LAPTOP, LAPTOP_MORE
    for claim in SHIPPED.claims:
        others = [*claim.rule.where, *filter(None, [claim.rule.against])]
        for each in (claim.rule, *others):
            assert not each.experiments or any(set(each.experiments) & suite.experiments.keys() for suite in every)
            assert set(each.rewards) <= ORGANISM.rewards.keys() | FOLLOWUPS.rewards.keys()
            assert each.benchmark in {None, "generated", *(name for suite in every for name in suite.benchmarks)}
        if before := claim.rule.before:
            assert any(
                before.benchmark in suite.benchmarks_of(suite.experiments[before.experiment])
                for suite in every
                if before.experiment in suite.experiments
            )


def test_the_laptop_s_rules_are_of_its_two_suites_alone():
    rules = [claim.rule for claim in SHIPPED.claims if claim.id.startswith("laptop-")]
    for rule in rules:
        assert planned(rule, LAPTOP) or planned(rule, LAPTOP_MORE)
        for suite in (suite for name, suite in SUITES.items() if name not in ("laptop", "laptop_more")):
            if "benchmark" in READS[rule.measure]:
                assert rule.benchmark not in suite.benchmarks
            else:
                assert not set(rule.experiments) & suite.experiments.keys()


def test_each_reward_on_each_family_has_a_claim():
    judged = {(claim.rule.models, claim.rule.rewards) for claim in SHIPPED.claims}
    for models in ("effective code", "bad code", "no code"):
        for reward in ("ground_truth", "majority_vote", "incorrect", "format", "random_0.5", "python"):
            assert (models, (reward,)) in judged


def test_every_measure_is_used_and_can_be_worked_out():
    assert {claim.rule.measure for claim in SHIPPED.claims} == set(get_args(claims.Measure))
    assert MEASURES.keys() == claims.READS.keys() == set(get_args(claims.Measure))
    assert {measured.unit for measured in MEASURES.values()} == set(get_args(claims.Unit))


@pytest.mark.parametrize("name", SUITES)
def test_the_job_is_read_as_it_was_written_and_fits_on_a_command_line(name):
    study = Study(SUITES[name], Settings(), CONFIG / f"suites/{name}.yaml", CONFIG.parent)
    made = claims_stage.job(study, SHIPPED, PAPER)
    job = made.as_json()
    assert ClaimsJob.model_validate_json(job) == made
    assert made.paper.experiments == PAPER.experiments
    paths = claims_stage.numbers(study, SHIPPED)
    assert len(job) + sum(len(str(path)) + 3 for path in paths) < 120_000  # Linux allows 131,072 bytes per argument


def test_the_claims_read_the_runs_in_which_nothing_is_learned():
    study = Study(ORGANISM, Settings(), CONFIG / "suites/organism.yaml", CONFIG.parent)
    only = SHIPPED.model_copy(update={"claims": SHIPPED.claims[:1]})
    assert study.paths.experiment("gamma") / "training.csv" in claims_stage.numbers(study, only)


def test_marks_stand_where_the_families_were_tuned_to_show_it():
    marked = {claim.id for claim in SHIPPED.claims if claim.by_construction}
    tuned = {
        "code-leaves-bad",
        "switch-to-code",
        "switch-to-language",
        "clean-correct",
        "bad-format",
        "headline-families",
    }
    tuned |= {f"{family}-ground-truth" for family in ("effective", "bad", "none")} | {"code-rises-format"}
    tuned |= {f"none-{reward}" for reward in ("format", "random", "incorrect")}
    assert tuned <= marked
    assert not {"gamma-0", "code-rises"} & marked


def test_rules_that_presuppose_something_ask_for_it():
    presupposed = {
        claim.id: {where.measure for where in claim.rule.where} for claim in SHIPPED.claims if claim.rule.where
    }
    assert presupposed == {
        "python-more-code": {"change of code"},
        "without-code-format": {"gain"},
        "without-code-incorrect": {"gain"},
        "without-code-loses": {"gain"},
        "entropy-is-not-enough": {"entropy"},
        "coin-shrinks-coverage": {"coverage"},
    }


def test_rules_ask_for_what_their_sentences_say():
    rules = {claim.id: claim.rule for claim in SHIPPED.claims}
    elsewhere = rules["clean-elsewhere"]
    assert elsewhere.benchmark == "generated"
    assert elsewhere.against
    assert elsewhere.against.benchmark == "math500"
    assert elsewhere.expect == "below"
    assert [where.models for where in rules["python-more-code"].where] == [None, "placebo"]
    for name in ("format", "incorrect"):
        assert [where.rewards for where in rules[f"without-code-{name}"].where] == [(name,)]
    assert rules["other-numbers"].threshold == 0.6


def test_marks_say_what_decides():
    made = {claim.id: claim.by_construction for claim in SHIPPED.claims}
    assert "50.4 %" in made["code-common"]
    assert "other numbers leave the word as it is" in made["other-numbers"]


def test_what_no_suite_can_have_says_so():
    first, *others = SHIPPED.claims
    impossible = first.model_copy(update={"cannot_run": "Nothing can."})
    found = ledger(SHIPPED.model_copy(update={"claims": (impossible, *others)}), ORGANISM, {}, PAPER).set_index("id")
    assert set(found.index[found["verdict"] == "cannot run"]) == {first.id}


def test_rules_on_one_side_of_the_clip_are_of_variants_that_have_one_side():
    sides = {name: training.clip_sides for name, training in FOLLOWUPS.algorithms.items()}
    assert sides == {
        "default": (0.2, 0.2),
        "unclipped": (None, None),
        "clip_high": (None, 0.2),
        "clip_low": (0.2, None),
    }


def test_rules_on_kinds_of_error_compare_verifiers_of_the_same_j():
    for kind in ("positives", "negatives"):
        of_kind = [claim for claim in SHIPPED.claims if claim.id.startswith(f"noise-{kind}")]
        assert len(of_kind) == 2
        for claim in of_kind:
            named = [*claim.rule.rewards, *claim.rule.against.rewards]
            errors = [FOLLOWUPS.rewards[name].errors for name in named]
            assert len({round(sum(of), 9) for of in errors}) == 1
            assert errors[0] == tuple(reversed(errors[1]))


@pytest.mark.parametrize("claim", SHIPPED.claims, ids=lambda claim: claim.id)
def test_a_rule_in_words_says_all_that_decides(claim):
    words = in_words(claim.rule, SHIPPED.smallest)
    for each in (claim.rule, *claim.rule.where, *filter(None, [claim.rule.against])):
        for key in ("experiments", "rewards", "variants", "benchmark"):
            named = getattr(each, key)
            default = type(each).model_fields[key].default
            if named != default and named != "generated":
                assert all(name in words for name in ([named] if isinstance(named, str) else named))
    assert "supported if the 95 % interval" in words


PAGE = (CONFIG.parent / "docs/reference/claims.md").read_text()
HOW_TO = (CONFIG.parent / "docs/how-to/add-a-claim.md").read_text()


def test_the_page_on_claims_has_every_key_measure_and_column():
    for name in (*claims.Rule.model_fields, *claims.READS):
        assert f"`{name}`" in PAGE
    for name in claims.Ledger.model_fields:
        assert f"`{name}`" in PAGE + HOW_TO
    for name in (*LEDGER, *claims.Others.model_fields, *get_args(claims.Unit)):
        assert f"`{name}`" in PAGE
    for name, measured in MEASURES.items():
        assert f"| `{name}` | {measured.words} |" in PAGE


def test_the_page_has_the_smallest_effects():
    for unit, effect in SHIPPED.smallest.items():
        assert f"| `{unit}` | {effect:g} |" in PAGE


def test_the_page_on_adding_a_claim_has_every_key():
    for name in claims.Claim.model_fields:
        assert f"| `{name}` |" in HOW_TO


def test_the_example_of_the_page_on_adding_a_claim_is_one():
    (example,) = re.findall(r"```yaml\n(.*?)```", HOW_TO, flags=re.DOTALL)
    whole = SHIPPED.model_dump(exclude={"claims"}) | {"claims": yaml.safe_load(example)}
    frames = of_runs({"gain": 0.2}, reward="format", benchmark="amc")
    assert ledger(claims.Ledger.model_validate(whole), ORGANISM, frames, PAPER)["exhibit"].tolist() == ["fig14"]
