"""Checks that the trainer's state of a checkpoint can be read; the checkpoint may come from someone else.

Pickles in it cannot run code, because torch and transformers load them with `weights_only`. DeepSpeed does not do so
with its own files (`global_step*`). Such a state must be trusted like code.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from transformers import TrainerState

from spurious_rewards.config.messages import validate
from spurious_rewards.runtime.errors import UserError, in_a_line
from spurious_rewards.runtime.files import read_json
from spurious_rewards.training import state_trial

PICKLES = ("optimizer.pt", "optimizer.bin", "scheduler.pt", "scaler.pt", "rng_state*.pth")
"""Patterns of the pickles that torch reads, with one process or with FSDP."""

MEND = "copy the checkpoint again, or delete its segment to train it again"


class _State(BaseModel):
    """The fields of trainer_state.json that the trainer uses; `log_history` is only kept."""

    model_config = ConfigDict(strict=True, extra="allow")

    global_step: int
    epoch: float | None = None
    log_history: list[dict[str, Any]] = []
    stateful_callbacks: dict[str, Any] | None = None


def check_state(checkpoint: Path, updates: int) -> None:
    """Read through the trainer's state in a checkpoint that follows so many `updates` of the optimiser.

    Tensors are not read, because files are mapped to memory.

    Raises:
        UserError: a file is damaged, is something else, would run code, or would take much more memory than its size.
    """
    record = checkpoint / "trainer_state.json"
    said = read_json(record)
    state = validate(_State, said, record)
    try:
        TrainerState(**said)
    except TypeError as error:
        raise UserError(f"{record}: not what the trainer writes ({in_a_line(error)}); {MEND}") from None
    if state.global_step != updates:
        raise UserError(
            f"{record}: global_step = {state.global_step}: it is {updates} after as many steps as {checkpoint.name}; {MEND}"
        )
    pickles = list(_pickles(checkpoint))
    for file in pickles:
        if not file.is_file():
            raise UserError(f"{file}: not a file; {MEND}")
    if found := state_trial.first_fault(pickles):
        file, fault = found
        raise UserError(f"{file}: not what the trainer writes, or damaged ({fault}); {MEND}")


def _pickles(checkpoint: Path) -> Iterator[Path]:
    for pattern in PICKLES:
        yield from sorted(checkpoint.glob(pattern))
