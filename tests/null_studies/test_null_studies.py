"""Where nothing was learned, the ledger finds nothing beyond chance; without its safeguards, it does."""

from collections.abc import Collection

import pandas as pd
import pytest
from studies import REGIMES, Regime, bounds, by_intervals_alone, decided, found_by_chance, judged, shipped

from spurious_rewards.analysis.claims import against_untrained, verdicts
from spurious_rewards.analysis.claims.measurement import Measurement


def found(regime: Regime, studies: int, ids: Collection[str] = ()) -> pd.DataFrame:
    """Return the findings by chance, by measure, in studies of one model with effective code and one without code.

    It judges the claims in `ids`. Without `ids` it judges the claims on the experiments that most claims use.
    """
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
    (ledgers,) = judged(small, [only], paper, regime, studies)
    return found_by_chance(only, ledgers).set_index("measure")


@pytest.mark.parametrize("regime", REGIMES)
def test_the_ledger_finds_nothing_beyond_chance(regime):
    table = found(REGIMES[regime], studies=2)
    assert (table["found"] <= table["bound"]).all()
    assert table.loc["all", "claims"] > 20


def test_measured_against_its_own_beginning_every_policys_entropy_changes(monkeypatch):
    """The last steps have other prompts than the first steps, so entropy differs even if nothing was learned."""
    of_training = ["clip-lowers-entropy", "token-probability-rises"]
    assert found(REGIMES["relabelled"], 8, of_training).loc["all", "found"] == 0
    first = pd.DataFrame({"seed": range(10), "entropy_last": 0.4, "token_probability_last": 0.85})
    monkeypatch.setattr(against_untrained, "_untrained", lambda *_: first)
    table = found(REGIMES["relabelled"], 8, of_training)
    assert table.loc["all", "found"] > table.loc["all", "bound"]


def test_where_one_seed_decides_chance_finds_a_lot(monkeypatch):
    ids = ["correct-beats-random", "dummy-baselines", "effective-random", "none-random", "gamma-0.7", "gamma-0.3"]
    apart = Regime("seeds that differ much, one of the random rewards", lambda of: of.normal(0, 0.2), one_random=True)
    assert found(apart, 12, ids)["found"].sum() == 0
    monkeypatch.setattr(verdicts, "alone", lambda *_: False)
    table = found(apart, 12, ids)
    assert table.loc["all", "found"] > table.loc["all", "bound"]


def test_where_code_is_right_more_often_accuracy_follows_it_by_the_draw_alone():
    """Findings of `code with accuracy` on newly drawn answers are no sign of training (docs/reference/claims.md)."""
    suite, rules, paper = shipped()
    main = suite.model_copy(update={"experiments": {"main": suite.experiments["main"]}})
    tracks = rules.model_copy(
        update={"claims": tuple(claim for claim in rules.claims if claim.id == "code-tracks-accuracy")}
    )
    unread = ("rates", "before", "training", "comparisons", "labels")
    for code_helps, beyond_chance in ((0.0, False), (0.4, True)):
        regime = Regime("sampled twice", code_helps=code_helps)
        (ledgers,) = judged(main, [tracks], paper, regime, 8, without=unread)
        table = found_by_chance(tracks, ledgers).set_index("measure")
        assert (table.loc["all", "found"] > table.loc["all", "bound"]) == beyond_chance


@pytest.mark.parametrize(
    ("width", "studies", "holds"),
    # Where only 2 % of the claims are decided, the lower bound reaches one decided claim with about 35 studies.
    [(1, 8, True), (0.5, 8, False), pytest.param(2, 35, False, marks=pytest.mark.rare)],
)
def test_where_no_smallest_effect_keeps_it_back_an_interval_lies_apart_from_0_as_often_as_it_says(
    monkeypatch, width, studies, holds
):
    """The test therefore detects intervals of half or twice the right width."""
    suite, rules, paper = shipped()
    kept = {name: suite.experiments[name] for name in ("main", "clipping", "compound", "untrained")}
    small = suite.model_copy(update={"experiments": kept})
    own = Measurement.interval

    def stretched(of: Measurement, confidence: float = 0.95) -> tuple[float, float]:
        low, high = own(of, confidence)
        return of.value - width * (of.value - low), of.value + width * (high - of.value)

    monkeypatch.setattr(Measurement, "interval", stretched)
    (apart,) = judged(
        small, [by_intervals_alone(rules)], paper, REGIMES["gaussian"], studies, without=("scores", "labels")
    )
    rows = decided(apart)
    fewest, most = bounds(len(rows))
    assert (fewest <= rows["decided"].sum() <= most) == holds
