r"""Check whether an answer is equivalent to the true one: Math-Verify decides, in worker processes with hard limits.

Math-Verify limits its own time by a signal that Python handles. That works on the main thread only, and not while
compiled code runs. Here Math-Verify's limit is off; each pair is checked in a worker whose timers the operating system
enforces. A worker runs this module as a program (`runtime.limited`).

The stage `compare_graders` uses another grader in the same way, to measure how far verdicts depend on the choice of
grader. Rewards and grades always use Math-Verify.
"""

import json
import queue
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Self

from spurious_rewards.runtime import limited

_INTEGER = re.compile(r"-?[0-9]{1,30}")
_NUMBER = re.compile(r"-?(?:[0-9]{1,30}(?:\.[0-9]{1,30})?|\\[dt]?frac\{[0-9]{1,30}\}\{[0-9]{1,30}\})")

Judge = Literal["math_verify", "sympy"]
"""The library that compares two answers: Math-Verify, or sympy by whether their difference simplifies to zero."""

MEMORY_LIMIT = 2 * 1024**3
"""Bytes of address space of a worker, so that an answer such as 9^{9^{9}} cannot fill the machine's memory."""


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is correct. An answer is not correct if its check ran out of time or crashed its worker."""

    correct: bool
    status: Literal["graded", "timeout", "crash"] = "graded"


class Verifier:
    """Checks pairs of answers and caches the verdicts. Workers start when a pair first needs one."""

    def __init__(self, workers: int = 1, seconds: float = 5.0, judge: Judge = "math_verify") -> None:
        """Use `workers` processes. A pair may take `seconds` of processor time, or ten times as much wall-clock time.

        The limit is on processor time so that verdicts do not depend on the load of the machine.
        """
        self._workers = workers
        self._seconds = seconds
        self._judge = judge
        self._memo: dict[tuple[str, str | None], Verdict] = {}
        self._idle: queue.LifoQueue[subprocess.Popen[str] | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Stop the workers."""
        for _ in range(self._workers):
            if worker := self._idle.get():
                worker.kill()
                worker.communicate()
            self._idle.put(None)

    def verify(self, pairs: Sequence[tuple[str, str | None]]) -> list[Verdict]:
        r"""Return one verdict per pair of (true answer, extracted answer), each LaTeX or plain text.

        A missing answer (None or blank) is wrong.

        Math-Verify's verdicts are those of `math_verify.verify(parse(gold), parse(answer))` with both answers in a
        \boxed{}. With a \boxed{}, Math-Verify parses the whole answer; with dollar signs it would parse only a part of
        some answers.
        """
        found = {pair: _without_asking(*pair) or self._memo.get(pair) for pair in pairs}
        unknown = [pair for pair, verdict in found.items() if verdict is None]
        if unknown:
            with ThreadPoolExecutor(self._workers) as threads:
                self._memo.update(zip(unknown, threads.map(self._ask, unknown), strict=True))
        return [found[pair] or self._memo[pair] for pair in pairs]

    def _ask(self, pair: tuple[str, str | None]) -> Verdict:
        worker = self._idle.get()
        try:
            if worker is None or worker.poll() is not None:
                worker = limited.start("spurious_rewards.answers.verifier", str(self._seconds), self._judge)
            if reply := limited.exchange(worker, pair):
                return Verdict(bool(json.loads(reply)))
            return Verdict(False, "timeout" if limited.out_of_time(worker) else "crash")
        finally:
            self._idle.put(worker)  # alive or dead; the next caller replaces a dead one


def _without_asking(gold: str, answer: str | None) -> Verdict | None:
    r"""Return the verdict if it is certain for either judge without asking; None if the judge must be asked.

    Equal texts are not always correct: the judges parse some texts to nothing (`\text{}`, an odd brace), which is
    wrong.
    """
    if answer is None or not answer.strip() or not gold.strip():
        return Verdict(False)
    if _INTEGER.fullmatch(gold) and _INTEGER.fullmatch(answer):
        return Verdict(int(gold) == int(answer))
    if gold == answer and _NUMBER.fullmatch(gold):
        return Verdict(True)
    return None


# ---------------------------------------------------------------- within the worker


def _serve(seconds: float, judge: Judge) -> None:
    """Judge the pairs on standard input until the input ends."""

    def prepare() -> Callable[[list[str]], bool]:
        same = {"math_verify": _math_verify, "sympy": _sympy}[judge]()
        _parse_in_two_stages()
        return lambda pair: same(*pair)

    limited.serve(prepare, seconds, MEMORY_LIMIT)


# sympy tests signs and finiteness in a random order, and with infinities the order affects the result. Without a fixed
# seed, a verdict would depend on the pairs before it.


def _math_verify() -> Callable[[str, str], bool]:
    import math_verify
    from sympy.core.random import seed as seed_sympy  # type: ignore[import-untyped]

    @lru_cache(maxsize=1000)  # the same true answer is compared with many answers
    def parse(text: str) -> Any:
        seed_sympy(0)
        return math_verify.parse(f"\\boxed{{{text}}}", parsing_timeout=None)

    def same(gold: str, answer: str) -> bool:
        parsed = parse(gold), parse(answer)
        seed_sympy(0)
        return bool(math_verify.verify(*parsed, timeout_seconds=None))

    return same


def _sympy() -> Callable[[str, str], bool]:
    import sympy  # type: ignore[import-untyped]
    from latex2sympy2_extended import latex2sympy
    from sympy.core.random import seed as seed_sympy

    @lru_cache(maxsize=1000)
    def parse(text: str) -> Any:
        seed_sympy(0)
        return latex2sympy(text, normalization_config=None)

    def same(gold: str, answer: str) -> bool:
        try:
            one, other = parse(gold), parse(answer)
            seed_sympy(0)
            return bool(one == other or sympy.simplify(one - other) == 0)
        except Exception:  # sympy cannot parse an answer, or the two have no difference
            return False

    return same


def _parse_in_two_stages() -> None:
    """Make ANTLR parse LaTeX in its SLL mode first, and in its full LL mode only what SLL rejects.

    If SLL finds a parse, LL finds the same one (ANTLR 4's documentation of `PredictionMode`). The time that SLL saves
    matters, because parsing is most of the cost of grading.
    """
    from antlr4.atn.PredictionMode import PredictionMode  # type: ignore[import-untyped]
    from latex2sympy2_extended.latex2sympy2 import _Latex2Sympy

    create_full_parser = _Latex2Sympy.create_parser

    def create_parser(self: Any, latex: str) -> Any:
        parser = create_full_parser(self, latex)
        parser._interp.predictionMode = PredictionMode.SLL
        parse = parser.math

        def math() -> Any:
            try:
                return parse()
            except Exception:
                return create_full_parser(self, latex).math()

        parser.math = math
        return parser

    _Latex2Sympy.create_parser = create_parser


if __name__ == "__main__":
    _serve(float(sys.argv[1]), "sympy" if sys.argv[2] == "sympy" else "math_verify")
