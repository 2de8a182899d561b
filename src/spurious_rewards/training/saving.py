"""When the trainer's state is saved beside the weights of a checkpoint: where training ends, and where it costs little.

Only resuming from a checkpoint needs the state: Adam's two moments, random states, and FSDP's own copy of the weights.
For 7.6 billion weights that is 61 GB, or 91 GB with FSDP, and all GPUs of a job wait while it is written.
"""

import time
from typing import Any

from trl import GRPOTrainer

from spurious_rewards.training.launching import by_main_process

UNNOTICED = 1.0
"""Seconds. A state that is written faster is saved at each evaluated step, so a kill costs a small training little."""

WORK_PER_STATE = 20
"""Seconds of training for each second of writing states: less than 5 % of the time, and the most that a kill costs."""


def state_is_due(since: float, took: float) -> bool:
    """Whether a checkpoint within a segment gets the trainer's state.

    Args:
        since: seconds since the last state was written.
        took: seconds that writing it took; 0 if there is none yet, because the time is then unknown.
    """
    return took < UNNOTICED or since >= WORK_PER_STATE * took


class SavesStateWhenDue(GRPOTrainer):  # type: ignore[misc]
    """A trainer that saves weights alone where the state is not due; `args.save_only_model` says which it saved."""

    _state_took = 0.0
    _state_written = 0.0

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        ends = self.control.should_training_stop  # at the end of the segment, or because of an interruption
        due = by_main_process(lambda: state_is_due(time.monotonic() - self._state_written, self._state_took))
        self.args.save_only_model = not (ends or due)
        super()._save_checkpoint(model, trial)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        began = time.monotonic()
        super()._save_optimizer_and_scheduler(output_dir)
        self._state_written = time.monotonic()
        self._state_took = self._state_written - began
