"""The cost of a suite: sums by hand, shared parts, and consistency of the sums."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spurious_rewards.config import costs
from spurious_rewards.config.loading import load
from spurious_rewards.config.settings import Settings
from spurious_rewards.config.suite import Suite
from spurious_rewards.operations.estimate import Estimate, estimate
from spurious_rewards.stages.study import Study

ROOT = Path(__file__).parents[2]

TINY: dict[str, Any] = {
    "title": "Tiny",
    "problems": {
        "deepscaler": {"hub": "agentica-org/DeepScaleR-Preview-Dataset"},
        "math500": {"hub": "HuggingFaceH4/MATH-500"},
        "amc": {"hub": "AI-MO/aimo-validation-amc"},
    },
    "training_problems": "deepscaler",
    "benchmarks": {
        "math500": {"problems": "math500"},
        "amc": {"problems": "amc", "samples": 8, "temperature": 0.6},
    },
    "prompts": {"chat": {"kind": "chat"}},
    "models": {
        "one": {"source": "hub", "id": "some/one", "num_parameters": 1e9, "prompt": "chat", "max_positions": 9999},
        "two": {"source": "hub", "id": "some/two", "num_parameters": 2e9, "prompt": "chat", "max_positions": 9999},
    },
    "rewards": {name: {"function": name} for name in ("ground_truth", "format", "majority_vote")},
    "training": {"segment_steps": 10, "eval_every": 5},
    "vote_problems": 1000,
    "sampling": {"max_new_tokens": 100},
    "report": {"headline": "main"},
}
"""A suite with a checkpoint every five steps and two checkpoints in a segment."""

LATER = {
    "source": "run",
    "start": {"model": "one", "reward": "format", "step": 10},
    "prompt": "chat",
    "max_positions": 9999,
}
MODELS = {**TINY["models"], "later": LATER}

MAIN = {
    "title": "Main",
    "models": ["one"],
    "rewards": ["format"],
    "seeds": ["0"],
    "steps": 20,
    "benchmarks": ["math500"],
}


def tiny(others: dict[str, Any] | None = None, main: dict[str, Any] | None = None, **keys: Any) -> Estimate:
    experiments = {"main": {**MAIN, **(main or {})}, **(others or {})}
    suite = Suite(**{**TINY, **keys, "experiments": experiments})
    return estimate(Study(suite, Settings(), Path("tiny.yaml")))


@cache
def paper(gpus: int = 8) -> Estimate:
    path = ROOT / "config/suites/paper.yaml"
    return estimate(Study(load(path), Settings(suite="paper"), path, ROOT), gpus)


# ---------------------------------------------------------------- sums by hand

RUN = 192 * 7.62 / 7.6
"""GPU-hours of the paper's run with a model of 7.62 billion weights, which draws 307,200 responses."""

RESPONSE = RUN / 307_200 * 2 / 7


def test_an_experiment_of_the_paper_by_hand() -> None:
    gamma = paper().experiments["gamma"]
    assert len(paper().runs(gamma)) == 5
    assert paper().hours(gamma, "train") == pytest.approx(5 * RUN)
    assert paper().hours(gamma, "vote") == 0
    # Four runs answer MATH-500 at 30 checkpoints; `untrained` shares one of these runs. The fifth run and the model
    # before training belong also to main, perturbed and clean, and answer their benchmarks: AMC and AIME
    # (83 + 30 + 30) x 8, 3 x 12 perturbed problems, and 200 generated problems. The model before training also answers
    # the 500 problems that choose its best prompt.
    answers = 4 * 30 * 500 + 31 * (500 + 1144 + 36 + 200) + 500
    assert paper().hours(gamma, "generate") == pytest.approx(answers * RESPONSE)
    assert paper().hours(paper().only("gamma")) == pytest.approx(3 * RUN + 3 * 30 * 500 * RESPONSE)


def test_a_target_of_the_paper_by_hand() -> None:
    # Three models switch at step 150, with five runs each. No run is trained or evaluated beyond that step.
    fig7 = paper().targets["fig7"]
    assert len(paper().runs(fig7)) == 15
    weights = 7.62 + 1.54 + 7.62
    assert paper().hours(fig7, "train") == pytest.approx(5 * RUN / 2 * weights / 7.62)
    assert paper().hours(fig7, "vote") == pytest.approx(39_380 * 64 * RESPONSE * weights / 7.62)
    answers = [path for path in fig7 if path.name == "responses.parquet"]
    assert {path.parent.name for path in answers} == {"chat_default", "100-150"}
    assert len(answers) == 3 + 15
    assert paper().targets["table2"] == fig7, "which reads the same"
    assert paper().targets["qualitative"] < paper().targets["fig2"]


def test_a_table_of_models_before_training_trains_nothing() -> None:
    assert {path.name for path in paper().targets["table1"]} == {"responses.parquet"}
    assert not paper().runs(paper().targets["table3"])


def test_metrics_of_training_take_no_answers() -> None:
    assert {path.name for path in paper().targets["fig12"]} == {"checkpoints"}
    assert paper().targets["fig12"] < paper().targets["fig11"]


@pytest.mark.parametrize(
    ("policy", "weights", "states", "passing"),
    # Two segments of two checkpoints each end with a state. Steps 5, 10 and 15, and the state of step 10, are deleted.
    [("all", 4 * 4e9, 2 * 8e9, 0), ("reported", 4e9, 8e9, 3 * 4e9 + 8e9)],
)
def test_disk_by_hand(policy: str, weights: float, states: float, passing: float) -> None:
    found = tiny(keep_weights=policy)
    works = found.works.values()
    assert sum(work.weights for work in works) == weights
    assert sum(work.states for work in works) == states
    assert sum(work.passing for work in works) == passing
    text = 5 * 500 * 100 * 4  # four checkpoints and the model before training
    assert sum(work.text for work in works) == text
    assert found.disk == weights + states + text + 2e9
    # The peak counts everything of both segments that is deleted later, and the state of the second segment's first
    # checkpoint, which exists while that segment trains.
    assert found.peak == found.disk + (passing + 8e9)
    assert found.worst == found.disk + (2 * 4e9 + 8e9 if passing else 0)


@pytest.mark.parametrize(("evaluated", "states"), [(1, 0), (2, 1), (4, 1)])
def test_while_a_job_runs_one_state_lies_there_beside_the_last(evaluated: int, states: int) -> None:
    [work] = [
        work for work in tiny(training={"segment_steps": 20, "eval_every": 20 // evaluated}).works.values() if work.run
    ]
    assert work.working == states * 8e9


def test_the_longest_chain_by_hand() -> None:
    found = tiny(main={"rewards": ["majority_vote", "format"]})
    suite = Suite(**{**TINY, "experiments": {"main": {**MAIN, "rewards": ["majority_vote"]}}})
    (run,) = suite.runs
    last = costs.generate_hours(suite, "one", 2, ["math500"])
    chain = costs.vote_hours(suite, "one") + costs.train_hours(suite, run, 0, 20) + last
    assert found.chain == pytest.approx(chain)
    assert found.wall == pytest.approx(found.hours(found.works)), "on one GPU nothing is done at once"


def test_gpus_that_are_not_there_are_named() -> None:
    jobs = sum(work.gpus == 8 for work in paper().works.values())
    assert paper(4).unfit == {8: jobs}
    assert paper().unfit == {}
    assert jobs > 0


# ---------------------------------------------------------------- dependencies between runs


def test_a_model_that_starts_from_a_run_takes_that_run_to_there() -> None:
    found = tiny({"after": {**MAIN, "title": "After", "models": ["later"]}}, models=MODELS)
    after = found.experiments["after"]
    assert {(run.model, run.reward) for run in found.runs(after)} == {("one", "format"), ("later", "format")}
    segments = {path.parent.name for path in after if path.name == "checkpoints" and path.parts[3] == "one"}
    assert segments == {"0-10"}
    assert found.hours(after, "train") > found.hours(found.only("after"), "train")


def test_a_run_that_was_trained_elsewhere_is_only_answered() -> None:
    elsewhere = {"model": "one", "reward": "format", "checkpoints": {20: "some/checkpoint"}, "origin": "elsewhere"}
    trained, imported = tiny(), tiny(imports=[elsewhere])
    assert not imported.runs(imported.works)
    assert imported.hours(imported.works, "train") == 0
    # It evaluates the model before training and one checkpoint instead of four.
    assert imported.hours(imported.works) == pytest.approx(trained.hours(trained.works, "generate") * 2 / 5)


# ---------------------------------------------------------------- consistency of sums


def some(names: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), min_size=1, unique=True)


experiment = st.fixed_dictionaries(
    {
        "title": st.just("Some"),
        "models": some(["one", "two", "later"]),
        "rewards": some(["ground_truth", "format", "majority_vote"]),
        "seeds": st.sampled_from([["0"], ["0", "1"], ["1"]]),
        "steps": st.sampled_from([5, 10, 15, 20, 25]),
        "benchmarks": some(["math500", "amc"]),
    }
)
experiments = st.dictionaries(st.sampled_from(["a", "b", "c"]), experiment, min_size=1)


@given(experiments, st.sampled_from(["all", "reported"]), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_parts_add_up(others: dict[str, Any], policy: str, gpus: int) -> None:
    found = tiny(others, models=MODELS, keep_weights=policy)
    found = Estimate(found.works, found.experiments, found.targets, gpus, found.downloads)
    alone = {name: found.hours(artifacts) for name, artifacts in found.experiments.items()}
    saved = {name: found.hours(found.only(name)) for name in found.experiments}
    total = found.hours(found.works)
    assert set().union(*found.experiments.values()) == set(found.works), "there is no work that nobody wants"
    assert all(0 <= saved[name] <= alone[name] for name in alone)
    assert sum(saved.values()) <= total * (1 + 1e-9)
    assert max(alone.values()) * (1 - 1e-9) <= total <= sum(alone.values()) * (1 + 1e-9)
    assert sum(found.hours(found.works, stage) for stage in ("train", "vote", "generate")) == pytest.approx(total)
    assert max(total / gpus, found.chain) == found.wall <= total * (1 + 1e-9)
    assert found.disk <= found.peak
    assert found.disk <= found.worst


@given(experiments)
@settings(max_examples=20, deadline=None)
def test_dropping_an_experiment_saves_at_least_what_it_says(others: dict[str, Any]) -> None:
    found = tiny(others, models=MODELS)
    for name in others:
        without = tiny({other: keys for other, keys in others.items() if other != name}, models=MODELS)
        saved = found.hours(found.works) - without.hours(without.works)
        assert saved >= found.hours(found.only(name)) - 1e-9


@given(experiments)
@settings(max_examples=20, deadline=None)
def test_the_policy_moves_bytes_and_no_hours(others: dict[str, Any]) -> None:
    kept, reported = (tiny(others, models=MODELS, keep_weights=policy) for policy in ("all", "reported"))
    assert kept.hours(kept.works) == reported.hours(reported.works)
    gone = sum(work.passing for work in reported.works.values())
    assert reported.disk + gone == pytest.approx(kept.disk)
