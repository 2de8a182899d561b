"""What a checkpoint folder still holds: weights, trainer state, or a note that they were deleted."""

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from spurious_rewards.runtime.files import remove, replacing
from spurious_rewards.runtime.links import below

GONE = "gone.json"
"""What stays in a checkpoint's folder: when its files went, why, and how large they were."""

STATE = (
    *("optimizer*", "scheduler.pt", "scaler.pt", "rng_state*.pth", "trainer_state.json"),
    *("pytorch_model_fsdp*", "global_step*", "latest", "zero_to_fp32.py"),  # the sharded forms: FSDP, DeepSpeed
)
"""Files and folders of a checkpoint that only training on from it needs."""

Fate = Literal["whole", "weights", "unanswered", "gone"]
"""What a checkpoint has: weights and state, weights alone, weights since it has not answered, or nothing."""


def gone(folder: Path) -> bool:
    """Whether a checkpoint's weights went, or are going."""
    return (folder / GONE).exists()


def write_stub(folder: Path) -> None:
    """Say in a checkpoint's folder that its files are deleted; from then on it counts as gone."""
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
    """Remove files and folders, listed before the first goes."""
    for path in list(paths):
        remove(path)


def to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a power cut: the weights cannot be had again."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
