"""The random reward as a test of contamination, on invented models whose corpus is known."""

from pathlib import Path

import numpy as np
import pytest
from invented import row_of
from invented_control import GAINS, completions, known, rates, suite, sums
from statsmodels.stats.proportion import proportion_confint

from spurious_rewards.analysis import control
from spurious_rewards.artifacts import csv_files
from spurious_rewards.config import claims

MODELS = ("effective-code-0", "no-code-0", "no-code-10", "no-code-100")


def made(models=MODELS, **keys):
    the_suite = suite()
    experiment = the_suite.experiments["control"].of_models(models)
    problems = {"sums": sums(), "reinforcement": sums("reinforcement")}
    answered = {model: completions(model) for model in models}
    return control.control(rates(models=models, **keys), the_suite, experiment, "math500", answered, problems)


@pytest.fixture(scope="module")
def found():
    return made()


def test_false_alarms_and_misses_are_counted_over_pretrained_models(found):
    assert len(found[found["part"] == "verdicts"]) == len(MODELS) * 3 * 10
    clean = row_of(found, part="rates", model="no-code-0", test="random_0.5")
    assert (clean["leaked"], clean["models"], clean["gains"], clean["rate"]) == (0, 10, 0, 0)
    whole = row_of(found, part="rates", model="no-code-100", test="random_0.5")
    assert (whole["leaked"], whole["gains"]) == (1, 10)
    drifting = row_of(found, part="rates", model="effective-code-0", test="random_0.5")
    assert 0 < drifting["gains"] < 10
    ends = proportion_confint(int(drifting["gains"]), 10, method="wilson")
    assert (drifting["rate_low"], drifting["rate_high"]) == pytest.approx(ends)


def test_a_gain_is_told_apart_by_what_is_in_the_corpus(found):
    part = row_of(found, part="rates", model="no-code-10", test="format")
    assert part["on_leaked"] == pytest.approx(GAINS["format"] * 0.6, abs=0.06)  # of problems that were wrong before
    assert part["on_clean"] == 0
    assert part["on_leaked_low"] < part["on_leaked"] < part["on_leaked_high"]
    share = known("no-code-10").mean()
    assert part["value"] == pytest.approx(share * part["on_leaked"])
    assert np.isnan(row_of(found, part="rates", model="no-code-0", test="format")["on_leaked"])
    assert np.isnan(row_of(found, part="rates", model="no-code-100", test="format")["on_clean"])


def test_the_probe_is_counted_beside_the_rewards(found):
    assert row_of(found, part="rates", model="no-code-0", test=control.PROBE)["gains"] == 0
    whole = row_of(found, part="rates", model="no-code-100", test=control.PROBE)
    assert (whole["gains"], whole["on_leaked"]) == (10, pytest.approx(0.5, abs=0.01))


def test_of_a_model_whose_corpus_nobody_knows_there_is_one_verdict_over_all_seeds():
    the_suite = suite()
    unknown = the_suite.models["no-code"].model_copy(update={"source": "hub", "id": "a/b", "family": None})
    the_suite = the_suite.model_copy(update={"models": {**the_suite.models, "no-code-100": unknown}})
    experiment = the_suite.experiments["control"].of_models(["no-code-100"])
    frame = rates(models=("no-code-100",))
    found = control.control(frame, the_suite, experiment, "math500", {}, {})
    assert list(found["part"].unique()) == ["verdicts"]
    one = row_of(found, test="random_0.5")
    assert (one["verdict"], one["seeds"]) == ("gain", 10)
    assert np.isnan(one["leaked"])


@pytest.mark.parametrize(
    ("low", "high", "said"), [(0.01, 0.03, "gain"), (-0.01, 0.03, "negligible"), (-0.01, 0.2, "undecided")]
)
def test_verdicts(low, high, said):
    assert control.verdict(low, high) == said


def test_the_smallest_change_is_that_of_the_ledger():
    ledger = claims.read(Path(__file__).parents[2] / "config/claims.yaml")
    assert ledger.smallest["points"] == control.SMALLEST


def test_the_numbers_survive_their_file(found, tmp_path):
    csv_files.write(found, tmp_path / "table.csv")
    again = csv_files.read(tmp_path / "table.csv", control.CONTROL)
    assert len(again) == len(found)
    assert again["rate"].notna().sum() == len(MODELS) * 3
