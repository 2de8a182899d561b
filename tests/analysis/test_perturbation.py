"""Perturbed problems: the shares, computed by hand."""

import numpy as np
import pytest
from invented import responses, row_of, suite, together

from spurious_rewards.analysis.perturbation import perturbation
from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite

CODE = {"amc": [[1, 1, 0, 0]], "aime2025": [[1, 0, 1, 0]], "math500": [[0, 0, 0, 0]]}


@pytest.fixture(scope="module")
def the_suite():
    content = suite(models=["strong", "weak"], rewards=["format", "python"]).model_dump(mode="json")
    content["experiments"]["headline"]["benchmarks"] = ["math500", "amc", "aime2025"]
    return Suite.model_validate(content)


def exhibit(**chosen):
    return Exhibit(title="Perturbed", kind="qualitative", experiment="headline", **chosen)


def study():
    """Return a study in which math500 has ids of its own and aime2025 is the perturbed form of amc."""
    frames = []
    for model in ("strong", "weak"):
        for reward, step in (("", 0), ("format", 5), ("format", 25), ("python", 25)):
            for benchmark, code in CODE.items():
                one = np.array(code) if step != 25 else np.ones((1, 4))
                frame = responses(one, one, step=step, model=model, reward=reward, benchmark=benchmark)
                frames.append(frame.assign(id=benchmark + frame["id"]) if benchmark == "math500" else frame)
    return together(*frames)


def test_strategies_are_compared_with_those_of_the_original(the_suite):
    found = perturbation(study(), the_suite, exhibit())
    assert len(found) == 2 * 3 * 2
    perturbed = row_of(found, model="strong", reward="", benchmark="aime2025")
    assert (perturbed["accuracy"], perturbed["code_rate"], perturbed["same_strategy"]) == (0.5, 0.5, 0.5)
    assert perturbed["same_strategy_low"] < 0.5 < perturbed["same_strategy_high"]
    assert row_of(found, model="strong", reward="", benchmark="amc")["same_strategy"] == 1
    trained = row_of(found, model="strong", reward="format", benchmark="aime2025")
    assert (trained["step"], trained["code_rate"], trained["same_strategy"]) == (25, 1, 1)


def test_agreement_that_chance_makes_too_is_shown_as_such(the_suite):
    """Give nine of ten problems code, and another nine in the other form: 80 % agree; chance alone gives 82 %."""
    code, other = np.ones((2, 1, 10))
    code[0, 0] = other[0, 1] = 0
    chosen = exhibit(benchmarks=["amc", "aime2025"])
    found = perturbation(
        together(responses(code, code, benchmark="amc"), responses(other, other, benchmark="aime2025")),
        the_suite,
        chosen,
    )
    row = row_of(found, benchmark="aime2025")
    assert (row["same_strategy"], row["kappa"]) == pytest.approx((0.8, -1 / 9))
    assert row["kappa_low"] < -1 / 9 < row["kappa_high"]
    always = np.ones((1, 10))
    found = perturbation(
        together(responses(always, always, benchmark="amc"), responses(always, always, benchmark="aime2025")),
        the_suite,
        chosen,
    )
    row = row_of(found, benchmark="aime2025")
    assert row["same_strategy"] == 1
    assert np.isnan(row["kappa"])


def test_an_exhibit_chooses_models_rewards_and_benchmarks(the_suite):
    chosen = exhibit(models=["weak"], rewards=["python"], benchmarks=["aime2025", "amc"])
    found = perturbation(study(), the_suite, chosen)
    assert found[["model", "reward", "benchmark"]].to_numpy().tolist() == [
        ["weak", reward, benchmark] for reward in ("", "python") for benchmark in ("aime2025", "amc")
    ]
    assert row_of(found, reward="", benchmark="aime2025")["same_strategy"] == 1


def test_samples_are_paired(the_suite):
    code = np.array([[[1, 0], [0, 1], [1, 1]]])
    turned = code[:, :, ::-1]
    found = perturbation(
        together(responses(code, code, benchmark="amc"), responses(turned, turned, benchmark="aime2025")),
        the_suite,
        exhibit(benchmarks=["amc", "aime2025"]),
    )
    assert row_of(found, benchmark="aime2025")["same_strategy"] == pytest.approx(1 / 3)
