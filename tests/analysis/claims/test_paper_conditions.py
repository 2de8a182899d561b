"""The verdict on the paper's own claim needs all conditions of its suite, each defined as in that suite."""

import copy
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from invented_claims import EFFECTIVE, GAIN, PAPER, SUITES, joined, judged, of_runs

from spurious_rewards.config.suite import Suite

MODELS = ("Qwen2.5-Math-7B", "Qwen2.5-Math-1.5B")


def of_models(*models: str) -> dict[str, pd.DataFrame]:
    return of_runs(*({"gain": 0.2, "model": model} for model in models), prompt="chat_default")


def test_on_the_papers_own_suite_it_is_the_verdict():
    row = judged(EFFECTIVE, of_models(*MODELS), PAPER)
    assert (row["verdict"], row["paper_claim"]) == ("supported", "supported")
    assert judged(EFFECTIVE, of_runs({"gain": 0.2}))["paper_claim"] == "not run"  # not a model of the paper
    row = judged(EFFECTIVE, of_models(MODELS[1]), SUITES["one_gpu"])  # smaller batches, fewer steps
    assert (row["verdict"], row["paper_claim"]) == ("supported", "not run")


def test_every_model_that_the_paper_names_is_demanded():
    row = judged(EFFECTIVE, of_models(MODELS[0]), PAPER)
    assert (row["verdict"], row["paper_claim"]) == ("supported", "not run")


Change = Callable[[dict[str, Any]], Any]


def set_key(*path: str, to: Any) -> Change:
    def change(suite: dict[str, Any]) -> None:
        at = suite
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = to

    return change


CHANGES: dict[str, Change] = {
    "other weights under the name": set_key("models", MODELS[0], "id", to="someone/Qwen2.5-Math-7B"),
    "another revision": set_key("models", MODELS[0], "revision", to="step-100"),
    "a local folder": lambda suite: suite["models"][MODELS[0]].update(source="local", id="elsewhere"),
    "another behaviour": set_key("models", MODELS[1], "behaviour", to="bad code"),
    "another data set under the name": lambda suite: suite["problems"]["math500"].update(hub="someone/MATH-500"),
    "another split": set_key("problems", "math500", "split", to="train"),
    "a part of the benchmark": set_key("problems", "math500", "limit", to=100),
    "100 training problems": set_key("problems", "deepscaler", "limit", to=100),
    "64 tokens in training": set_key("training", "max_new_tokens", to=64),
    "64 tokens in evaluation": set_key("sampling", "max_new_tokens", to=64),
    "temperature 1.5 in training": set_key("training", "temperature", to=1.5),
    "temperature 1.5 in evaluation": lambda suite: suite["benchmarks"]["math500"].update(temperature=1.5, samples=4),
    "another reward function under the name": set_key("rewards", "format", "function", to="no_repetition"),
    "a reward that forbids code": set_key("rewards", "format", "unless", to="python"),
    "a reward on other problems": set_key("rewards", "format", "problems", to="amc"),
    "another prompt under the name": set_key("prompts", "chat_default", "system", to="Be brief."),
    "another learning rate": set_key("training", "learning_rate", to=1e-6),
    "another learning rate of the variant": set_key("variants", "default", to={"learning_rate": 1e-6}),
    "fewer steps": set_key("experiments", "main", "steps", to=100),
    "more steps": set_key("experiments", "main", "steps", to=400),
    "another word for code": set_key("strategies", "code", to="def"),
    "another order of problems": set_key("data_seed", to=1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_whatever_else_is_not_the_papers_is_not_its_claim(change):
    suite = copy.deepcopy(PAPER.model_dump()) | {"exhibits": {}}
    assert judged(EFFECTIVE, of_models(*MODELS), Suite.model_validate(suite))["paper_claim"] == "supported"
    change(suite)
    assert judged(EFFECTIVE, of_models(*MODELS), Suite.model_validate(suite))["paper_claim"] == "not run"


@pytest.mark.parametrize(
    "change",
    [
        set_key("training", "micro_batch", to=1),
        set_key("training", "segment_steps", to=10),
        set_key("experiments", "main", "seeds", to=["0", "1", "2"]),
        set_key("models", MODELS[0], "title", to="The big one"),
        set_key("problems", "amc", "limit", to=10),
    ],
)
def test_what_changes_no_number_of_the_claim_does_not_count(change):
    suite = copy.deepcopy(PAPER.model_dump()) | {"exhibits": {}}
    change(suite)
    assert judged(EFFECTIVE, of_models(*MODELS), Suite.model_validate(suite))["paper_claim"] == "supported"


def test_both_sides_of_a_comparison_must_be_the_papers():
    of = [
        model
        for model, each in PAPER.models.items()
        if each.behaviour == "no code" and model in PAPER.experiments["main"].models
    ]
    none = of_runs(
        *({"gain": 0.0, "model": model, "prompt": PAPER.models[model].prompt, "half": 0.005} for model in of)
    )
    rule = {**EFFECTIVE, "against": {"models": "no code"}}
    assert judged(rule, joined(of_models(*MODELS), none), PAPER)["paper_claim"] == "supported"
    changed = copy.deepcopy(PAPER.model_dump()) | {"exhibits": {}}
    changed["models"][of[0]]["id"] = "someone/else"
    assert judged(rule, joined(of_models(*MODELS), none), Suite.model_validate(changed))["paper_claim"] == "not run"


def test_models_before_training_must_be_the_papers_too():
    rule = {**GAIN, "measure": "share of code", "experiments": ["before"], "models": "effective code", "threshold": 0.5}
    frames = of_runs(
        *({"gain": None, "model": model, "code_base": 0.9} for model in MODELS),
        **{"experiment": "before", "prompt": "chat_default"},
    )
    assert judged(rule, frames, PAPER)["paper_claim"] == "supported"
    changed = copy.deepcopy(PAPER.model_dump()) | {"exhibits": {}}
    changed["strategies"]["code"] = "def"
    assert judged(rule, frames, Suite.model_validate(changed))["paper_claim"] == "not run"
