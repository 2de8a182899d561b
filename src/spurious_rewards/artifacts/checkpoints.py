"""Track what a checkpoint folder still contains: weights, trainer state, or a note that they were deleted."""

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from spurious_rewards.runtime.files import remove, replacing
from spurious_rewards.runtime.links import below

GONE = "gone.json"
"""Note that stays in a checkpoint's folder: when its files were deleted, why, and how large they were."""

STATE = (
    *("optimizer*", "scheduler.pt", "scaler.pt", "rng_state*.pth", "trainer_state.json"),
    *("pytorch_model_fsdp*", "global_step*", "latest", "zero_to_fp32.py"),  # sharded state of FSDP and DeepSpeed
)
"""Files and folders of a checkpoint that are needed only to resume training from it."""

Fate = Literal["whole", "weights", "unanswered", "gone"]
"""What a checkpoint keeps: weights and state; only weights; weights because it has not answered yet; or nothing."""


def gone(folder: Path) -> bool:
    """Whether a checkpoint's weights have been deleted, or their deletion has begun."""
    return (folder / GONE).exists()


def write_stub(folder: Path) -> None:
    """Write the note that a checkpoint's files are deleted; from then on the checkpoint counts as gone."""
    stub = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "why": "keep_weights: reported; no table reports this step, and what it answered is kept",
        "files": {
            str(path.relative_to(folder)): path.stat().st_size for path in sorted(below(folder)) if path.is_file()
        },
    }
    with replacing(folder / GONE) as temporary:
        temporary.write_text(json.dumps(stub, indent=1) + "\n", encoding="utf-8")
    to_disk(folder)


def remove_all(paths: Iterable[Path]) -> None:
    """Remove files and folders; the whole list is read before the first removal."""
    for path in list(paths):
        remove(path)


def to_disk(path: Path) -> None:
    """Wait until a file, or a folder's entries, would survive a power cut, because lost weights cannot be restored."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
