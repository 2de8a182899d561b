"""The two suites of a real model on a laptop, and the example that tests a user's own reward on it."""

from pathlib import Path

import pytest

from spurious_rewards.config.loading import load
from spurious_rewards.operations import smollm2
from spurious_rewards.problems.decontamination import words
from spurious_rewards.problems.preparation import prepare

ROOT = Path(__file__).parents[2]
SUITE = load(ROOT / "config/suites/laptop.yaml")
MORE = load(ROOT / "config/suites/laptop_more.yaml")
EXAMPLE = load(ROOT / "examples/your_method/your_method_laptop.yaml")
PILOT = "100"
"""The seed of the pilot study, which chose the learning rate."""


@pytest.mark.parametrize("suite", [SUITE, MORE, EXAMPLE], ids=["laptop", "more", "example"])
def test_no_problem_is_in_training_and_evaluation(suite) -> None:
    no_lock = Path("none.lock.yaml")
    evaluation, _ = prepare(suite.problems["evaluation"], None, suite.data_seed, {}, no_lock)
    against = {"evaluation": evaluation}
    training, card = prepare(suite.problems["training"], None, suite.data_seed, {}, no_lock, against, suite.overlap)
    asked = [{tuple(words(problem)) for problem in problems["problem"]} for problems in (evaluation, training)]
    assert len(asked[0]) == 60
    assert not asked[0] & asked[1]
    assert card["dropped"]["overlap"], "without the rule some would be in both"
    assert {len(problem) for problem in asked[0] | asked[1]} == {3}, (
        "a bare expression: its numbers tell problems apart"
    )
    steps = max(each.steps for each in suite.experiments.values())
    assert len(training) >= steps * suite.training.rollout_prompts


@pytest.mark.parametrize("suite", [SUITE, MORE, EXAMPLE], ids=["laptop", "more", "example"])
def test_a_job_trains_one_run_of_one_seed_that_the_pilot_did_not_have(suite) -> None:
    for experiment in suite.experiments.values():
        assert all(seed.isdecimal() and seed != PILOT for seed in experiment.seeds)
        assert experiment.steps <= suite.training.segment_steps


@pytest.mark.parametrize("suite", [SUITE, MORE, EXAMPLE], ids=["laptop", "more", "example"])
def test_the_model_is_the_one_that_the_command_makes(suite) -> None:
    [model] = suite.models.values()
    assert (model.source, model.id) == ("local", str(smollm2.FOLDER))


@pytest.mark.parametrize("other", [MORE, EXAMPLE], ids=["more", "example"])
def test_the_others_train_as_the_suite(other) -> None:
    for key in ("problems", "prompts", "models", "training", "sampling", "data_seed"):
        assert getattr(other, key) == getattr(SUITE, key)
    assert set(other.benchmarks) < set(SUITE.benchmarks)
    (own,) = other.experiments.values()
    assert (own.seeds, own.steps) == (SUITE.experiments["main"].seeds, SUITE.experiments["main"].steps)


def test_the_core_has_three_seeds_of_three_rewards() -> None:
    assert len(SUITE.runs_of(SUITE.experiments["main"])) == 9
