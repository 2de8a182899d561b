"""What a check says."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """What a check found: whether the suite can run with it, and how to fix it if not."""

    level: Literal["fails", "warns", "fine"]
    what: str
    found: str = ""
    mend: str = ""
    """goes on from: To fix it,"""
