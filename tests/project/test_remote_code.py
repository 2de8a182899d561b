"""Every call that can load a model, a tokenizer or data says explicitly that code which comes with it is not run."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from spurious_rewards.config.training import Training
from spurious_rewards.training.mapping import grpo_arguments

ROOT = Path(__file__).parents[2]
CALLS = ("from_pretrained", "from_config", "load_dataset", "load_dataset_builder", "LLM", "ScriptArguments", "pipeline")
"""Calls of libraries in which `trust_remote_code` can be left open; transformers then asks on standard input."""

DATA_ALONE = ("GenerationConfig",)
"""Classes whose `from_pretrained` reads JSON and no code, and has no such argument."""


def calls(code: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            of = node.func.value if isinstance(node.func, ast.Attribute) else None
            if name in CALLS and not (isinstance(of, ast.Name) and of.id in DATA_ALONE):
                yield node


def trusting(code: str) -> list[int]:
    """Return the lines of the calls that do not pass `trust_remote_code=False`."""
    return [
        call.lineno
        for call in calls(code)
        if not any(
            given.arg == "trust_remote_code" and isinstance(given.value, ast.Constant) and given.value.value is False
            for given in call.keywords
        )
    ]


def test_every_call_of_the_library_says_no() -> None:
    found = {path: path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py")}
    assert {str(path): lines for path, code in found.items() if (lines := trusting(code))} == {}
    assert sum(len(list(calls(code))) for code in found.values()) >= 8


@pytest.mark.parametrize(
    "call",
    [
        "AutoConfig.from_pretrained(folder)",
        "LLM(folder, trust_remote_code=True)",
        "datasets.load_dataset(name, trust_remote_code=trusted)",
        "transformers.AutoTokenizer.from_pretrained(folder, **given)",
    ],
)
def test_a_call_that_leaves_it_open_is_seen(call: str) -> None:
    assert trusting(call) == [1]


@pytest.mark.parametrize("engine", ["transformers", "vllm"])
def test_trl_is_told_no(engine: str) -> None:
    training = Training(engine=engine)
    arguments = grpo_arguments(training, stop=1, seed=0, output=Path("out"), processes=1, gpu=False)
    assert arguments["trust_remote_code"] is False
