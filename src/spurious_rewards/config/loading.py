"""Reads and checks suite files."""

import os
from pathlib import Path

import yaml

from spurious_rewards.config import reward_file
from spurious_rewards.config.consistency import check
from spurious_rewards.config.messages import FoundError, validate
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import Reward
from spurious_rewards.config.yaml_files import read_yaml
from spurious_rewards.runtime.errors import UserError


def load(path: Path) -> Suite:
    """Read and check a suite file. Paths of reward files in it are relative to its folder.

    Raises:
        UserError: the file does not exist, is not YAML, or has a wrong key or value; the message names file, key, value
            and what is allowed.
    """
    suite = validate(Suite, read_yaml(path), path)
    try:
        check(suite)
    except FoundError as error:
        raise UserError(f"{path}: {error}") from None
    return suite.model_copy(
        update={"rewards": {name: _beside(path, name, each) for name, each in suite.rewards.items()}}
    )


def _beside(path: Path, name: str, reward: Reward) -> Reward:
    """Return a reward with the path of its file relative to the working folder, not to the suite's folder."""
    if reward.file is None:
        return reward
    file = Path(os.path.relpath(path.parent / reward.file))
    try:
        code = reward_file.read(file)
    except UserError as error:
        raise UserError(f"{path}: rewards.{name}.file = {reward.file}: {error}") from None
    if not code.may_have(reward.function):
        raise UserError(
            f"{path}: rewards.{name}.function = {reward.function}: {file} has no such function; "
            f"it has: {', '.join(code.names) or 'none'}"
        )
    return reward.model_copy(update={"file": file})


def schema() -> str:
    """Return the JSON schema of a suite, as YAML."""
    head = "# Made by `make schema` from the classes in src/spurious_rewards/config, for editors that check YAML.\n"
    return head + yaml.safe_dump(Suite.model_json_schema(), sort_keys=False, width=120, allow_unicode=True)
