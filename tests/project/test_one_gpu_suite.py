"""The suite for one GPU: what it promises, and that its comment says what is estimated."""

import re
from functools import cache
from pathlib import Path

import pytest

from spurious_rewards.config.accelerate import read
from spurious_rewards.config.loading import load
from spurious_rewards.config.settings import Settings
from spurious_rewards.operations import gpu_memory
from spurious_rewards.operations.estimate import Estimate, estimate
from spurious_rewards.operations.estimate_report import number
from spurious_rewards.stages.study import Study

ROOT = Path(__file__).parents[2]
PATH = ROOT / "config/suites/one_gpu.yaml"


@cache
def study() -> Study:
    return Study(load(PATH), Settings(suite="one_gpu"), PATH, ROOT)


@cache
def found() -> Estimate:
    return estimate(study(), 1)


def test_it_is_the_five_rewards_on_a_qwen_and_another_model() -> None:
    suite = study().suite
    main = suite.experiments["main"]
    assert set(main.rewards) == {"ground_truth", "majority_vote", "incorrect", "format", "random_0.5"}
    assert suite.benchmarks_of(main) == ("math500", "amc", "calculation")
    qwen, other = main.models
    assert suite.models[qwen].id == "Qwen/Qwen2.5-Math-1.5B"
    assert "qwen" not in (suite.models[other].id or "").lower()
    assert suite.num_parameters(other) <= 3e9
    assert not any(model.gated for model in suite.models.values())


def test_it_takes_a_weekend_as_its_comment_says() -> None:
    comment = " ".join(line.removeprefix("#").strip() for line in PATH.read_text().split("\ntitle:")[0].splitlines())
    said = re.search(r"says (\S+) GPU-hours: (\S+) of training, (\S+) of votes, (\S+) of answers", comment)
    assert said is not None
    stages = ("train", "vote", "generate")
    parts = [number(found().hours(found().works, stage)) for stage in stages]
    assert list(said.groups()) == [number(found().wall), *parts]
    assert 1 - found().wall / 60 == pytest.approx(1 / 4, abs=0.01), "what the comment says is left"


def test_it_needs_one_gpu_and_fits_on_it() -> None:
    suite = study().suite
    assert {work.gpus for work in found().works.values()} == {1}
    for model in suite.models:
        size = suite.resources_of(model)
        assert size is not None
        weights, config = suite.num_parameters(model), read(ROOT / f"envs/accelerate/{size.accelerate_config}.yaml")
        share = gpu_memory.engine(size.training_gpu_memory_utilization, Settings().gpu_memory_gb)
        drawing = [gpu_memory.drawing(weights, config), share]
        updating = [gpu_memory.updating(weights, config), *gpu_memory.micro_batch(suite.training, weights, config)]
        for parts in (drawing, updating):
            assert gpu_memory.total(parts) < 0.9 * Settings().gpu_memory_gb, gpu_memory.added_up(parts)


@pytest.mark.parametrize(
    "key", ["clip", "updates_per_rollout", "rollouts_per_prompt", "learning_rate", "max_new_tokens"]
)
def test_what_the_effect_hangs_on_is_the_papers(key: str) -> None:
    paper = load(ROOT / "config/suites/paper.yaml")
    assert getattr(study().suite.training, key) == getattr(paper.training, key)


def test_what_it_shares_with_the_papers_suite_is_word_for_word_the_same() -> None:
    paper = load(ROOT / "config/suites/paper.yaml")
    suite = study().suite
    assert suite.models["Qwen2.5-Math-1.5B"] == paper.models["Qwen2.5-Math-1.5B"]
    for section in ("problems", "benchmarks", "prompts", "rewards"):
        ours, theirs = getattr(suite, section), getattr(paper, section)
        assert {name: theirs[name] for name in ours} == ours
    assert {name: paper.exhibits[name].kind for name in suite.exhibits} == {
        name: exhibit.kind for name, exhibit in suite.exhibits.items()
    }
