"""Checkpoints of a seed in training: when they are whole, what is kept of them, and what can be resumed from.

    checkpoint-{update}/  being written by the trainer
    step{rollout step}/   whole: renamed when all is in it

Training goes on from a checkpoint that has the trainer's state, and with it the seed's metrics and rollouts up to there. The
last of a segment has one, and one that is saved on an interruption. The others have one unless that would take too long
(`saving.state_is_due`): then they are weights alone. Once a later state is whole, only the weights of evaluated steps stay.
"""

import re
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.checkpoints import STATE
from spurious_rewards.config.accelerate import AccelerateConfig
from spurious_rewards.models import loading
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import remove
from spurious_rewards.runtime.links import refuse_links_below
from spurious_rewards.training.launching import by_main_process

TABLES = {"metrics": tables.Metrics, "rollouts": tables.Rollouts}

OPTIMIZER = {None: "optimizer.pt", "FSDP": "optimizer.bin", "DEEPSPEED": "latest"}
"""What a checkpoint has if its optimiser's state is there, by sharding. Without it the Trainer silently starts a new one."""


@dataclass(frozen=True)
class Record:
    """Rows of a seed's metrics and rollouts, in order of steps."""

    metrics: list[dict[str, Any]] = field(default_factory=list)
    rollouts: list[dict[str, Any]] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write both tables into `folder`."""
        for name, table in TABLES.items():
            rows = getattr(self, name)
            tables.write(pd.DataFrame(rows) if rows else tables.empty(table), table, folder / f"{name}.parquet")

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """Read what `write` wrote."""
        rows: dict[str, Any] = {name: read_table(folder, name).to_dict("records") for name in TABLES}
        return cls(**rows)


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """One of the TABLES of a record."""
    return tables.read(folder / f"{name}.parquet", TABLES[name])


def whole_steps(folder: Path) -> list[int]:
    """Rollout steps of the whole checkpoints in `folder`, in order."""
    named = (re.fullmatch(r"step(\d{1,9})", path.name) for path in folder.glob("step*"))
    return sorted(int(found[1]) for found in named if found)


def take_up(folder: Path, start: int, stop: int, seed: int) -> tuple[int, Record]:
    """Go back to a seed's last state in `folder`: its rollout step, and the record up to there; without one to `start`.

    What is later goes: on a GPU the same steps come to other weights, and a run has one history.
    """
    for half_written in folder.glob("checkpoint-*"):
        remove(half_written)
    steps = whole_steps(folder)
    first = max((step for step in steps if _has_state(folder / f"step{step}")), default=start)
    later = [step for step in steps if step > first]
    for step in later:
        remove(folder / f"step{step}")
    if steps:
        again = f"; up to step {later[-1]} only weights were saved, so that is trained again" if later else ""
        print(f"seed {seed}: goes on from step {first} of {stop}{again}", file=sys.stderr, flush=True)
    return first, Record.read(folder / f"step{first}") if first > start else Record()


def _has_state(checkpoint: Path) -> bool:
    return all((checkpoint / f"{name}.parquet").exists() for name in TABLES)


class CheckpointCallback(TrainerCallback):
    """Makes each checkpoint whole once the trainer has saved it."""

    def __init__(self, folder: Path, record: Record, *, updates: int, evaluated: Collection[int]):
        """`updates` is how many of the trainer's steps a rollout step has, `evaluated` the rollout steps that stay."""
        self.folder, self.record, self.updates, self.evaluated = folder, record, updates, evaluated

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **keywords: Any) -> None:
        """Called on all processes, when each has written its part."""
        saved, step = self.folder / f"checkpoint-{state.global_step}", state.global_step // self.updates
        by_main_process(lambda: self._make_whole(saved, step, with_state=not args.save_only_model))

    def _make_whole(self, saved: Path, step: int, *, with_state: bool) -> None:
        try:
            loading.check(saved)
        except UserError as error:
            raise UserError(
                f"{error}: training did not leave a model that can be loaded; a sharded accelerate_config "
                "needs `fsdp_state_dict_type: FULL_STATE_DICT` or `zero3_save_16bit_model: true`"
            ) from error
        (saved / "training_args.bin").unlink(missing_ok=True)  # a pickle that names this machine's folders
        earlier = whole_steps(self.folder)
        refuse_links_below(self.folder)
        if with_state:
            self.record.write(saved)
        else:
            _leave_weights(saved)  # the trainer has left a record of its own
        saved.rename(self.folder / f"step{step}")
        if with_state:
            thin_out(self.folder, earlier, self.evaluated)


def thin_out(folder: Path, steps: Sequence[int], evaluated: Collection[int]) -> None:
    """Of checkpoints that training has left behind, keep the weights, or nothing if the step is not evaluated."""
    for step in steps:
        path = folder / f"step{step}"
        if step in evaluated:
            _leave_weights(path)
        else:
            remove(path)


def _leave_weights(checkpoint: Path) -> None:
    for pattern in (*STATE, *(f"{name}.parquet" for name in TABLES)):
        for leaving in checkpoint.glob(pattern):
            remove(leaving)


def check_resumable(checkpoint: Path, config: AccelerateConfig | None) -> None:
    """Whether training can go on from a checkpoint on the processes of a config (none: one process).

    Random states and the shards of optimisers belong to processes, so their number and the way of sharding are fixed.

    Raises:
        UserError: another number, another sharding, or the trainer's state is gone.
    """
    processes = len(list(checkpoint.glob("rng_state*.pth")))
    expected = config.processes if config else 1
    if processes == expected and (checkpoint / OPTIMIZER[config.sharding if config else None]).exists():
        return
    kinds = [kind or "none" for kind, name in OPTIMIZER.items() if (checkpoint / name).exists()]
    if processes and kinds:
        found = f"was written by {processes} processes, sharding {kinds[0]}"
        mend = (
            "choose an accelerate_config like that under `resources` of the suite, or delete the run's "
            "segments to train it again"
        )
    else:
        found = "has no trainer state to go on from"
        mend = "delete its segment to train that again, or with keep_weights: reported the run's segments"
    wanted = f"{expected} processes, sharding {config.sharding or 'none'} ({config.path})" if config else "one process"
    raise UserError(f"{checkpoint}: {found}, and the job has {wanted}; random and optimiser states do not fit; {mend}")
