"""When the trainer's state is written beside the weights of a checkpoint: where training ends, and where it costs little.

The state is what only training on from a checkpoint needs: Adam's two moments, random states, and FSDP's own copy of the
weights. Of 7.6 billion weights that is 61 or, with FSDP, 91 GB, for which all GPUs of a job wait.
"""

import time
from typing import Any

from trl import GRPOTrainer

from spurious_rewards.training.launching import by_main_process

UNNOTICED = 1.0
"""Seconds. A state that is written faster is at each evaluated step, so that a kill costs a small training no more."""

WORK_PER_STATE = 20
"""Seconds of training for each second that states take: less than 5 % of the time, and a kill costs at most so much work."""


def state_is_due(since: float, took: float) -> bool:
    """Whether a checkpoint within a segment is to have the trainer's state.

    Args:
        since: seconds since the last state.
        took: seconds in which it was written; 0 if there is none yet, for nobody knows what it takes.
    """
    return took < UNNOTICED or since >= WORK_PER_STATE * took


class SavesStateWhenDue(GRPOTrainer):  # type: ignore[misc]
    """A trainer whose checkpoints are weights alone where the state is not due; `args.save_only_model` says which they were."""

    _state_took = 0.0
    _state_written = 0.0

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        ends = self.control.should_training_stop  # the segment, or it was interrupted
        due = by_main_process(lambda: state_is_due(time.monotonic() - self._state_written, self._state_took))
        self.args.save_only_model = not (ends or due)
        super()._save_checkpoint(model, trial)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        began = time.monotonic()
        super()._save_optimizer_and_scheduler(output_dir)
        self._state_written = time.monotonic()
        self._state_took = self._state_written - began
