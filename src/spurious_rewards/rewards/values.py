"""Check what a user's reward returned, and convert it to one number per response."""

import inspect
import math
from collections.abc import Mapping, Set
from itertools import islice
from typing import Any

from spurious_rewards.runtime.errors import UserError, one_line

LARGEST = 1e15
"""Largest absolute reward, well below about 1e19, whose square overflows float32, in which TRL normalises rewards."""


def listed(returned: Any, count: int) -> list[Any] | None:
    """Return a reward's result as a list of at most `count` + 1 values; None if it is no sequence of values."""
    if inspect.isawaitable(returned) and hasattr(returned, "close"):
        returned.close()  # else Python warns that the coroutine was never awaited
    no_numbers = isinstance(returned, str | bytes | bytearray | Mapping | Set) or not hasattr(returned, "__iter__")
    if no_numbers or getattr(returned, "ndim", 1) != 1:
        return None
    return list(islice(returned.tolist() if hasattr(returned, "tolist") else returned, count + 1))


def numbers(returned: Any, values: list[Any] | None, count: int, *, none: bool) -> list[float]:
    """Return one finite number for each response; NaN for None, where None is allowed.

    Raises:
        UserError: the values are something else; the message begins with what they are.
    """
    wanted = "give one number for each response" + (", or None" if none else "")
    if values is None:
        raise UserError(f"{short(returned)} ({type(returned).__name__}); {wanted}")
    if len(values) != count:
        several = f"more than {count}" if len(values) > count else str(len(values))
        raise UserError(f"{several} values for {count} responses; {wanted}")
    return [math.nan if none and value is None else _number(value, i, wanted) for i, value in enumerate(values)]


def _number(value: Any, index: int, wanted: str) -> float:
    try:
        number = math.nan if isinstance(value, str | bytes | bytearray) else float(value)
    except OverflowError:
        number = math.inf
    except Exception:
        number = math.nan
    if math.isnan(number):
        raise UserError(f"{short(value)} for response {index}, which is no number; {wanted}")
    if abs(number) > LARGEST:
        raise UserError(
            f"{short(value)} for response {index}; rewards must lie within ±{LARGEST:g}, because GRPO computes in float32"
        )
    return number


def short(value: object) -> str:
    """Return the repr of a value, shortened."""
    try:
        return one_line(repr(value), 60)
    except Exception:  # for example, of an integer with thousands of digits
        return f"an object of type {type(value).__name__}"
