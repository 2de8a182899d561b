"""The result of a check."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """What a check found: whether the suite can run like this, and how to fix it if not."""

    level: Literal["fails", "warns", "fine"]
    what: str
    found: str = ""
    mend: str = ""
    """How to fix it: the rest of a sentence that begins with "To fix it:"."""
