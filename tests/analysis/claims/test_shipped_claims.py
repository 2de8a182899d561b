"""The ledger that ships: that its rules name what suites have, and that its words and pages say all that decides."""

import re
from typing import get_args

import pytest
import yaml
from invented_claims import CONFIG, ORGANISM, PAPER, SHIPPED, SUITES, of_runs

from spurious_rewards.analysis.claims.ledger import LEDGER, ledger
from spurious_rewards.analysis.claims.measures import MEASURES
from spurious_rewards.analysis.claims.words import in_words
from spurious_rewards.config import claims
from spurious_rewards.config.settings import Settings
from spurious_rewards.stages import claims as claims_stage
from spurious_rewards.stages.claims import ClaimsJob
from spurious_rewards.stages.study import Study


def test_there_are_at_least_twenty_claims_each_with_its_own_id():
    ids = [claim.id for claim in SHIPPED.claims]
    assert len(ids) == len(set(ids)) >= 20


def test_every_exhibit_is_one_of_the_organism_or_the_paper_suite():
    known = ORGANISM.exhibits.keys() | PAPER.exhibits.keys()
    assert {name for claim in SHIPPED.claims for name in claim.exhibits} <= known


def test_rules_name_what_suites_have():
    both = ORGANISM, PAPER
    for claim in SHIPPED.claims:
        others = [*claim.rule.where, *filter(None, [claim.rule.against])]
        for each in (claim.rule, *others):
            assert not each.experiments or any(set(each.experiments) & suite.experiments.keys() for suite in both)
            assert set(each.rewards) <= both[0].rewards.keys()
            assert each.benchmark in {None, "generated", *both[0].benchmarks}


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
    assert len(job) + sum(len(str(path)) + 3 for path in paths) < 120_000  # Linux: 131,072 an argument


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
    }


def test_what_no_suite_can_have_says_so():
    found = ledger(SHIPPED, ORGANISM, {}, PAPER).set_index("id")
    cannot = found.index[found["verdict"] == "cannot run"]
    assert set(cannot) == {"clip-high-lowers-entropy", "clip-low-raises-entropy"}


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


PAGE = (CONFIG.parent / "docs/claims.md").read_text()


def test_the_page_on_claims_has_every_key_measure_and_column():
    for name in (*claims.Rule.model_fields, *claims.Claim.model_fields, *claims.Ledger.model_fields, *claims.READS):
        assert f"`{name}`" in PAGE
    for name in (*LEDGER, *claims.Others.model_fields, *get_args(claims.Unit)):
        assert f"`{name}`" in PAGE
    for name, measured in MEASURES.items():
        assert f"| `{name}` | {measured.words} |" in PAGE


def test_the_page_has_the_smallest_effects():
    for unit, effect in SHIPPED.smallest.items():
        assert f"| `{unit}` | {effect:g} |" in PAGE


def test_the_example_of_the_page_is_a_claim():
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    whole = SHIPPED.model_dump(exclude={"claims"}) | {"claims": yaml.safe_load(example)}
    frames = of_runs({"gain": 0.2}, reward="random_0.5", benchmark="amc")
    assert ledger(claims.Ledger.model_validate(whole), ORGANISM, frames, PAPER)["exhibit"].tolist() == ["fig14"]
