"""Complaints about wrong ledgers of claims."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from invented_claims import GAIN, ledger_with

from spurious_rewards.config import claims
from spurious_rewards.runtime.errors import UserError


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
        (
            {**GAIN, "group": "language_to_code"},
            "claims.0.rule: measure gain does not read group; it reads before, benchmark,",
        ),
        ({"measure": "gain", "expect": "above"}, "claims.0.rule: measure gain needs experiments"),
        (
            {"measure": "bandit", "expect": "above", "against": {"models": "no code"}},
            "measure bandit does not read models",
        ),
        (
            {**GAIN, "where": [{"measure": "entropy", "expect": "below", "benchmark": "amc"}]},
            "measure entropy does not read benchmark",
        ),
        (
            {**GAIN, "where": [{"measure": "contribution", "expect": "above"}]},
            "where cannot look at measure contribution",
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


def test_every_unit_needs_the_smallest_effect_that_matters(tmp_path):
    few = ledger_with(**GAIN)
    few["smallest"] = {unit: effect for unit, effect in few["smallest"].items() if unit != "nats"}
    assert "smallest lacks nats; give the smallest effect that matters in each unit" in complaint(tmp_path, few)
    few["smallest"] |= {"nats": 0}
    assert "smallest.nats" in complaint(tmp_path, few)
