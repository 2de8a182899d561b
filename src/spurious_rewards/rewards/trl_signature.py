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
        signature = inspect.signature(reward)
    except (TypeError, ValueError):  # of what is written in C there may be none
        return None
    parameters = signature.parameters.values()
    named = {one.name: one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
    every = any(one.kind is one.VAR_KEYWORD for one in parameters)
    if not named.keys() & set(OF_TRL) and [one.kind for one in parameters] != [inspect.Parameter.VAR_KEYWORD]:
        try:
            signature.bind("responses", "labels", "context")
        except TypeError:
            raise UserError(
                f"takes {signature}; a reward takes (responses, labels, context), or by name, as in TRL, completions and "
                f"others of {', '.join(PASSED)}"
            ) from None
        return None
    if missing := [name for name, one in named.items() if one.default is one.empty and name not in PASSED]:
        raise UserError(f"takes {', '.join(missing)}, which it is not given; it is given {', '.join(PASSED)}")
    if positional := [one.name for one in parameters if one.kind is one.POSITIONAL_ONLY and one.default is one.empty]:
        raise UserError(
            f"takes {', '.join(positional)} by position only; a reward of TRL's is given its arguments by name"
        )
    return PASSED if every else tuple(name for name in PASSED if name in named)


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
