"""SIGTERM in training: preemption, scancel or a time limit of SLURM, a Snakemake that is stopped."""

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
    """Training was told to end and has kept what it had; ends the process with the exit code of a SIGTERM."""


def leave(kept: str) -> NoReturn:
    """Say in one line what is kept, and raise Interrupted."""
    if PartialState().is_main_process:
        print(f"interrupted; {kept}, and the same command goes on from there", file=sys.stderr, flush=True)
    raise Interrupted(EXIT_CODE)


@contextlib.contextmanager
def trapping_sigterm() -> Iterator[Callable[[], bool]]:
    """Note SIGTERM instead of dying of it.

    Gives a function that says whether it came to any of the job's processes; all of them must call it at the same points.
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
    """Once interrupted, saves and stops at the end of a rollout step: in the middle of one its responses would be lost."""

    def __init__(self, interrupted: Callable[[], bool], updates: int):
        """`updates` is how many of the trainer's steps a rollout step has."""
        self.interrupted, self.updates = interrupted, updates

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **keywords: Any
    ) -> None:
        """Called after each update, before metrics are logged and checkpoints saved."""
        if state.global_step % self.updates == 0 and self.interrupted():
            control.should_save = control.should_training_stop = True
