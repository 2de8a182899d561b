"""Distribute the batches of a job over engines, each in its own process with its own GPUs.

For a model that fits on one GPU, one engine per GPU reaches about the full throughput of the GPUs. Splitting the model
over the GPUs (tensor parallelism) would make every token wait for the slowest GPU.
"""

import ctypes
import multiprocessing.connection
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, cast

from spurious_rewards.config.resources import Hardware
from spurious_rewards.runtime import visible_gpus
from spurious_rewards.runtime.errors import UserError

PR_SET_PDEATHSIG = 1
"""The option of prctl(2) that sets the signal on the parent's death."""

LONGEST = 10_000
"""Characters of an error message. A pipe holds more, so the message can be read after the process ended."""


@dataclass(frozen=True)
class Part:
    """The share of one engine: every `of`-th batch, starting with batch `number`."""

    number: int = 0
    of: int = 1

    def has(self, batch: int) -> bool:
        """Whether a batch belongs to this part."""
        return batch % self.of == self.number

    def __str__(self) -> str:
        return f", engine {self.number + 1} of {self.of}" if self.of > 1 else ""


def share_out(work: Callable[[Part], None], hardware: Hardware) -> None:
    """Run `work` here, or part by part in one process for each of the hardware's engines.

    Each process sees only the GPUs of its engine. It ends when this process ends, in whatever way.

    Raises:
        UserError: a part raised one, or the system killed a process.
    """
    engines = hardware.engines
    if engines == 1:
        work(Part())
        return
    context = multiprocessing.get_context("spawn")
    reports, ends = zip(*(context.Pipe(duplex=False) for _ in range(engines)), strict=True)
    running: list[Any] = []
    try:
        for number, end in enumerate(ends):
            part = Part(number, engines)
            process = context.Process(target=_do, args=(work, part, _gpus_of(part, hardware), end, os.getpid()))
            process.start()
            running.append(process)
            end.close()
        left = {process.sentinel: (process, report) for process, report in zip(running, reports, strict=True)}
        while left:
            for sentinel in multiprocessing.connection.wait(list(left)):
                _check(*left.pop(cast(int, sentinel)))
    finally:
        for process in running:
            process.kill()
            process.join()


def _check(process: Any, report: Connection) -> None:
    """Raise the error that an ended process reports, if any."""
    process.join()
    if process.exitcode > 0:
        try:
            said = report.recv()
        except EOFError:
            raise RuntimeError("an engine failed; its traceback stands above") from None
        raise UserError(said)
    if process.exitcode < 0:
        raise UserError(
            f"an engine was ended by {signal.Signals(-process.exitcode).name}, most often since the machine has no memory "
            "left; run again: what is answered is kept; for less memory lower batch_tokens or sampling_gpus"
        )


def _gpus_of(part: Part, hardware: Hardware) -> Sequence[str]:
    """Return the GPUs of a part, in the notation of CUDA_VISIBLE_DEVICES."""
    named = visible_gpus.named()
    visible = [str(number) for number in range(hardware.gpus)] if named is None else named
    size = hardware.tensor_parallel_size
    return visible[part.number * size : (part.number + 1) * size]


def _do(work: Callable[[Part], None], part: Part, gpus: Sequence[str], report: Connection, parent: int) -> None:
    # The system kills this process when its parent ends, even if the parent is killed by SIGKILL.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    os.environ[visible_gpus.VARIABLE] = ",".join(gpus)  # in time, as torch reads it when it first uses a GPU
    try:
        work(part)
    except UserError as error:
        report.send(str(error)[:LONGEST])
        sys.exit(1)
