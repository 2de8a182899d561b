"""SIGTERM in training: from preemption, scancel or a time limit of SLURM, or from a Snakemake that is stopped."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import torch
from accelerate import PartialState
from accelerate.utils import reduce
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

EXIT_CODE = 128 + signal.SIGTERM


class Interrupted(SystemExit):
    """Training was told to end and has kept its work; the process ends with the exit code of a SIGTERM."""


def leave(kept: str) -> NoReturn:
    """Print one line that says what is kept, and raise Interrupted."""
    if PartialState().is_main_process:
        print(f"interrupted; {kept}; run the same command to resume", file=sys.stderr, flush=True)
    raise Interrupted(EXIT_CODE)


@contextlib.contextmanager
def trapping_sigterm() -> Iterator[Callable[[], bool]]:
    """Record SIGTERM instead of ending because of it.

    Yields a function that says whether any of the job's processes got a SIGTERM. All of them must call it at the same
    points.
    """
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: came.append(number))

    def interrupted() -> bool:
        local = torch.tensor(len(came), device=PartialState().device)
        return bool(reduce(local, "sum").item())

    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGTERM, before)


class StopAtBoundary(TrainerCallback):
    """Saves and stops at the end of a rollout step, once interrupted; within a step, its responses would be lost."""

    def __init__(self, interrupted: Callable[[], bool], updates: int):
        """`updates` is the number of trainer steps in a rollout step."""
        self.interrupted, self.updates = interrupted, updates

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **keywords: Any
    ) -> None:
        """Request a checkpoint and the end of training if interrupted.

        The trainer calls this after each update, before it logs metrics and saves checkpoints.
        """
        if state.global_step % self.updates == 0 and self.interrupted():
            control.should_save = control.should_training_stop = True
