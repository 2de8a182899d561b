"""A reward from the user's own Python file, which is run once in a process.

Whatever it does, training, its metrics and the rollouts kept are those of the responses; what it cannot be paid by ends in a
sentence with file and function.
"""

import copy
import hashlib
import inspect
import math
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from spurious_rewards.config import reward_file
from spurious_rewards.config.reward_file import Code
from spurious_rewards.rewards import trl_signature
from spurious_rewards.rewards.functions import Context, RewardFunction
from spurious_rewards.rewards.importing import importable, load
from spurious_rewards.rewards.isolation import isolated
from spurious_rewards.runtime.errors import UserError

LARGEST = 1e15
"""The squares of larger rewards add up to more than float32 holds, in which TRL normalises them in their groups."""


def planned(file: Path, digest: str | None) -> Code:
    """A reward file, which must be what it was when the job was planned.

    Raises:
        UserError: it is not; or see `reward_file.read`.
    """
    code = reward_file.read(file)
    if code.digest != digest:
        raise UserError(
            f"{file}: it, or a file beside it that it imports, changed since the run was planned; start snakemake again"
        )
    return code


def from_file(code: Code, name: str) -> RewardFunction:
    """Run a reward file and give its reward, which may be any callable.

    A class is made, once and without arguments; what it makes is the reward. A function of TRL's may give None for a
    response, which then is no part of its group and teaches nothing: its value is NaN.

    Raises:
        UserError: the file cannot be run, or has no such reward; and by the reward itself, if it raises, or does not give one
            number for each response.
    """
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
        raise UserError(f"{code.file}: has no function {name}; mend `function` of the reward")
    if not callable(own):
        raise UserError(f"{code.file}: {name} is {_short(own)}, which cannot be called; mend `function` of the reward")
    if any(map(inspect.iscoroutinefunction, (own, getattr(own, "__call__", None)))):  # noqa: B004
        raise UserError(f"{code.file}: {name} is an async function; a reward must be a plain one")
    try:
        taken = trl_signature.taken(own)
    except UserError as error:
        raise UserError(f"{code.file}: {name} {error}") from None
    called = _as_ours(own) if taken is None else _as_in_trl(own, taken)

    def reward(responses: Sequence[str], labels: Sequence[str], context: Context) -> list[float]:
        with isolated(_seed(context)), importable(code), _said(code, f"{name} failed"):
            returned = called(responses, labels, context)
            values = _values(returned, len(responses))
        try:
            return _numbers(returned, values, len(responses), none=taken is not None)
        except UserError as error:
            raise UserError(f"{code.file}: {name} gave {error}") from None

    return reward


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
    """A context that shares nothing with the trainer that can be changed."""
    return replace(
        context,
        ids=tuple(context.ids),
        slots=tuple(context.slots),
        indices=tuple(context.indices),
        problems=tuple(context.problems),
        prompts=tuple(copy.deepcopy(list(context.prompts))),
        completion_ids=tuple(map(tuple, context.completion_ids)),
        trainer_state=copy.deepcopy(context.trainer_state),
    )


def _seed(context: Context) -> int:
    """Of the generators that a reward may draw from: each step of each seed, and each process, has its own."""
    place = (context.seed, context.step, *context.slots[:1], *context.indices[:1])
    return int.from_bytes(hashlib.sha256(repr(place).encode()).digest()[:4], "big")


# ---------------------------------------------------------------- what it gives


def _values(returned: Any, count: int) -> list[Any] | None:
    """What a reward returned, as a list of at most one more than `count`; None if it is nothing of the sort."""
    if inspect.isawaitable(returned) and hasattr(returned, "close"):
        returned.close()  # else Python warns that nobody waited for it
    no_numbers = isinstance(returned, str | bytes | bytearray | Mapping | Set) or not hasattr(returned, "__iter__")
    if no_numbers or getattr(returned, "ndim", 1) != 1:
        return None
    return list(islice(returned.tolist() if hasattr(returned, "tolist") else returned, count + 1))


def _numbers(returned: Any, values: list[Any] | None, count: int, *, none: bool) -> list[float]:
    """One finite number for each response; NaN for None, where that is allowed.

    Raises:
        UserError: it is something else; the message begins with what it is.
    """
    wanted = "give one number for each response" + (", or None" if none else "")
    if values is None:
        raise UserError(f"{_short(returned)} ({type(returned).__name__}); {wanted}")
    if len(values) != count:
        several = f"more than {count}" if len(values) > count else str(len(values))
        raise UserError(f"{several} values for {count} responses; {wanted}")
    return [math.nan if none and value is None else _number(value, i, wanted) for i, value in enumerate(values)]


def _number(value: Any, index: int, wanted: str) -> float:
    where = f"{_short(value)} for response {index}"
    try:
        number = math.nan if isinstance(value, str | bytes | bytearray) else float(value)
    except OverflowError:
        number = math.inf
    except Exception:
        number = math.nan
    if math.isnan(number):
        raise UserError(f"{where}, which is no number; {wanted}")
    if abs(number) > LARGEST:
        raise UserError(f"{where}; GRPO computes in float32, which holds rewards from {-LARGEST:g} to {LARGEST:g}")
    return number


# ---------------------------------------------------------------- what it is said to have done


@contextmanager
def _said(code: Code, what: str) -> Iterator[None]:
    """Make a sentence of whatever the user's code raises, sys.exit included, but for Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except UserError as error:
        raise UserError(f"{code.file}: {what}: {error}") from error
    except BaseException as error:
        raised = _short_words("".join(traceback.format_exception_only(error)))
        raise UserError(f"{code.file}: {what}: {raised}{_line(code, error)}") from error


def _line(code: Code, error: BaseException) -> str:
    """The last line of the user's own that was at work."""
    own = {str(module.path): module.path.name for module in code.modules.values()}
    lines = [
        (own[frame.f_code.co_filename], line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename in own
    ]
    return f" ({lines[-1][0]}, line {lines[-1][1]})" if lines else ""


def _short(value: object) -> str:
    try:
        return _short_words(repr(value), 60)
    except Exception:  # of an integer of thousands of digits, say
        return f"a {type(value).__name__}"


def _short_words(text: str, most: int = 500) -> str:
    """On one line, and not longer than a message may be."""
    words = " ".join(text.split())
    return words if len(words) <= most else f"{words[:most]}…"
