"""Where nothing was learned the ledger finds nothing beyond chance; and it does where its guards are taken out."""

from collections.abc import Collection

import pandas as pd
import pytest
from studies import REGIMES, Regime, found_by_chance, shipped

from spurious_rewards.analysis.claims import against_untrained, verdicts


def judged(regime: Regime, studies: int, ids: Collection[str] = ()) -> pd.DataFrame:
    """Of some claims, or of those on the experiments of the most; of models whose code is effective and of those without."""
    suite, rules, paper = shipped()
    names = {"main", "untrained", "gamma", "clipping"}
    chosen = [claim for claim in rules.claims if (claim.id in ids if ids else set(claim.rule.experiments) & names)]
    named = {name for claim in chosen for name in claim.rule.experiments} if ids else names
    experiments = {
        name: each.of_models([model for model in ("effective-code", "no-code") if model in each.all_models])
        for name, each in suite.experiments.items()
        if name in named | {"gamma", "main"}
    }
    small = suite.model_copy(update={"experiments": experiments})
    only = rules.model_copy(update={"claims": tuple(chosen)})
    return found_by_chance(small, only, paper, regime, studies).set_index("measure")


@pytest.mark.parametrize("regime", REGIMES)
def test_the_ledger_finds_nothing_beyond_chance(regime):
    found = judged(REGIMES[regime], studies=2)
    assert (found["found"] <= found["bound"]).all()
    assert found.loc["all", "claims"] > 20


def test_measured_against_its_own_beginning_every_policys_entropy_changes(monkeypatch):
    """The last steps have other prompts than the first, whatever was learned."""
    of_training = ["clip-lowers-entropy", "token-probability-rises"]
    assert judged(REGIMES["relabelled"], 8, of_training).loc["all", "found"] == 0
    first = pd.DataFrame({"seed": range(10), "entropy_last": 0.4, "token_probability_last": 0.85})
    monkeypatch.setattr(against_untrained, "_untrained", lambda *_: first)
    found = judged(REGIMES["relabelled"], 8, of_training)
    assert found.loc["all", "found"] > found.loc["all", "bound"]


def test_where_one_seed_decides_chance_finds_a_lot(monkeypatch):
    ids = ["correct-beats-random", "dummy-baselines", "effective-random", "none-random", "gamma-0.7", "gamma-0.3"]
    apart = Regime("seeds that differ much, one of the random rewards", lambda of: of.normal(0, 0.2), one_random=True)
    assert judged(apart, 6, ids)["found"].sum() == 0
    monkeypatch.setattr(verdicts, "alone", lambda *_: False)
    found = judged(apart, 6, ids)
    assert found.loc["all", "found"] > found.loc["all", "bound"]
