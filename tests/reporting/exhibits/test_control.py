"""Tests of exhibit kind `control` on invented models: figures, error rates, and models with an unknown corpus."""

import pandas as pd
import pytest
from invented_control import completions, rates, suite, sums

from spurious_rewards.analysis import control
from spurious_rewards.reporting.exhibits import kinds
from spurious_rewards.reporting.exhibits.control import PROBE_TITLE, WORTH
from spurious_rewards.reporting.exhibits.exhibit import Made, ResultTables, make
from spurious_rewards.reporting.numerals import MISSING

MODELS = ("effective-code-0", "no-code-10")


def made(the_suite) -> Made:
    experiment = the_suite.experiments["control"].of_models(MODELS)
    the_suite = the_suite.model_copy(update={"experiments": {"control": experiment}})
    problems = {"sums": sums(), "reinforcement": sums("reinforcement")}
    answered = {model: completions(model, 2) for model in MODELS}
    frame = control.control(rates(4, models=MODELS), the_suite, experiment, "math500", answered, problems)
    result = make("control", the_suite, ResultTables(control=frame))
    assert tuple(result.figures) == kinds.pictures(the_suite, the_suite.exhibits["control"])
    return result


@pytest.fixture(scope="module")
def of_both() -> Made:
    """Return the exhibit for an organism and a model from the Hub, whose training corpus is unknown."""
    the_suite = suite()
    unknown = the_suite.models["no-code-10"].model_copy(update={"source": "hub", "id": "a/b", "family": None})
    return made(the_suite.model_copy(update={"models": {**the_suite.models, "no-code-10": unknown}}))


def texts(result: Made) -> list[pd.DataFrame]:
    return [pd.DataFrame(table["rows"], columns=table["columns"]) for table in result.page["tables"]]


def test_organisms_have_error_rates_only():
    result = made(suite())
    assert list(result.figures) == ["wrong"]
    [counted] = texts(result)
    clean = counted[counted["Benchmark in the corpus"] == "0 %"]
    assert (clean["Misses (%)"] == MISSING).all()
    assert clean["False alarms (%)"].str.contains(r"\d \[").all()
    assert set(counted["Test"]) == {suite().rewards["random_0.5"].title, "Format", PROBE_TITLE}
    assert WORTH not in result.page["caption"]


def test_of_another_model_it_says_the_verdict_and_what_it_is_worth(of_both):
    assert list(of_both.figures) == ["wrong", "gains"]
    counted, judged = texts(of_both)
    assert set(counted["Model"]) == {"Effective code, 0 % leaked"}
    assert set(judged["Verdict of the test"]) <= set(control.VERDICTS)
    assert WORTH in of_both.page["caption"]
    assert "organisms" in WORTH


def test_the_reader_is_told_of_one_seed(of_both):
    _, judged = texts(of_both)
    of_one = judged[judged["Test"] == PROBE_TITLE]
    assert of_one["Seeds"].eq("1 (interval over problems only)").all()
