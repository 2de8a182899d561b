"""What a stage consists of: a job, which it gets as JSON, and the function that does the job."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from spurious_rewards.config.base import Frozen

Inputs = Mapping[str, list[Path]]
"""Artifacts that a stage reads, by the name of the input."""

Outputs = Mapping[str, Path]
"""Artifacts, or folders of artifacts, that a stage writes, by the name of the output."""


class JobSpec(Frozen):
    """Everything that decides what a job makes, except its input files. If it changes, Snakemake makes it again."""

    def as_json(self) -> str:
        """Return the job as a rule gives it to the command line: in ASCII, because some locales allow no more."""
        return self.model_dump_json(ensure_ascii=True)


class ModelJob(JobSpec):
    """A job that computes with torch."""

    portable: bool = Field(False, exclude_if=lambda portable: not portable)
    """Whether digits must be the same on every x86-64 processor (`runtime.numerics`), if it runs without a GPU."""


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline. `registry` finds it as `STAGE` of its module, which has the stage's name.

    Attributes:
        job: the class of its jobs.
        work: `work(job, inputs, outputs)`. It also takes `hardware` if the stage has an `engine`, `locations` if it
            reads local copies, and `cores` if it can use several. Heavy packages are imported inside, so that planning
            does not load torch.
        reads: names of the inputs that it must have.
        may_read: names of optional inputs.
        writes: names of its outputs.
        version: set for the stages up to the responses. Their artifacts cost GPU-hours, and are kept when code changes
            until you raise the version. None: changed code re-runs the stage (but not `prune`, which deletes).
        engine: for a stage that runs a model and may need GPUs, what samples a job's responses: "transformers" or
            "vllm".
    """

    job: type[JobSpec]
    work: Callable[..., None]
    reads: tuple[str, ...] = ()
    may_read: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    version: int | None = None
    engine: Callable[[Any], str] | None = None

    @property
    def reads_copies(self) -> bool:
        """Whether it may read files or model folders of the user's. Then `work` is told where they lie."""
        return "locations" in inspect.signature(self.work).parameters

    @property
    def uses_cores(self) -> bool:
        """Whether it uses as many processes as it has cores."""
        return "cores" in inspect.signature(self.work).parameters
