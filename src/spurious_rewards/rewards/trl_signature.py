"""Support for TRL reward functions, which are called with keyword arguments, as GRPOTrainer does."""

import copy
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from spurious_rewards.rewards.functions import Context
from spurious_rewards.runtime.errors import UserError

OF_TRL = ("prompts", "completions", "completion_ids")
"""Parameter names that mark a TRL reward function; one of them is enough."""

PASSED = (*OF_TRL, "id", "problem", "answer", "label", "trainer_state")
"""Keyword arguments that can be passed: TRL's own, and columns of a training set."""


def taken(reward: Callable[..., Any]) -> tuple[str, ...] | None:
    """Return the keyword arguments that a TRL reward function takes; None for one of (responses, labels, context).

    Raises:
        UserError: the function can be called in neither way; the message continues a sentence about it.
    """
    try:
        signature = inspect.signature(_called(reward))
    except (TypeError, ValueError):  # functions written in C may have no signature
        return None
    parameters = signature.parameters.values()
    if _passes_everything_on(signature):
        raise UserError(
            f"takes {signature}, so it is unclear whether to call it with (responses, labels, context) or as a TRL "
            "reward; name its parameters, or use functools.wraps in the decorator"
        )
    named = {one.name: one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
    every = any(one.kind is one.VAR_KEYWORD for one in parameters)
    ours = list(named)[:3] == ["responses", "labels", "context"]
    if ours or (not named.keys() & set(OF_TRL) and [one.kind for one in parameters] != [inspect.Parameter.VAR_KEYWORD]):
        try:
            signature.bind("responses", "labels", "context")
        except TypeError:
            raise UserError(
                f"takes {signature}; a reward takes (responses, labels, context). One of TRL's takes completions by name, and "
                f"may take {', '.join(name for name in PASSED if name != 'completions')}"
            ) from None
        return None
    if missing := [name for name, one in named.items() if one.default is one.empty and name not in PASSED]:
        raise UserError(f"needs arguments that are not passed: {', '.join(missing)}; available: {', '.join(PASSED)}")
    if positional := [one.name for one in parameters if one.kind is one.POSITIONAL_ONLY and one.default is one.empty]:
        raise UserError(
            f"takes {', '.join(positional)} by position only; a reward of TRL's is given its arguments by name"
        )
    return PASSED if every else tuple(name for name in PASSED if name in named)


def _called(reward: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a call finally runs: the forward of a torch module, or the one function that a decorator wraps."""
    forward = getattr(reward, "forward", None)
    if callable(forward) and not inspect.isfunction(reward):
        return _called(forward)
    if inspect.isfunction(reward) and _passes_everything_on(inspect.signature(reward)):
        inner = [found for found in inspect.getclosurevars(reward).nonlocals.values() if callable(found)]
        return _called(inner[0]) if len(inner) == 1 else reward
    return reward


def _passes_everything_on(signature: inspect.Signature) -> bool:
    kinds = [one.kind for one in signature.parameters.values()]
    return kinds == [inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD]


def keywords(responses: Sequence[str], labels: Sequence[str], context: Context) -> dict[str, Any]:
    """Return all arguments in PASSED, with one value for each response, in lists that the function may change.

    `trainer_state` is a single value. The completion of a chat prompt (a list of messages) is a list with one message
    of the assistant; the completion of a raw prompt (a text) is a text.
    """
    return {
        "prompts": copy.deepcopy(list(context.prompts)),
        "completions": [
            text if isinstance(prompt, str) else [{"role": "assistant", "content": text}]
            for text, prompt in zip(responses, context.prompts, strict=True)
        ],
        "completion_ids": [list(ids) for ids in context.completion_ids],
        "id": list(context.ids),
        "problem": list(context.problems),
        "answer": list(labels),  # with a reward from a file, the labels are the true answers
        "label": list(labels),
        "trainer_state": copy.deepcopy(context.trainer_state),
    }
