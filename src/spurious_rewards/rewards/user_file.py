"""A reward from the user's own Python file, which is run once per process.

The reward can influence training only through the numbers it returns. An error in it ends the job with one sentence
that names file and function.
"""

import copy
import hashlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from spurious_rewards.config import reward_file
from spurious_rewards.config.reward_file import Code
from spurious_rewards.rewards import trl_signature, values
from spurious_rewards.rewards.functions import Context, RewardFunction
from spurious_rewards.rewards.importing import importable, load
from spurious_rewards.rewards.isolation import isolated
from spurious_rewards.runtime.errors import UserError, one_line


def planned(file: Path, digest: str | None) -> Code:
    """Read a reward file, which must be unchanged since the job was planned.

    Raises:
        UserError: the file changed; or see `reward_file.read`.
    """
    code = reward_file.read(file)
    if code.digest != digest:
        raise UserError(
            f"{file}: it, or a file beside it that it imports, changed since the run was planned; start Snakemake again"
        )
    return code


def from_file(code: Code, name: str) -> RewardFunction:
    """Run a reward file and return its reward, which may be any callable.

    A class is instantiated once, without arguments; the instance is the reward. A TRL reward function may return None
    for a response. The value is then NaN: the response is left out of its group and has no effect on training.

    Raises:
        UserError: the file cannot be run, or has no such reward. The reward itself raises UserError if the user's
            function raises, or does not return one number for each response.
    """
    own = _callable(code, name)
    with isolated(0), importable(code), _said(code, f"{name} cannot be looked at"):
        try:
            taken, wrong = trl_signature.taken(own), ""
        except UserError as error:
            taken, wrong = None, str(error)
    if wrong:
        raise UserError(f"{code.file}: {name} {wrong}")
    called = _as_ours(own) if taken is None else _as_in_trl(own, taken)

    def reward(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
        with isolated(_seed(context)), importable(code), _said(code, f"{name} failed"):
            returned = called(responses, labels, context)
            try:
                # Converting the values to numbers also runs the user's code.
                given = values.listed(returned, len(responses))
                return values.numbers(returned, given, len(responses), none=taken is not None)
            except UserError as error:
                wrong = str(error)
        raise UserError(f"{code.file}: {name} gave {wrong}")

    return reward


def _callable(code: Code, name: str) -> Callable[..., Any]:
    """Return the callable that a reward file has under a name."""
    print(f"reward: {name} of {code.file}", file=sys.stderr, flush=True)  # the last line if the file ends the process
    with isolated(0), importable(code), _said(code, f"cannot be imported for {name}"):
        module = load(code)
        own = getattr(module, name, None)
    if inspect.isclass(own):
        with (
            isolated(0),
            importable(code),
            _said(code, f"{name} is a class, and making one of it without arguments failed"),
        ):
            own = own()
    if own is None:
        raise UserError(f"{code.file}: has no function {name}; fix `function` of the reward")
    if not callable(own):
        raise UserError(
            f"{code.file}: {name} is {values.short(own)}, which cannot be called; fix `function` of the reward"
        )
    with isolated(0), importable(code), _said(code, f"{name} cannot be looked at"):
        waited_for = any(map(inspect.iscoroutinefunction, (own, getattr(own, "__call__", None))))  # noqa: B004
    if waited_for:
        raise UserError(f"{code.file}: {name} is an async function; a reward must be a plain one")
    found: Callable[..., Any] = own
    return found


def _as_ours(own: Callable[..., Any]) -> Callable[..., Any]:
    def called(responses: Sequence[str], labels: Sequence[str], context: Context) -> Any:
        return own(list(responses), list(labels), _copied(context))

    return called


def _as_in_trl(own: Callable[..., Any], taken: Sequence[str]) -> Callable[..., Any]:
    def called(responses: Sequence[str], labels: Sequence[str], context: Context) -> Any:
        given = trl_signature.keywords(responses, labels, context)
        return own(**{name: given[name] for name in taken})

    return called


def _copied(context: Context) -> Context:
    """Return a copy of a context that shares no mutable object with the trainer."""
    return replace(
        context,
        ids=list(context.ids),
        slots=list(context.slots),
        indices=list(context.indices),
        problems=list(context.problems),
        prompts=copy.deepcopy(list(context.prompts)),
        completion_ids=[list(ids) for ids in context.completion_ids],
        trainer_state=copy.deepcopy(context.trainer_state),
    )


def _seed(context: Context) -> int:
    """Return the seed for random numbers in a reward; it differs between seeds, steps and processes."""
    place = (context.seed, context.step, *context.slots[:1], *context.indices[:1])
    return int.from_bytes(hashlib.sha256(repr(place).encode()).digest()[:4], "big")


# ---------------------------------------------------------------- what it is said to have done


@contextmanager
def _said(code: Code, what: str) -> Iterator[None]:
    """Turn whatever the user's code raises, even sys.exit, into one sentence, except for Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except UserError as error:
        raise UserError(f"{code.file}: {what}: {error}") from error
    except BaseException as error:
        raised = one_line("".join(traceback.format_exception_only(error)))
        raise UserError(f"{code.file}: {what}: {raised}{_line(code, error)}") from error


def _line(code: Code, error: BaseException) -> str:
    """Return the last line of the user's own code in a traceback, as text for a message; "" without one."""
    own = {str(module.path): module.path.name for module in code.modules.values()}
    lines = [
        (own[frame.f_code.co_filename], line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename in own
    ]
    return f" ({lines[-1][0]}, line {lines[-1][1]})" if lines else ""
