"""Seconds and memory of the phases of a process; the memory is its GPU's, or on a CPU main memory."""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

EVERY = 0.02
"""Seconds between two readings of the memory."""


class Watch:
    """Measures the time and the peak memory of phases. They may be nested; each second counts for the innermost.

    A GPU's memory is what its driver reports as taken, by vLLM and by all other processes, too. It leaves out what
    torch has reserved but does not use, because that is free for the next allocation. It is read all the time, because
    vLLM takes and frees memory within a phase; of torch's own part the true peak is known. On a CPU it is the resident
    set of this process alone.

    Memory is read only within the `with` block. That leaves out the start of vLLM, because no thread may disturb the
    capture of CUDA graphs.
    """

    def __init__(self, device: torch.device, told: Callable[[str], None] = lambda phase: None):
        """`told` is called with the name of each phase that begins."""
        self.device, self._told = device, told
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.peaks: defaultdict[str, float] = defaultdict(float)
        """Bytes of memory."""
        self.allocated = self.reserved = 0.0
        self._open: list[str] = []
        self._since = 0.0
        self._ended = threading.Event()

    def __enter__(self) -> "Watch":
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def phase_now(self) -> str:
        """The innermost open phase; "" if none is open."""
        return "".join(self._open[-1:])  # in one operation, because another thread may end the phase

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time and the memory of the block for this phase."""
        self.enter(name)
        yield
        self.leave()  # not after an error, so that its message can name the phase

    def enter(self, name: str) -> None:
        """Begin a phase."""
        self._mark()
        self._told(name)
        self._open.append(name)

    def leave(self) -> None:
        """End the innermost phase."""
        self._mark()
        self._open.pop()

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with each call as a phase."""

        def call(*arguments: Any, **keywords: Any) -> Any:
            with self.phase(name):
                return function(*arguments, **keywords)

        return call

    def in_use(self) -> float:
        """Return how many bytes are taken now."""
        if self.device.type != "cuda":
            return _resident()
        kept = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        return _taken(self.device) - kept

    def _mark(self) -> None:
        """Count the time and the peak memory since the last mark for the innermost phase."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        if self._open:
            self.seconds[self.phase_now] += now - self._since
            self._note(self.phase_now, self._peak())
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        self._since = time.perf_counter()

    def _peak(self) -> float:
        if self.device.type != "cuda":
            return _resident()
        allocated, reserved = (
            torch.cuda.max_memory_allocated(self.device),
            torch.cuda.max_memory_reserved(self.device),
        )
        self.allocated, self.reserved = max(self.allocated, allocated), max(self.reserved, reserved)
        return _taken(self.device) - torch.cuda.memory_reserved(self.device) + allocated

    def _note(self, phase: str, taken: float) -> None:
        self.peaks[phase] = max(self.peaks[phase], taken)

    def _look(self) -> None:
        while not self._ended.wait(EVERY):
            phase, taken = self.phase_now, self.in_use()
            if phase and phase == self.phase_now:
                self._note(phase, taken)


def _taken(device: torch.device) -> float:
    free, total = torch.cuda.mem_get_info(device)
    return total - free


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
