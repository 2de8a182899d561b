"""What a report says of a run that has not finished."""

from pathlib import Path

from spurious_rewards.config.base import Frozen


class Failed(Frozen):
    """A job that failed, and the last lines of its log."""

    name: str
    log: Path | None
    lines: str


class Unfinished(Frozen):
    """What a report says of the run that it is of, where that has not finished."""

    failed: tuple[Failed, ...]
    missing: dict[str, str]
    """What is missing -> why."""
    experiments: dict[str, str]
    """Experiment -> what stands under its tables."""
    exhibits: dict[str, str]
    """Figure or table that is not whole, or not made -> what its captions say of it."""
