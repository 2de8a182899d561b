"""Work on what strangers wrote, in a process of its own: the operating system limits its time and memory, and it has no secrets.

A worker is a module run as a program, fed JSON lines through a pipe: nothing is forked, so torch may be loaded. It ends with
the process that started it.
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
"""What a worker gets of the environment: where Python and its libraries lie, how they write text, how many cores they take."""

OF_THE_PARENT = (signal.SIGINT, signal.SIGTERM)
"""Signals to a whole job: the parent's business, which ends its workers itself."""


def start(module: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a worker and wait until it can be asked.

    Raises:
        RuntimeError: it ends before that.
    """
    # A worker inherits what is blocked: no signal to the job ends it before `serve` ignores these signals.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, OF_THE_PARENT)
    try:
        worker = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            # Orders of sets follow Python's hashes: fixed, so that the same question takes the same path every time.
            env={name: os.environ[name] for name in INHERITED if name in os.environ} | {"PYTHONHASHSEED": "0"},
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert worker.stdout is not None
    if worker.stdout.readline() != "ready\n":
        raise RuntimeError(f"{module}: its process did not start (exit code {worker.wait()}); its message stands above")
    return worker


def exchange(worker: subprocess.Popen[str], question: Any) -> str:
    """Send what JSON can say and wait for the reply, in JSON; empty if the worker died over it."""
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
    """A question has ended its worker: the message says how, as what the question does."""


class Worker:
    """A worker that starts when it is first asked, and again after a question has ended it; it takes its seconds as argument."""

    def __init__(self, module: str):
        self._module = module
        self._process: subprocess.Popen[str] | None = None
        self._one_at_a_time = threading.Lock()

    def ask(self, question: Any, seconds: float) -> Any:
        """The answer to what JSON can say.

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
                if fresh:  # else it may have been killed before it was asked, by whoever was short of memory
                    raise EndedError("takes its process down")

    def close(self) -> None:
        """End it; it starts again when it is asked again."""
        with self._one_at_a_time:
            if self._process is not None:
                self._process.communicate()  # its input ends
                self._process = None


def out_of_time(worker: subprocess.Popen[str]) -> bool:
    """Whether a worker that died did so at its limit of time."""
    return worker.wait() in (-signal.SIGPROF, -signal.SIGALRM)


def serve(prepare: Callable[[], Callable[[Any], Any]], seconds: float, memory: int) -> None:
    """Answer each line of standard input, with what `prepare` returns, until the input ends: the worker's own program.

    Each answer may take `seconds` of processor time, so that it does not depend on what else the machine does, or ten times
    that of wall clock; the worker may have `memory` bytes of address space. The default action of both timers' signals is
    to end the process, which no Python code can put off. That also ends a worker whose parent was killed while it computed.
    """
    for number in OF_THE_PARENT:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OF_THE_PARENT)  # `start` blocked them; what came meanwhile is dropped

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
    """Let this process itself take no more than so many further bytes of addresses; what asks for more gets an error.

    Only for moments in which it does nothing else: the limit is that of all its threads.
    """
    mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = mapped + more
    resource.setrlimit(resource.RLIMIT_AS, (most if soft == resource.RLIM_INFINITY else min(most, soft), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
