"""Loading the pickles of a trainer's state in a worker under hard limits, before the trainer does.

A few hundred bytes can ask for gigabytes, or for time without end: a key of tuples that each hold the one before twice is hashed
by walking through all of them.
"""

import resource
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from spurious_rewards.runtime import limited
from spurious_rewards.runtime.errors import in_a_line

SECONDS = 60.0
"""Of processor time, for a file: its tensors are mapped and not read."""

ROOM = 2**30
"""Bytes of memory that reading a file may take beside its tensors; that of a large model has some megabytes of other things."""


def first_fault(files: Iterable[Path]) -> tuple[Path, str] | None:
    """The first pickle that does not load, with `weights_only`, within the limits, and what is wrong with it."""
    with closing(limited.Worker("spurious_rewards.training.state_trial")) as worker:
        for file in files:
            try:
                wrong: str = worker.ask(str(file), SECONDS)
            except limited.EndedError as error:
                wrong = f"reading it {error}"
            if wrong:
                return file, wrong
    return None


# ---------------------------------------------------------------- within the worker


def _prepare() -> Callable[[str], str]:
    import torch
    from transformers.trainer_pt_utils import safe_globals

    def read_through(file: Path) -> None:
        """Load a file as the trainer will; errors are of any kind."""
        size = file.stat().st_size
        # torch's own reader, for what it sees and not what another makes of the same bytes. The trainer does not map files
        # to memory, so that what is compressed, or stands there once and is named twice, would grow.
        archive = torch._C.PyTorchFileReader(str(file))
        if sum(map(archive.get_record_size, archive.get_all_records())) > size:
            raise ValueError("it would unpack to more than its size")
        try:
            with limited.memory(2 * size + ROOM), safe_globals():  # type: ignore[no-untyped-call]
                _weigh(torch.load(file, map_location="cpu", weights_only=True, mmap=True), size)
        except MemoryError:
            raise ValueError(f"it takes more than {ROOM // 2**30} GiB of memory beside its tensors") from None

    def answer(file: str) -> str:
        try:
            read_through(Path(file))
        except Exception as error:  # pickles have errors of every kind
            return in_a_line(error).partition(".")[0]
        return ""

    return answer


def _weigh(loaded: Any, size: int) -> None:
    """Refuse what copies would make larger than the file: tensors that repeat their numbers, and references to references."""
    import torch

    left, seen, tensors = [loaded], 0, 0
    while left:
        value = left.pop()
        seen += 1
        if isinstance(value, torch.Tensor):
            tensors += value.nbytes
        elif isinstance(value, Mapping):
            left.extend(value.values())
        elif isinstance(value, list | tuple | set):
            left.extend(value)
        if max(seen, tensors) > size:
            raise ValueError("its tensors would take more memory than the file has bytes")


if __name__ == "__main__":
    # No limit of memory for all files: each may have what goes by its size.
    limited.serve(_prepare, float(sys.argv[1]), resource.RLIM_INFINITY)
