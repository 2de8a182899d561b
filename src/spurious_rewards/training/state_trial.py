"""Loads the pickles of a trainer's state in a worker under hard limits, before the trainer does.

A few hundred bytes can ask for gigabytes, or for endless time. For example, the key of a dictionary may be nested
tuples, each with the previous one twice; to hash it, Python walks through all of them.
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
"""Limit of processor time per file; this is enough, because tensors are mapped and not read."""

ROOM = 2**30
"""Bytes of memory that reading a file may take beside its tensors; a large model's file has some megabytes of these."""


def first_fault(files: Iterable[Path]) -> tuple[Path, str] | None:
    """Return the first pickle that does not load with `weights_only` within the limits, and what is wrong with it.

    Returns None if all load.
    """
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
        """Load a file as the trainer will; any kind of error may come."""
        size = file.stat().st_size
        # torch's own reader, because another one might read the same bytes differently. The trainer does not map files
        # to memory, so what is compressed, or is stored once and named twice, would grow.
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
        except Exception as error:  # pickles raise errors of every kind
            return in_a_line(error).partition(".")[0]
        return ""

    return answer


def _weigh(loaded: Any, size: int) -> None:
    """Refuse what would be larger than the file when copied: tensors that repeat numbers, references to references.

    Raises:
        ValueError: it would be larger.
    """
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
    # No memory limit for the whole worker: each file has its own limit, by its size.
    limited.serve(_prepare, float(sys.argv[1]), resource.RLIM_INFINITY)
