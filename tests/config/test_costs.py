"""The costs of work: the run that they are calibrated to, and that they add up."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurious_rewards.config import costs
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.loading import load
from spurious_rewards.config.problems import ProblemSet, ReasoningGym
from spurious_rewards.config.suite import Suite

SUITES = Path(__file__).parents[2] / "config/suites"


@cache
def paper() -> Suite:
    return load(SUITES / "paper.yaml")


def run(model: str = "Qwen2.5-Math-7B", variant: str = "default", seeds: str = "0") -> Run:
    return Run(model=model, prompt="chat_default", reward="random_0.5", variant=variant, seeds=seeds)


def test_the_papers_run_takes_24_hours_on_8_gpus() -> None:
    found = costs.train_hours(paper(), run(), 0, 300)
    assert found == pytest.approx(24 * 8 * paper().num_parameters("Qwen2.5-Math-7B") / 7.6e9)
    assert found == pytest.approx(192, rel=0.01)


def test_a_token_that_is_only_sampled_costs_two_sevenths_of_one_of_training() -> None:
    # 1024 checkpoints that answer MATH-500 once give as many responses as 500 rollout steps.
    answered = costs.generate_hours(paper(), "Qwen2.5-Math-7B", 1024, ["math500"])
    assert answered == pytest.approx(costs.train_hours(paper(), run(), 0, 500) * 2 / 7)


def test_votes_are_samples_of_every_problem_there_is() -> None:
    # vote_problems asks for 40,000 problems, of which 39,380 exist; each gets 64 samples.
    responses = 39_380 * 64
    of_one = costs.generate_hours(paper(), "Qwen2.5-Math-7B", 1, ["math500"]) / 500
    assert costs.vote_hours(paper(), "Qwen2.5-Math-7B") == pytest.approx(responses * of_one)
    assert costs.vote_bytes(paper()) == responses * 3072 * 4


@pytest.mark.parametrize(
    ("changed", "share"),
    [
        ({"num_iterations": 2}, 11 / 7),  # 2 to generate, 1 for the old log-probability, 4 per pass
        ({"gradient_checkpointing": False}, 6 / 7),
        ({"rollout_prompts": 8, "updates_per_rollout": 1}, 1 / 8),
        ({"updates_per_rollout": 1}, 1),  # the number of tokens is the same
        ({"max_new_tokens": 1024}, 1 / 3),
    ],
)
def test_what_changes_the_cost_of_training(changed: dict[str, object], share: float) -> None:
    keys = paper().model_dump() | {"variants": {**paper().variants, "changed": changed}}
    found = costs.train_hours(Suite(**keys), run(variant="changed"), 0, 10)
    assert found == pytest.approx(share * costs.train_hours(paper(), run(), 0, 10))


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 400), st.sampled_from(["0", "0-4", "3-5"]))
def test_steps_and_seeds_add_up(first: int, second: int, third: int, seeds: str) -> None:
    start, middle, stop = sorted((first, second, third))
    parts = [costs.train_hours(paper(), run(seeds=seeds), *part) for part in ((start, middle), (middle, stop))]
    whole = costs.train_hours(paper(), run(seeds=seeds), start, stop)
    assert whole == pytest.approx(sum(parts))
    count = {"0": 1, "0-4": 5, "3-5": 3}[seeds]
    assert whole == pytest.approx(count * costs.train_hours(paper(), run(), start, stop))


def test_shorter_responses_are_drawn_and_trained_on_for_less_and_padding_costs_as_before() -> None:
    half = costs.Assumed(mean_tokens=1536)
    whole = costs.train_hours(paper(), run(), 0, 10)
    assert costs.train_hours(paper(), run(), 0, 10, half) == pytest.approx(whole / 2)
    padded = costs.Assumed(mean_tokens=1536, padded=True)
    assert costs.train_hours(paper(), run(), 0, 10, padded) == pytest.approx(whole * (2 / 2 + 5) / 7)
    for cheaper in (half, padded):
        assert costs.vote_hours(paper(), "Qwen2.5-7B", cheaper) == pytest.approx(
            costs.vote_hours(paper(), "Qwen2.5-7B") / 2
        )
    assert costs.train_hours(paper(), run(), 0, 10, costs.Assumed(mean_tokens=10**6)) == pytest.approx(whole)


@pytest.mark.parametrize("gpu", costs.GPUS)
def test_drawing_goes_with_a_card_s_memory_and_passes_with_its_arithmetic(gpu: str) -> None:
    card, a100 = costs.GPUS[gpu], costs.GPUS["a100"]
    assumed = costs.Assumed(card)
    drawing, passes = a100.terabytes / card.terabytes, a100.teraflops / card.teraflops
    expected = costs.train_hours(paper(), run(), 0, 10) * (2 * drawing + 5 * passes) / 7
    assert costs.train_hours(paper(), run(), 0, 10, assumed) == pytest.approx(expected)
    votes = costs.vote_hours(paper(), "Qwen2.5-7B")
    assert costs.vote_hours(paper(), "Qwen2.5-7B", assumed) == pytest.approx(votes * drawing)


BENCHMARKS = ["math500", "amc", "aime2024", "aime2025", "written", "other_numbers", "story"]


@given(st.integers(0, 99), st.sets(st.sampled_from(BENCHMARKS)), st.sampled_from(["Llama-3.2-3B", "Qwen2.5-1.5B"]))
def test_checkpoints_and_benchmarks_add_up(checkpoints: int, benchmarks: set[str], model: str) -> None:
    whole = costs.generate_hours(paper(), model, checkpoints, benchmarks)
    assert whole == pytest.approx(
        sum(checkpoints * costs.generate_hours(paper(), model, 1, [benchmark]) for benchmark in benchmarks)
    )
    weights = paper().num_parameters(model) / paper().num_parameters("Qwen2.5-7B")
    assert whole == pytest.approx(weights * costs.generate_hours(paper(), "Qwen2.5-7B", checkpoints, benchmarks))


def test_a_suite_that_says_no_parameters_costs_nothing() -> None:
    organism = load(SUITES / "organism.yaml")
    one = next(iter(organism.runs))
    assert costs.train_hours(organism, one, 0, 25) == 0
    assert costs.vote_hours(organism, one.model) == 0
    assert costs.generate_hours(organism, one.model, 5, organism.benchmarks) == 0


def test_how_many_problems_a_set_has(tmp_path: Path) -> None:
    file = tmp_path / "three.jsonl"
    file.write_text('{"id": "a"}\n\n{"id": "b"}\n{"id": "c"}\n')
    assert costs.problems_of(ProblemSet(path=file)) == 3
    assert costs.problems_of(ProblemSet(path=file, limit=2)) == 2
    assert costs.problems_of(ProblemSet(path=file, limit=9)) == 3
    assert costs.problems_of(ProblemSet(path=file, skip=2, limit=9)) == 1
    assert costs.problems_of(ProblemSet(path=file, skip=4)) == 0
    (tmp_path / "other.jsonl").write_bytes('{"id": "é"}\n{"id": "b"}\n'.encode("latin-1"))
    assert costs.problems_of(ProblemSet(path=tmp_path / "other.jsonl")) == 2
    (tmp_path / "folder.jsonl").mkdir()
    assert costs.problems_of(ProblemSet(path=tmp_path / "folder.jsonl")) is None
    made = ReasoningGym(dataset="chain_sum", size=7, seed=0)
    assert costs.problems_of(ProblemSet(reasoning_gym=made, limit=9)) == 7
    assert costs.problems_of(ProblemSet(path=tmp_path / "none.jsonl")) is None
    assert costs.problems_of(ProblemSet(hub="some/other")) is None
    assert costs.problems_of(ProblemSet(hub="AI-MO/aimo-validation-amc")) == 83
    assert costs.problems_of(ProblemSet(hub="some/other", limit=20)) == 20
    assert costs.problems_of(ProblemSet(hub="some/other", only=("0" * 12, "1" * 12))) == 2


def test_what_is_unknown_is_assumed() -> None:
    known = paper().problems
    keys = paper().model_dump() | {
        "problems": known | {"amc": ProblemSet(hub="some/other"), "deepscaler": ProblemSet(hub="some/more")}
    }
    answers = costs.generate_hours(Suite(**keys), "Llama-3.2-3B", 1, ["amc"])
    assert answers == pytest.approx(costs.generate_hours(paper(), "Llama-3.2-3B", 1, ["amc"]) * costs.ASSUMED / 83)
    votes = costs.vote_hours(Suite(**keys), "Llama-3.2-3B") / costs.vote_hours(paper(), "Llama-3.2-3B")
    assert votes == pytest.approx(40_000 / 39_380)


def test_checkpoints_are_float32_and_adam_has_two_moments() -> None:
    assert costs.weight_bytes(paper(), "Llama-3.1-8B") == 4 * 8.03e9
    assert costs.state_bytes(paper(), run("Llama-3.1-8B")) == 8 * 8.03e9
    keys = paper().model_dump() | {"training": paper().training.model_dump() | {"optimizer": "sgd"}}
    assert costs.state_bytes(Suite(**keys), run()) == 0
