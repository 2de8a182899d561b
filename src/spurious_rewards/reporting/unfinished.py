"""What the report of an unfinished run says about it."""

from pathlib import Path

from spurious_rewards.config.base import Frozen


class Failed(Frozen):
    """A job that failed, and the last lines of its log."""

    name: str
    log: Path | None
    lines: str


class Unfinished(Frozen):
    """What the report of an unfinished run says about the missing parts."""

    failed: tuple[Failed, ...]
    missing: dict[str, str]
    """What is missing -> why."""
    experiments: dict[str, str]
    """Experiment -> note under its tables."""
    exhibits: dict[str, str]
    """Figure or table that is incomplete or missing -> note in its captions."""
