"""The documentation page on rewards: it lists all fields, keywords and functions, and its examples run."""

import dataclasses
import re
import sys
from pathlib import Path

import pytest
from rewarding import context

from spurious_rewards.config.training import Reward
from spurious_rewards.rewards.functions import Context
from spurious_rewards.rewards.registry import REGISTRY, of
from spurious_rewards.rewards.trl_signature import PASSED

PAGE = (Path(__file__).parents[2] / "docs/reference/rewards.md").read_text(encoding="utf-8")


def names(head: str) -> list[str]:
    """Return the first cells of the table with this header."""
    rows = PAGE.split(f"\n{head}\n")[1].split("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", rows, flags=re.MULTILINE)


def test_it_has_every_function_field_and_keyword() -> None:
    assert names("| `function` | gives 1 where | trains on |") == list(REGISTRY)
    assert names("| field | type | what it is |") == [field.name for field in dataclasses.fields(Context)]
    assert names("| keyword | what it is |") == list(PASSED)


@pytest.mark.parametrize(
    ("name", "values"),
    [("right_and_short", [1.0, 0.0]), ("coin", None), ("ends_with_a_stop", [0.0, 1.0])],
)
def test_its_examples_pay_as_they_say(name: str, values: list[float] | None, tmp_path: Path) -> None:
    [example] = [text for text in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL) if f"def {name}(" in text]
    (tmp_path / "example.py").write_text(example)
    sys.modules.pop("example", None)
    reward = of(Reward(function=name, file=tmp_path / "example.py"))
    given = reward([r"so \boxed{3}", "three."], ["3", "3"], context(2))
    assert given == values if values else set(given) <= {0.0, 1.0}
    assert given == reward([r"so \boxed{3}", "three."], ["3", "3"], context(2))
