"""Checkpoints of a seed in training: when they are whole, what is kept of them, and which can be resumed from.

    checkpoint-{update}/  being written by the trainer
    step{rollout step}/   whole: the folder is renamed when all is in it

Training resumes from a checkpoint that has the trainer's state. Such a checkpoint also has the seed's metrics and
rollouts up to its step. The last checkpoint of a segment has the state, and so has one that is saved on an
interruption. Each other checkpoint has it unless that would take too long (`saving.state_is_due`); then it is weights
alone. Once a later checkpoint with state is whole, only the weights of evaluated steps are kept.
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
"""Sharding -> the file that a checkpoint has if it has the optimiser's state.

Without that state, the Trainer silently starts with a new one.
"""


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
        """Read the tables that `write` wrote."""
        rows: dict[str, Any] = {name: read_table(folder, name).to_dict("records") for name in TABLES}
        return cls(**rows)


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Read one of the TABLES of a record."""
    return tables.read(folder / f"{name}.parquet", TABLES[name])


def whole_steps(folder: Path) -> list[int]:
    """Return the rollout steps of the whole checkpoints in `folder`, in order."""
    named = (re.fullmatch(r"step(\d{1,9})", path.name) for path in folder.glob("step*"))
    return sorted(int(found[1]) for found in named if found)


def take_up(folder: Path, start: int, stop: int, seed: int) -> tuple[int, Record]:
    """Go back to a seed's last checkpoint with state in `folder`; return its rollout step and the record up to there.

    Without such a checkpoint, the step is `start` and the record is empty. Later checkpoints are deleted: on a GPU the
    same steps lead to other weights, and a run must have one history.
    """
    for half_written in folder.glob("checkpoint-*"):
        remove(half_written)
    steps = whole_steps(folder)
    first = max((step for step in steps if _has_state(folder / f"step{step}")), default=start)
    later = [step for step in steps if step > first]
    for step in later:
        remove(folder / f"step{step}")
    if steps:
        again = f"; repeats the steps up to {later[-1]}, because only their weights were saved" if later else ""
        print(f"seed {seed}: resumes after step {first} of {stop}{again}", file=sys.stderr, flush=True)
    return first, Record.read(folder / f"step{first}") if first > start else Record()


def _has_state(checkpoint: Path) -> bool:
    return all((checkpoint / f"{name}.parquet").exists() for name in TABLES)


class CheckpointCallback(TrainerCallback):
    """Makes each checkpoint whole once the trainer has saved it."""

    def __init__(self, folder: Path, record: Record, *, updates: int, evaluated: Collection[int]):
        """`updates` is the number of trainer steps in a rollout step; `evaluated` are the rollout steps that stay."""
        self.folder, self.record, self.updates, self.evaluated = folder, record, updates, evaluated

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **keywords: Any) -> None:
        """Make the checkpoint whole; called on all processes, when each has written its part."""
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
            _leave_weights(saved)  # the trainer writes its trainer_state.json in any case
        saved.rename(self.folder / f"step{step}")
        if with_state:
            thin_out(self.folder, earlier, self.evaluated)


def thin_out(folder: Path, steps: Sequence[int], evaluated: Collection[int]) -> None:
    """Keep only the weights of checkpoints that training no longer needs, or nothing if the step is not evaluated."""
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
    """Check that training can resume from a checkpoint on the processes of a config (None: one process).

    Random states and the shards of optimisers belong to processes, so the number of processes and the sharding are
    fixed.

    Raises:
        UserError: the number or the sharding is another one, or the trainer's state is missing.
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
        mend = "delete its segment to train it again; with keep_weights: reported, delete all segments of the run"
    wanted = f"{expected} processes, sharding {config.sharding or 'none'} ({config.path})" if config else "one process"
    raise UserError(f"{checkpoint}: {found}, and the job has {wanted}; random and optimiser states do not fit; {mend}")
