"""Rewards with TRL's signature, called by keyword with the arguments that TRL's own trainer passes."""

import inspect
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rewarding import context

from spurious_rewards.config.training import Reward
from spurious_rewards.rewards.functions import RewardFunction
from spurious_rewards.rewards.registry import of
from spurious_rewards.rewards.trl_signature import OF_TRL, PASSED, keywords, taken
from spurious_rewards.runtime.errors import UserError

RESPONSES, LABELS = ["a", "b c"], ["1", "2"]


@pytest.fixture
def made(tmp_path: Path) -> Callable[[str], RewardFunction]:
    def make(text: str) -> RewardFunction:
        (tmp_path / "of_trl.py").write_text(text)
        sys.modules.pop("of_trl", None)
        return of(Reward(function="own", file=tmp_path / "of_trl.py"))

    return make


def chat(problem: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Add."}, {"role": "user", "content": problem}]


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `function` without functools.wraps, so that its signature is lost."""
    return lambda *args, **kwargs: function(*args, **kwargs)


# ---------------------------------------------------------------- which signature a function has


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (lambda prompts, completions, **kwargs: 0, PASSED),
        (lambda completions, **kwargs: 0, PASSED),
        (lambda **kwargs: 0, PASSED),
        (lambda completion_ids, **kwargs: 0, PASSED),
        (lambda prompts, completions: 0, ("prompts", "completions")),
        (lambda completions, answer, *, trainer_state=None: 0, ("completions", "answer", "trainer_state")),
        (lambda completions, scale=2.0: 0, ("completions",)),
        (lambda responses, labels, context: 0, None),
        (lambda a, b, c: 0, None),
        (lambda a, b, c, d=1, **others: 0, None),
        (lambda *everything: 0, None),
        (decorated(lambda a, b, c: 0), None),
        (decorated(lambda completions, answer=None: 0), ("completions", "answer")),
        (decorated(decorated(lambda completions, **kwargs: 0)), PASSED),
        (lambda responses, labels, context, prompts=None: 0, None),
        (print, None),
        (max, None),
    ],
)
def test_a_function_is_called_as_its_parameters_say(
    function: Callable[..., Any], names: tuple[str, ...] | None
) -> None:
    assert taken(function) == names


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            lambda a, b: 0,
            r"takes \(a, b\); a reward takes \(responses, labels, context\)\. One of TRL's takes completions by name",
        ),
        (lambda a, b, c, d: 0, r"takes \(a, b, c, d\); "),
        (lambda *a, **k: 0, "so it is unclear whether to call it with"),
        (
            lambda completions, solution, **kwargs: 0,
            "needs arguments that are not passed: solution; available: prompts, completions",
        ),
        (lambda completions, log_metric: 0, "needs arguments that are not passed: log_metric; "),
        (lambda prompts, /, completions: 0, "takes prompts by position only"),
    ],
)
def test_what_can_be_called_neither_way_is_said(function: Callable[..., Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        taken(function)


# ---------------------------------------------------------------- what a reward receives


def test_all_that_is_passed_has_one_value_for_each_response() -> None:
    given = keywords(RESPONSES, LABELS, context(2))
    assert tuple(given) == PASSED
    assert {len(value) for name, value in given.items() if name != "trainer_state"} == {2}
    assert given["prompts"] == ["compute 0 + 1 ="] * 2
    assert given["completions"] == RESPONSES
    assert given["completion_ids"] == [[0, 1], [1, 2]]
    assert given["problem"] == ["0 + 1"] * 2
    assert given["answer"] == given["label"] == LABELS
    assert given["trainer_state"].global_step == 0


def test_chat_prompts_have_conversational_completions() -> None:
    given = keywords(RESPONSES, LABELS, context(2, prompts=[chat("1 + 1"), chat("1 + 2")]))
    assert given["prompts"] == [chat("1 + 1"), chat("1 + 2")]
    assert given["completions"] == [[{"role": "assistant", "content": text}] for text in RESPONSES]


def test_it_may_change_whatever_it_is_given() -> None:
    of_trainer = context(2, prompts=[chat("1 + 1"), chat("1 + 2")])
    before = repr(of_trainer)
    given = keywords(RESPONSES, LABELS, of_trainer)
    given["prompts"][0][1]["content"] = "changed"
    given["completions"].clear()
    given["completion_ids"][0].append(9)
    given["trainer_state"].global_step = 9
    for name in ("id", "problem", "answer", "label"):
        given[name][0] = "changed"
    assert repr(of_trainer) == before
    assert LABELS == ["1", "2"]


def test_trl_passes_what_is_passed_here_and_what_the_page_says_is_not() -> None:
    """TRL's trainer passes PASSED without our own columns, plus the arguments that the page lists as not given."""
    from trl import GRPOTrainer

    source = inspect.getsource(GRPOTrainer._calculate_rewards)
    assert "prompts=prompts, completions=completions, completion_ids=completion_ids_list, **reward_kwargs" in source
    of_trl = {*OF_TRL, *re.findall(r'\breward_kwargs\["(\w+)"\] =', source)}
    assert of_trl - {"log_extra", "log_metric", "environments"} == {*OF_TRL, "trainer_state"}
    left_out = of_trl - set(PASSED)
    page = (Path(__file__).parents[2] / "docs/tutorials/your-reward.md").read_text()
    [listed] = [line for line in page.splitlines() if line.startswith("- It is not given")]
    assert all(f"`{name}`" in listed for name in left_out)


# ---------------------------------------------------------------- what a reward returns


def test_none_is_no_reward_for_a_response(made: Callable[[str], RewardFunction]) -> None:
    first, second = made("def own(completions, **kwargs): return [None, 2]")(RESPONSES, LABELS, context(2))
    assert math.isnan(first)
    assert second == 2.0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("None", r"own gave None \(NoneType\); give one number for each response, or None"),
        ("[1]", "own gave 1 values for 2 responses"),
        ("[1, float('nan')]", "own gave nan for response 1, which is no number"),
    ],
)
def test_what_it_may_not_give_is_said(made: Callable[[str], RewardFunction], values: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        made(f"def own(completions, **kwargs): return {values}")(RESPONSES, LABELS, context(2))


def test_rewards_of_trl_itself_work_on_chat_prompts(made: Callable[[str], RewardFunction]) -> None:
    reward = made("from trl.rewards import think_format_reward as own")
    responses = ["<think>so</think> 2", "2"]
    assert reward(responses, LABELS, context(2, prompts=[chat("1 + 1")] * 2)) == [1.0, 0.0]


def test_an_object_with_a_state_is_one_too(made: Callable[[str], RewardFunction]) -> None:
    reward = made(
        "class own:\n    def __init__(self): self.calls = 0\n    def __call__(self, prompts, completions, **kwargs):\n"
        "        self.calls += 1\n        return [self.calls] * len(prompts)"
    )
    assert [reward(RESPONSES, LABELS, context(2))[0] for _ in range(2)] == [1.0, 2.0]


def test_the_page_s_example_pays_as_it_says(made: Callable[[str], RewardFunction]) -> None:
    page = (Path(__file__).parents[2] / "docs/tutorials/your-reward.md").read_text()
    [example] = [text for text in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL) if "completions" in text]
    reward = made(example + "\nown = ends_in_a_number")
    responses, labels = ["so it is 3.", "three", "3"], ["3", "3", "x"]
    for prompts in (["1 + 2 ="] * 3, [chat("1 + 2")] * 3):
        values = reward(responses, labels, context(3, prompts=prompts))
        assert values[:2] == [1.0, 0.0]
        assert math.isnan(values[2])
