"""Judge cases in forked processes with limits of time and memory, so that no case harms the next one."""

import contextlib
import gc
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import psutil
from case import Case, Kind, Wrong

EXECUTED = "executed"
"""Name of a file that no case may leave in its folder; code in cases tries to create it."""

FAULTS = ("traceback", "hang", "above its memory", "killed", "executed", "no sentence", "wrong result", "late")
"""The ways in which a case can end badly."""

PATIENCE = 10
"""Limit of wall-clock time for a case, as a multiple of its limit of processor time."""

PACKAGE = "spurious_rewards"


class Result(NamedTuple):
    """How a case ended."""

    number: int
    wrong: str
    end: str
    """The word of the judge's verdict, or one of `FAULTS`."""
    said: str
    cause: str
    """A text that is the same for all cases that fail at the same place."""
    seconds: float
    memory: int = 0
    """Peak memory of the process up to the end of the case, in bytes."""


def judge_all(kind: Kind, seed: int, numbers: Sequence[int], processes: int, folder: Path) -> Iterator[Result]:
    """Yield the results of all cases as they come. No other thread may run, because this forks.

    Args:
        kind: module that makes and judges the cases.
        seed: seed of the cases.
        numbers: numbers of the cases.
        processes: number of processes that judge at once.
        folder: an empty folder to work in.
    """
    shared = folder / "shared"
    shared.mkdir()
    with contextlib.chdir(shared):
        kind.warm_up(shared)
    gc.collect()
    gc.freeze()
    todo = deque(list(numbers[start : start + kind.CHUNK]) for start in range(0, len(numbers), kind.CHUNK))
    working: list[_Process] = []
    try:
        while todo or working:
            while todo and len(working) < processes:
                working.append(_Process(kind, seed, todo.popleft(), folder, shared))
            for process in list(working):
                yield from process.finished()
                if process.ended():
                    working.remove(process)
                    yield from process.finished()
                    if fault := process.fault():
                        yield fault
                        if left := process.left()[1:]:
                            todo.appendleft(left)
                    shutil.rmtree(process.folder, ignore_errors=True)
            time.sleep(0.02)
    finally:
        for process in working:
            process.kill()


class _Process:
    """A fork that judges some cases, as its parent process sees it."""

    def __init__(self, kind: Kind, seed: int, numbers: list[int], folder: Path, shared: Path):
        self._kind, self._seed, self._numbers = kind, seed, numbers
        self.folder = folder / f"cases{numbers[0]}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self._report = self.folder / "report.jsonl"
        self._report.touch()
        self._read = self._done = 0
        self._over = ""
        self._status: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self._id = os.fork()
        if not self._id:
            _judge_some(kind, seed, numbers, self.folder, shared)
        self._process = psutil.Process(self._id)
        self._memory: dict[int, int] = {}
        self._start_of_case()

    def _start_of_case(self) -> None:
        self._since, self._used_before, self._looked = time.monotonic(), self._used(), 0.0

    def finished(self) -> Iterator[Result]:
        """Yield the results that came since the last call."""
        with self._report.open() as file:
            file.seek(self._read)
            lines = file.read()
        whole = lines[: lines.rfind("\n") + 1]
        self._read += len(whole.encode())
        for line in whole.splitlines():
            self._done += 1
            yield Result(**json.loads(line))
        if whole and self._status is None:
            self._start_of_case()

    def ended(self) -> bool:
        """Whether the process has ended, by itself or at a limit."""
        self._watch()
        if self._status is None:
            pid, status = os.waitpid(self._id, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
                self._end_children()
        return self._status is not None

    def fault(self) -> Result | None:
        """Return what ended the process before it had judged all its cases, or None."""
        if not self.left():
            return None
        case = self._kind.case(self._seed, self.left()[0])
        code = self._status or 0
        how, said = "killed", f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        if self._over:
            how, _, said = self._over.partition(": ")
        output = self.folder / "output"
        tail = output.read_text(errors="replace")[-2000:] if output.exists() else ""
        seconds = time.monotonic() - self._since
        memory = max(self._memory.values(), default=0)
        return Result(case.number, case.wrong, how, f"{said}\n{tail}".strip(), f"{how}: {said}", seconds, memory)

    def left(self) -> list[int]:
        """Return the cases without a result."""
        return self._numbers[self._done :]

    def kill(self) -> None:
        """End the process and all processes that it started."""
        self._end_children()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._id, signal.SIGKILL)
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self._id, 0)[1])

    def _end_children(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._id, signal.SIGKILL)

    # ---------------------------------------------------------------- limits

    def _watch(self) -> None:
        now = time.monotonic()
        if self._status is not None or now - self._looked < 0.25:
            return
        self._looked = now
        if now - self._since > PATIENCE * self._kind.SECONDS:
            self._over = f"hang: {PATIENCE * self._kind.SECONDS:g} s of wall clock"
        elif self._used() - self._used_before > self._kind.SECONDS:
            self._over = f"hang: {self._kind.SECONDS:g} s of processor time"
        for process in self._family():
            limit = self._kind.MEMORY if process.pid == self._id else self._kind.MEMORY_OF_WORKERS
            self._memory[process.pid] = peak = _peak(process.pid)
            if peak > limit:
                self._over = f"above its memory: {peak / 1e6:.0f} MB"
        if self._over:
            self.kill()

    def _family(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return [self._process, *self._process.children(recursive=True)]
        return []

    def _used(self) -> float:
        """Return the processor seconds of the process and of all that it started, also of those that have ended."""
        used = 0.0
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                used += sum(process.cpu_times()[:4])
        return used


def _peak(process: int) -> int:
    """Return the peak memory of a process, in bytes."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


# ---------------------------------------------------------------- in the fork


def _judge_some(kind: Kind, seed: int, numbers: Sequence[int], folder: Path, shared: Path) -> None:
    """Judge cases one after the other, and write a line to the report for each. This never returns."""
    code = 1
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        report = os.open(folder / "report.jsonl", os.O_WRONLY | os.O_APPEND)
        for number in numbers:
            result = judge_one(kind, kind.case(seed, number), folder / str(number), shared)
            os.write(report, f"{json.dumps(result._asdict())}\n".encode())
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def judge_one(kind: Kind, case: Case, place: Path, shared: Path, keep: bool = False) -> Result:
    """Judge a case in a folder of its own, which is deleted afterwards unless `keep` is set."""
    place.mkdir()
    os.chdir(place)
    started = time.monotonic()
    try:
        end, said = kind.judge(case, shared)
        cause = ""
    except Wrong as error:
        end, said = error.how, error.said
        last = (said.strip().splitlines() or [""])[-1]
        cause = f"{end}: {last.replace(str(place), '')[:150]}"
    except BaseException as error:  # also SystemExit: judges handle that of commands themselves
        end, said = "traceback", "".join(traceback.format_exception(error))[-3000:]
        cause = f"{type(error).__name__} {_where(error.__traceback__)}"
    seconds = time.monotonic() - started
    os.chdir(place.parent)
    for trace in [*place.rglob(EXECUTED), *place.parent.glob(EXECUTED)]:
        trace.unlink()
        end, said, cause = "executed", "code in the case was run", "executed"
    if not keep:
        shutil.rmtree(place, ignore_errors=True)
    return Result(case.number, case.wrong, end, said, cause, seconds, _peak(os.getpid()))


def _where(trace: TracebackType | None) -> str:
    """Return the last place in the product that a traceback passes, and the last place of all if it is another."""
    frames = traceback.extract_tb(trace)
    ours = [frame for frame in frames if f"/{PACKAGE}/" in frame.filename]
    last = [frames[-1]] if frames else []
    return ", ".join(
        dict.fromkeys(f"{'/'.join(Path(each.filename).parts[-2:])}:{each.lineno}" for each in [*ours[-1:], *last])
    )
