"""The claims ledger: its columns, the count of findings, marks of what holds by construction, and its links."""

import pandas as pd
from invented import row_of
from invented_claims import EFFECTIVE, GAIN, ORGANISM, PAPER, SHIPPED, SUITES, judged, ledger_with, of_runs

from spurious_rewards.analysis.claims.ledger import LEDGER, counts, ledger
from spurious_rewards.config import claims
from spurious_rewards.config.suite import Suite


def of_rules(*rules: dict[str, object], frames: dict[str, pd.DataFrame], **claim: object) -> pd.DataFrame:
    made = [{**ledger_with(**rule)["claims"][0], "id": f"claim-{n}", **claim} for n, rule in enumerate(rules)]
    whole = claims.Ledger.model_validate({"smallest": SHIPPED.smallest, "claims": made})
    return ledger(whole, ORGANISM, frames, PAPER)


def test_without_numbers_every_claim_is_not_run_and_says_why():
    found = ledger(SHIPPED, SUITES["small"], {}, PAPER)
    assert list(found.columns) == list(LEDGER)
    assert set(found["verdict"]) <= {"not run", "cannot run"}
    of_paper = [claim.of_paper for claim in SHIPPED.claims]
    assert found["paper_claim"].tolist() == ["not run" if own else "" for own in of_paper]
    assert found["remark"].str.len().min() > 0
    assert row_of(found, id="bandit-sgd")["remark"].startswith("the suite has no such conditions")
    assert row_of(found, id="gamma-0")["remark"] == "the suite has no experiment gamma"
    assert row_of(found, id="effective-random")["remark"] == "the suite has no model with effective code"


def test_what_no_suite_can_have_cannot_run():
    found = of_rules({**EFFECTIVE, "variants": ["clip_high"]}, frames={}, cannot_run="The clip is symmetric.")
    assert (found["verdict"][0], found["remark"][0]) == ("cannot run", "The clip is symmetric.")
    assert counts(found) == "1 cannot run. Those with a verdict are 0 distinct findings."


def test_claims_with_the_same_measurements_are_one_finding():
    frames = of_runs({"gain": 0.2}, {"gain": 0.2, "experiment": "adam"}, {"gain": 0.2, "reward": "incorrect"})
    same, elsewhere = EFFECTIVE, {**EFFECTIVE, "experiments": ["adam"]}
    denied, other = {**EFFECTIVE, "expect": "no gain"}, {**EFFECTIVE, "rewards": ["incorrect"]}
    not_run = {**EFFECTIVE, "experiments": ["gamma"]}
    found = of_rules(same, elsewhere, denied, other, same, not_run, frames=frames)
    assert found["same_as"].tolist() == ["", "claim-0", "", "", "claim-0", ""]
    assert counts(found) == (
        "4 supported (0 by construction, 4 not), 1 contradicted, 1 not run. Those with a verdict are 3 distinct findings."
    )


def test_what_an_organism_was_made_to_show_is_counted_apart():
    frames = of_runs({"gain": 0.2}, {"gain": 0.0, "reward": "incorrect"})
    made = of_rules(
        EFFECTIVE, {**EFFECTIVE, "rewards": ["incorrect"]}, frames=frames, by_construction="The corpus says so."
    )
    assert made["by_construction"].tolist() == ["The corpus says so.", ""]  # a claim that is not supported gets no mark
    assert counts(made).startswith("1 supported (1 by construction, 0 not), 1 contradicted.")


def test_what_holds_by_construction_is_said_of_organisms_alone():
    def said(suite: Suite, model: str, prompt: str, gain: float = 0.2) -> str:
        frames = of_runs({"gain": gain}, model=model, prompt=prompt)
        return str(row_of(ledger(SHIPPED, suite, frames, PAPER), id="effective-format")["by_construction"])

    assert said(ORGANISM, "effective-code", "plain").startswith("The corpus makes code right and boxed more often")
    assert said(ORGANISM, "effective-code", "plain", 0.01) == ""  # the gain is too small, so nothing was shown
    assert said(ORGANISM, "no-code", "plain") == ""  # the claim was not run
    assert said(PAPER, "Qwen2.5-Math-7B", "chat_default") == ""


def test_a_correction_for_many_conditions_is_said():
    rule = {**GAIN, "across": "any"}
    row = judged(rule, of_runs({"gain": 0.2}, {"gain": 0.0, "reward": "incorrect"}))
    assert row["verdict"] == "supported"
    assert row["reading"].startswith("corrected for 2 conditions (Bonferroni): [18.")


def test_the_link_leads_to_an_exhibit_that_shows_the_model():
    bad = {**GAIN, "experiments": ["compound"], "models": "bad code", "rewards": ["format_without_python"]}
    frames = of_runs({"gain": 0.2}, model="bad-code", reward="format_without_python", experiment="compound")
    row = of_rules(bad, frames=frames, exhibits=["fig9", "fig16"]).iloc[0]
    assert row["exhibit"] == "fig16"
