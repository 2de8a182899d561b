"""A reward from the user's own Python file."""

import importlib.util
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from spurious_rewards.rewards.functions import Context, RewardFunction
from spurious_rewards.runtime.errors import UserError


def from_file(file: Path, name: str) -> RewardFunction:
    """A reward of the user's own. What it returns is checked at every step.

    Raises:
        UserError: no such file, it cannot be imported, or it has no such function; by the reward itself, if it raises,
            or does not give one finite number for each response.
    """
    spec = importlib.util.spec_from_file_location(f"reward_{file.stem}", file)
    if spec is None or spec.loader is None or not file.is_file():
        raise UserError(f"{file}: no Python file; mend `file` of the reward, which is read from the suite's folder")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"{file}: cannot be imported: {type(error).__name__}: {error}") from error
    own = getattr(module, name, None)
    if not callable(own):
        raise UserError(f"{file}: has no function {name}; mend `function` of the reward")

    def reward(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
        try:
            values = [float(value) for value in own(responses, labels, context)]
        except Exception as error:
            raise UserError(f"{file}: {name} failed: {type(error).__name__}: {error}") from error
        if len(values) != len(responses) or not all(map(math.isfinite, values)):
            raise UserError(
                f"{file}: {name} gave {len(values)} values for {len(responses)} responses, or one that is no finite "
                "number; give one number for each"
            )
        return values

    return reward
