"""The suites for one GPU keep their promises, and the estimate in a comment is correct."""

import re
from functools import cache
from pathlib import Path

import pytest

from spurious_rewards.config.accelerate import read
from spurious_rewards.config.loading import load
from spurious_rewards.config.settings import Settings
from spurious_rewards.operations import gpu_memory
from spurious_rewards.operations.doctor import doctor, failing
from spurious_rewards.operations.estimate import Estimate, estimate
from spurious_rewards.operations.estimate_report import number
from spurious_rewards.stages.study import Study

ROOT = Path(__file__).parents[2]
PATH = ROOT / "config/suites/one_gpu.yaml"


EXAMPLE = ROOT / "examples/your_method/your_method_one_gpu.yaml"
"""The example suite: a user's own reward on three models."""


@cache
def study(path: Path = PATH) -> Study:
    return Study(load(path), Settings(suite=path.stem), path, ROOT)


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


@pytest.mark.parametrize("path", [PATH, EXAMPLE], ids=lambda path: path.stem)
def test_it_needs_one_gpu_and_fits_on_it(path: Path) -> None:
    suite = study(path).suite
    assert {work.gpus for work in estimate(study(path), 1).works.values()} == {1}
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
    kinds = {name: exhibit.kind for name, exhibit in suite.exhibits.items()}
    assert {"control", "coverage"} == kinds.keys() - paper.exhibits.keys()  # exhibits from later work
    assert {name: kind for name, kind in kinds.items() if name in paper.exhibits} == {
        name: paper.exhibits[name].kind for name in kinds.keys() & paper.exhibits.keys()
    }


# ---------------------------------------------------------------- a reward of one's own


def test_a_reward_of_ones_own_is_set_against_the_dummies_on_three_families() -> None:
    suite = study(EXAMPLE).suite
    test = suite.experiments["test"]
    functions = {name: suite.rewards[name].function for name in test.rewards}
    assert functions == {"shows_work": "shows_work"} | {
        "random_0.5": "random",
        "format": "format",
        "ground_truth": "ground_truth",
    }
    assert len({suite.models[name].id.partition("/")[0] for name in test.models}) == len(test.models) == 3
    assert not any(suite.models[name].gated for name in test.models)
    assert test.seeds == ("0", "1", "2"), "groups of one: another seed makes no job again"
    assert suite.exhibits["verdict"].kind == "baselines"


def test_each_of_its_runs_is_one_of_the_suite_for_one_gpu() -> None:
    suite, other = study(EXAMPLE).suite, study().suite
    for key in ("training", "sampling", "resources", "problems", "training_problems", "benchmarks"):
        assert getattr(suite, key) == getattr(other, key)
    assert {name: suite.models[name] for name in other.models} == other.models
    assert suite.prompts["chat_default"] == other.prompts["chat_default"]
    assert suite.experiments["test"].steps == other.experiments["main"].steps


def test_its_results_lie_beside_those_of_no_other_suite() -> None:
    others = [path for path in (*PATH.parent.glob("*.yaml"), *EXAMPLE.parent.glob("*.yaml")) if path != EXAMPLE]
    assert EXAMPLE.stem not in {path.stem for path in others}


def test_a_machine_without_a_gpu_lacks_nothing_for_it_but_hardware_and_downloads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`doctor` reports only faults of this machine. With vLLM, GPUs, copies and disk space, the suite could run."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # no server: nothing uses the network
    here = {"packages", "GPUs", "hub", "disk"}
    assert {one.what for one in failing(doctor(study(EXAMPLE)))} <= here
