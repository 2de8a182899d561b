"""Cases that end in every way, to test the harness itself."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from case import REFUSED, Case, Verdict, Wrong
from forks import EXECUTED

CASES = 10
CHUNK = 4
SECONDS = 0.5
MEMORY = 300_000_000
MEMORY_OF_WORKERS = MEMORY


def warm_up(folder: Path) -> None:
    """Do nothing, because the cases share nothing."""


def case(seed: int, number: int) -> Case:
    """Return a case that ends in the way of its number."""
    return Case(number, list(WAYS)[number % len(WAYS)], None)


def judge(case: Case, shared: Path) -> Verdict:
    """End in the way that the case names."""
    return WAYS[case.wrong]()


def _raise() -> Verdict:
    raise KeyError("x")


def _wrong() -> Verdict:
    raise Wrong("wrong result", "2 + 2 = 5")


def _spin() -> Verdict:
    while True:
        pass


def _sleep() -> Verdict:
    time.sleep(1000)
    raise AssertionError


def _fill() -> Verdict:
    held = bytearray(os.urandom(1_000_000)) * 600
    time.sleep(1000)
    return Verdict(str(len(held)))


def _die() -> Verdict:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def _execute() -> Verdict:
    Path(EXECUTED).touch()
    return Verdict("fine")


def _exit() -> Verdict:
    raise SystemExit("error: nobody looks at this")


WAYS: dict[str, Callable[[], Verdict]] = {
    "fine": lambda: Verdict("fine"),
    "refused": lambda: Verdict(REFUSED, "no"),
    "raises": _raise,
    "spins": _spin,
    "sleeps": _sleep,
    "fills the memory": _fill,
    "dies": _die,
    "executes": _execute,
    "exits": _exit,
    "is wrong": _wrong,
}
