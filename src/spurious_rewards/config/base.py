"""What the classes of a suite share: unknown keys are errors, nothing changes after reading; names and ranges."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]
"""A name that also stands in paths."""

TextHash = Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
"""The first twelve hex digits of the SHA-256 of a problem's text, stripped of white space at its ends."""

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class Frozen(BaseModel):
    """Unknown keys are errors, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)
