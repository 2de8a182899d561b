"""Sharing the batches of a job among engines, one a GPU, each in a process of its own.

For a model that fits one card this draws about as many tokens as the cards can; to spread the model over all of them
(tensor parallelism) would have each token wait for the slowest.
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
"""Of prctl(2)."""

LONGEST = 10_000
"""Characters of a complaint: a pipe holds more, and is read when its writer has ended."""


@dataclass(frozen=True)
class Part:
    """The share of one engine: every `of`-th batch, beginning with the one numbered `number`."""

    number: int = 0
    of: int = 1

    def has(self, batch: int) -> bool:
        """Whether a batch is of this part."""
        return batch % self.of == self.number

    def __str__(self) -> str:
        return f", engine {self.number + 1} of {self.of}" if self.of > 1 else ""


def share_out(work: Callable[[Part], None], hardware: Hardware) -> None:
    """Do `work`, here, or part by part in as many processes as the hardware has engines.

    Each process sees the GPUs of its engine alone, and ends when this one does, however that ends.

    Raises:
        UserError: what a part raises, or that the system has ended one.
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
    """Raise what a process that has ended reports."""
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
    """The GPUs of a part, as CUDA_VISIBLE_DEVICES names them."""
    named = visible_gpus.named()
    visible = [str(number) for number in range(hardware.gpus)] if named is None else named
    size = hardware.tensor_parallel_size
    return visible[part.number * size : (part.number + 1) * size]


def _do(work: Callable[[Part], None], part: Part, gpus: Sequence[str], report: Connection, parent: int) -> None:
    # The system kills this process when its parent has ended, which may be by SIGKILL.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    os.environ[visible_gpus.VARIABLE] = ",".join(gpus)  # torch looks when it first uses a GPU
    try:
        work(part)
    except UserError as error:
        report.send(str(error)[:LONGEST])
        sys.exit(1)
