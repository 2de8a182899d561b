"""Workers: processes for untrusted input, with limits on time and memory by the operating system, and without secrets.

A worker is a module that runs as a program and reads JSON lines from a pipe. Nothing is forked, so the parent may
have loaded torch. A worker ends with the process that started it.
"""

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

INHERITED = (
    *("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "TZ"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONWARNINGS"),
)
"""Environment variables that a worker gets: where Python and its libraries lie, text encodings, numbers of cores."""

OF_THE_PARENT = (signal.SIGINT, signal.SIGTERM)
"""Signals to a whole job. Workers ignore them, because the parent ends its workers itself."""


def start(module: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a worker, and return it when it is ready for questions.

    Raises:
        RuntimeError: the worker ends before it is ready.
    """
    # A worker inherits blocked signals, so no signal to the job ends it before `serve` ignores these signals.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, OF_THE_PARENT)
    try:
        worker = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            # The order of sets follows Python's hashes. A fixed seed gives the same question the same path every time.
            env={name: os.environ[name] for name in INHERITED if name in os.environ} | {"PYTHONHASHSEED": "0"},
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert worker.stdout is not None
    if worker.stdout.readline() != "ready\n":
        raise RuntimeError(f"{module}: its process did not start (exit code {worker.wait()}); its message stands above")
    return worker


def exchange(worker: subprocess.Popen[str], question: Any) -> str:
    """Send `question` (anything that JSON can hold) and return the reply as JSON; "" if the worker died of it."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(json.dumps(question) + "\n")
        worker.stdin.flush()
        reply = worker.stdout.readline()
    except BrokenPipeError:
        return ""
    return reply if reply.endswith("\n") else ""


class EndedError(ValueError):
    """A question has ended its worker. The message is a phrase about the question, such as "takes its process down"."""


class Worker:
    """A worker that starts with its first question, and again after a question has ended it.

    Its module takes the limit in seconds as a command-line argument.
    """

    def __init__(self, module: str):
        self._module = module
        self._process: subprocess.Popen[str] | None = None
        self._one_at_a_time = threading.Lock()

    def ask(self, question: Any, seconds: float) -> Any:
        """Return the answer to `question`, any value that JSON can hold.

        Args:
            question: what to ask.
            seconds: the limit of a worker that this question starts; one that already runs keeps its own.

        Raises:
            EndedError: the question took more than the worker may have.
        """
        with self._one_at_a_time:
            while True:
                worker, fresh = self._process, False
                if worker is None or worker.poll() is not None:
                    worker, fresh = start(self._module, str(seconds)), True
                self._process = worker
                if reply := exchange(worker, question):
                    return json.loads(reply)
                self._process = None
                if out_of_time(worker):
                    raise EndedError(f"does not end within {seconds:g} seconds")
                if fresh:  # an older worker may have been killed before the question, to free memory
                    raise EndedError("takes its process down")

    def close(self) -> None:
        """End the worker; it starts again with the next question."""
        with self._one_at_a_time:
            if self._process is not None:
                self._process.communicate()  # closes the worker's input, which ends it
                self._process = None


def out_of_time(worker: subprocess.Popen[str]) -> bool:
    """Whether a worker died because it reached its limit of time."""
    return worker.wait() in (-signal.SIGPROF, -signal.SIGALRM)


def serve(prepare: Callable[[], Callable[[Any], Any]], seconds: float, memory: int) -> None:
    """Answer each line of standard input with the function that `prepare` returns, until the input ends.

    This is the main program of a worker. An answer may take `seconds` of processor time, so that the limit does not
    depend on what else the machine does, or ten times as long by the wall clock. The worker may have `memory` bytes
    of address space. The default action of both timers' signals ends the process, and no Python code can delay it.
    This also ends a worker whose parent was killed while the worker computed.
    """
    for number in OF_THE_PARENT:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OF_THE_PARENT)  # `start` blocked them; pending ones are dropped

    answer = prepare()

    replies = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not look like a reply
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    print("ready", file=replies)
    for line in sys.stdin:
        question = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, 10 * seconds)
        reply = json.dumps(answer(question))
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(reply, file=replies)


@contextmanager
def memory(more: int) -> Iterator[None]:
    """Limit how many more bytes of address space this process itself may take; a request for more gets an error.

    Use this only while the process does nothing else, because the limit is shared by all of its threads.
    """
    mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = mapped + more
    resource.setrlimit(resource.RLIMIT_AS, (most if soft == resource.RLIM_INFINITY else min(most, soft), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
