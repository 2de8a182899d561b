"""Reward functions of TRL, which are called with keyword arguments, as its GRPOTrainer does."""

import copy
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from spurious_rewards.rewards.functions import Context
from spurious_rewards.runtime.errors import UserError

OF_TRL = ("prompts", "completions", "completion_ids")
"""A function with a parameter of one of these names is one of TRL's."""

PASSED = (*OF_TRL, "id", "problem", "answer", "label", "trainer_state")
"""Keyword arguments, by TRL's names or those of the columns of a training set."""


def taken(reward: Callable[..., Any]) -> tuple[str, ...] | None:
    """The keyword arguments that a function of TRL's takes; None for one that takes (responses, labels, context).

    Raises:
        UserError: it can be called neither way; the message begins with what it takes.
    """
    try:
        signature = inspect.signature(_called(reward))
    except (TypeError, ValueError):  # of what is written in C there may be none
        return None
    parameters = signature.parameters.values()
    if _passes_everything_on(signature):
        raise UserError(
            f"takes {signature}, which does not say whether it is called as (responses, labels, context) or as in TRL; where it "
            "is a decorator's, use functools.wraps"
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
        raise UserError(f"takes {', '.join(missing)}, which it is not given; it is given {', '.join(PASSED)}")
    if positional := [one.name for one in parameters if one.kind is one.POSITIONAL_ONLY and one.default is one.empty]:
        raise UserError(
            f"takes {', '.join(positional)} by position only; a reward of TRL's is given its arguments by name"
        )
    return PASSED if every else tuple(name for name in PASSED if name in named)


def _called(reward: Callable[..., Any]) -> Callable[..., Any]:
    """What is called in the end: the forward of a torch module, the one function that a decorator's has about it."""
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
    """All of PASSED, one value for each response, in lists that the function may change.

    A chat prompt is a list of messages and its completion one, of the assistant; a raw prompt and its completion are texts.
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
        "answer": list(labels),  # a reward from a file is trained on the true answers
        "label": list(labels),
        "trainer_state": copy.deepcopy(context.trainer_state),
    }
