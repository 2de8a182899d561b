"""What a stage is: the job that it is told, as JSON, and the function that does it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from spurious_rewards.config.base import Frozen

Inputs = Mapping[str, list[Path]]
"""Artifacts that a stage reads, by what they are."""

Outputs = Mapping[str, Path]
"""Artifacts, or folders of artifacts, that a stage writes, by what they are."""


class JobSpec(Frozen):
    """Everything that decides what a job makes, its input files apart. Snakemake makes it again when this changes."""

    def as_json(self) -> str:
        """As a rule hands it to the command line, which not every locale lets hold more than ASCII."""
        return self.model_dump_json(ensure_ascii=True)


class ModelJob(JobSpec):
    """A job in which torch computes."""

    portable: bool = Field(False, exclude_if=lambda portable: not portable)
    """Whether its digits are to be those of every x86-64 processor (`runtime.numerics`), where it runs without a GPU."""


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline; `registry` finds it as `STAGE` of its module, whose name is the stage's.

    Attributes:
        job: what it is told.
        work: `work(job, inputs, outputs)`, with `hardware` besides where the stage has an `engine`, and `locations` where it
            reads local copies, and `cores` where it can use several. It imports what is heavy inside, so that planning
            loads no torch.
        reads: names of the inputs that it must have.
        may_read: names of optional inputs.
        writes: names of its outputs.
        version: Set for stages up to the responses: their artifacts cost GPU-hours and are kept when code changes, until you
            raise it. None: changed code re-runs the stage, except `prune`.
        engine: of a stage with a model at work that may need GPUs, what draws its responses: "transformers" or "vllm".
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
        """Whether files or model folders of the user's may be among what it reads: `work` is told where they lie."""
        return "locations" in inspect.signature(self.work).parameters

    @property
    def uses_cores(self) -> bool:
        """Whether it takes as many processes as it has cores."""
        return "cores" in inspect.signature(self.work).parameters
