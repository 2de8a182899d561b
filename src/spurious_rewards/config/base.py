"""What the classes of a suite share: a base class that refuses unknown keys and changes, types of names and numbers."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from spurious_rewards.runtime.printing import printable

LARGEST = 2**31 - 1
"""Largest number of anything that is counted: nothing here can be larger, and every library can hold it."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$"
Name = Annotated[str, Field(pattern=NAME, max_length=100)]
"""A name that also appears in paths."""

IN_A_NAME = "allowed in a name: letters a to z, digits and _ . + -, and a letter or a digit first"


def _can_be_drawn(title: str) -> str:
    if held := next((character for character in title if printable(character) != character), ""):
        raise ValueError(f"holds the character {held!a}, which no figure and no terminal can show; delete it")
    return title


Title = Annotated[str, AfterValidator(_can_be_drawn)]
"""Text for people in figures, tables and messages."""

SEEDS = r"^[0-9]+(-[0-9]+)?$"

TextHash = Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
"""The first twelve hex digits of the SHA-256 of a problem's text, stripped of white space at its ends."""

Fraction = Annotated[float, Field(ge=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=LARGEST)]
CountOrZero = Annotated[int, Field(ge=0, le=LARGEST)]
AtLeastTwo = Annotated[int, Field(ge=2, le=LARGEST)]


def _json(options: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(options, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{str(error)[:1].lower()}{str(error)[1:]}; allowed: text, finite numbers, lists, mappings"
        ) from None
    return options


Options = Annotated[dict[str, Any], AfterValidator(_json)]
"""Keys and values that another library checks."""


class Frozen(BaseModel):
    """Unknown keys are errors, numbers are finite, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, bool) and info.field_name:
            allowed = cls.model_fields[info.field_name].annotation
            if not {bool, Any} & {allowed, *get_args(allowed)}:
                raise ValueError("neither true nor false is allowed here; give a value of its kind")
        return value

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Leave out keys that a job omits at their default: training that has begun is recognised by its repr."""
        for name, value in super().__repr_args__():
            left_out = name and type(self).model_fields[name].exclude_if
            if not (left_out and left_out(value)):
                yield name, value

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy as pydantic does, but without cached properties, which pydantic would copy with their old values."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied
