"""Requests to an engine: prompts, each with a seed of its own."""

from collections import Counter
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


def most_common_pair(texts: list[str]) -> str:
    """Return the most common pair of adjacent characters."""
    return Counter(text[i : i + 2] for text in texts for i in range(len(text) - 1)).most_common(1)[0][0]


def by_company(engine: Engine, prompts: Sequence[Sequence[int]]) -> dict[str, list[Completion]]:
    """Complete the same requests in one batch, alone, in reverse order and in two batches; each list is in order.

    The requests are drawn at two temperatures and greedily. The batches differ in order and in padded width.
    """
    asked = [*requests(prompts, 1.0, seed=3), *requests(prompts, 0.0), *requests(prompts, 0.5, seed=4)]
    settings: dict[str, Any] = {"max_new_tokens": 12, "stop": ()}
    return {
        "together": engine.complete(asked, **settings),
        "alone": [engine.complete([request], **settings)[0] for request in asked],
        "turned round": engine.complete(asked[::-1], **settings)[::-1],
        "in two": engine.complete(asked[:4], **settings) + engine.complete(asked[4:], **settings),
    }
