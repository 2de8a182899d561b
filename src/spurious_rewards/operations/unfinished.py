"""What a run of the workflow left undone: the jobs, why each was not done, and the words for it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from pydantic import ValidationError

from spurious_rewards.config.base import Frozen
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.messages import explain
from spurious_rewards.config.suite import Suite
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import read_text
from spurious_rewards.runtime.places import without_places

TAIL = 2**20
"""Bytes at the end of a failed job's log that are read."""

LINES = 12
"""Lines at the end of a failed job's log that are shown."""

LONGEST = 1_000
"""Characters of a log's line that are shown."""

JOBS = 10_000
"""Largest number of jobs in a record. It is limited because each job may wait for each other job."""

NAMED = 3
"""How many of the failed jobs that another job waits for are named."""


class UnfinishedJob(Frozen):
    """A job that a run of the workflow was to do and has not done."""

    name: str
    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...]
    log: Path | None
    failed: bool
    """Whether the job failed. If not, it was not reached."""

    def __hash__(self) -> int:
        """Hash only name and first output, because jobs are keys below and may have thousands of inputs."""
        return hash((self.name, self.outputs[:1]))


class UnfinishedRun(Frozen):
    """A run of the workflow that left jobs undone. The place of its record, and no key, says which suite it was of."""

    unfinished: tuple[UnfinishedJob, ...]


Lacks = Mapping[Run | Path, str]
"""What something lacks -> why. It can lack runs, untrained models (runs without a reward), and other artifacts."""


def read(record: Path) -> UnfinishedRun:
    """Read the record that `after_failure` wrote.

    Raises:
        UserError: there is no such record, it is invalid, or it has more than `JOBS` jobs.
    """
    try:
        found = UnfinishedRun.model_validate_json(read_text(record))
    except UserError as error:
        raise UserError(f"{error}; a run that fails, or is stopped, leaves such a record") from None
    except ValidationError as error:
        raise explain(error, str(record), UnfinishedRun) from None
    if len(found.unfinished) > JOBS:
        raise UserError(f"{record}: has more than {JOBS:,} jobs; run Snakemake again, which writes another if it fails")
    return found


# ---------------------------------------------------------------- what is missing


@dataclass(frozen=True)
class Outcome:
    """How a run of the workflow ended: the jobs that it left undone, in the order of the workflow."""

    undone: tuple[UnfinishedJob, ...]

    @cached_property
    def maker(self) -> dict[Path, UnfinishedJob]:
        """Return file -> the job that was to make it, for files that are missing or out of date."""
        return {path: job for job in self.undone for path in job.outputs}

    def there(self, path: Path) -> bool:
        """Whether an artifact can be used. One that exists but was to be made again belongs to another request."""
        return path not in self.maker and path.exists()

    def why(self, path: Path) -> str:
        """Return why an artifact cannot be used."""
        if (job := self.maker.get(path)) is None:
            return "deleted after it was made"
        if job.failed:
            return f"failed: {job.name}"
        names = [blamed.name for blamed in self._blamed[job]]
        more = f"; and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return f"not run, because this failed: {'; '.join(names[:NAMED])}{more}" if names else "not run"

    @property
    def stopped_short(self) -> bool:
        """Whether some job was left undone although it could have been done."""
        return any(not job.failed and not self._blamed[job] for job in self.undone)

    @cached_property
    def _blamed(self) -> dict[UnfinishedJob, tuple[UnfinishedJob, ...]]:
        """Return job -> the failed jobs that it waits for, the nearest ones of each branch."""
        waits_for = {
            job: tuple(dict.fromkeys(self.maker[path] for path in job.inputs if path in self.maker))
            for job in self.undone
        }
        blamed: dict[UnfinishedJob, tuple[UnfinishedJob, ...]] = {}
        try:
            for job in TopologicalSorter(waits_for).static_order():
                found = (cause for one in waits_for[job] for cause in ((one,) if one.failed else blamed[one]))
                blamed[job] = tuple(dict.fromkeys(found))
        except CycleError as error:
            raise UserError(
                f"the record of the run: {error.args[1][0].name} waits for itself; run Snakemake again"
            ) from None
        return blamed


def last_lines(log: Path | None) -> str:
    """Return the end of a log, without paths of this machine; "" if there is no log."""
    if log is None or not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
        text = without_places(file.read(TAIL).decode(errors="replace"))
    lines = (
        line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")
    )  # this keeps only the last state of a progress bar
    shown = [line for line in lines if line.strip()][-LINES:]
    return "\n".join(line if len(line) <= LONGEST else f"{line[:LONGEST]} …" for line in shown)


def named(suite: Suite, run: Run) -> str:
    """Return a run, or a model before training, in words for a reader. Usual settings are not mentioned."""
    model = suite.models[run.model]
    reward = suite.rewards[run.reward].title or run.reward if run.reward else "before training"
    words = [model.title or run.model, reward]
    if run.variant not in ("", "default"):
        words.append(f"variant {run.variant.replace('_', ' ')}")
    if run.prompt != model.prompt:
        words.append(f"prompt {run.prompt.replace('_', ' ')}")
    if run.seeds:
        words.append(f"seed{'s' * ('-' in run.seeds)} {run.seeds}")
    return ", ".join(words)
