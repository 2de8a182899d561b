"""The pre-commit hooks run the same commands as `make lint`."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


def hooks() -> list[dict[str, Any]]:
    (own,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert own["repo"] == "local", "nothing is fetched: the tools are those of constraints.txt"
    return own["hooks"]


def test_hooks_and_make_lint_run_the_same_commands_in_the_same_order() -> None:
    recipe = re.search(r"^lint:.*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert recipe
    commands = [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()]
    assert [hook["entry"] for hook in hooks()] == commands
    assert len(commands) >= 6


def test_hooks_look_at_the_whole_checkout_as_make_lint_does() -> None:
    for hook in hooks():
        assert hook["language"] == "system"
        assert hook["pass_filenames"] is False
        assert not {"files", "exclude", "types", "args", "stages"} & hook.keys()


def test_pre_commit_is_no_dependency() -> None:
    for name in ("pyproject.toml", "constraints.txt"):
        assert not re.search(r"\bpre[-_]commit\b", (ROOT / name).read_text())
