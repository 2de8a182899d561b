"""Prompts put to an engine, each with a seed of its own."""

from collections.abc import Sequence
from typing import Any

from spurious_rewards.generation.engine import Completion, Engine, Request, derived_seed


def requests(prompts: Sequence[Sequence[int]], temperature: float = 0.0, seed: int = 0) -> list[Request]:
    return [Request(prompt, temperature, derived_seed(seed, place)) for place, prompt in enumerate(prompts)]


def complete(
    engine: Engine,
    prompts: Sequence[Sequence[int]],
    temperature: float = 0.0,
    seed: int = 0,
    **settings: Any,
) -> list[Completion]:
    asked = {"max_new_tokens": 12, "stop": (), **settings}
    return engine.complete(requests(prompts, temperature, seed), **asked)
