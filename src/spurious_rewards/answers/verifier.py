r"""Whether an answer means the same as the true one: Math-Verify decides, in worker processes under a hard limit.

Math-Verify limits its own time by a signal that Python handles, which works on the main thread only and not while
compiled code runs. Here its limit is off; each pair is checked in a worker whose timers the operating system enforces.
A worker is this module run as a program (`runtime.limited`).

Another grader can be asked in the same way, to see how far verdicts depend on the choice (stage `compare_graders`); no reward and
no grade does.
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
"""Who says whether two answers are the same: Math-Verify, or sympy by whether their difference simplifies to zero."""

MEMORY_LIMIT = 2 * 1024**3
"""Bytes of address space of a worker: an answer such as 9^{9^{9}} must not fill the machine within its time."""


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is correct; it is not if the check ran out of time or took its worker down."""

    correct: bool
    status: Literal["graded", "timeout", "crash"] = "graded"


class Verifier:
    """Checks pairs of answers, and remembers what it found. Workers start when a pair first needs one."""

    def __init__(self, workers: int = 1, seconds: float = 5.0, judge: Judge = "math_verify") -> None:
        """Use `workers` processes; a pair may take `seconds` of processor time, or ten times that of wall clock.

        Processor time, so that verdicts do not depend on what else the machine does.
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
        r"""One verdict a pair of (true answer, answer found), LaTeX or plain text; no answer (None, blank) is wrong.

        Math-Verify's verdicts are those of `math_verify.verify(parse(gold), parse(answer))` with both in a \boxed{}, which
        reads the whole of an answer where dollar signs read a part of some.
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
            self._idle.put(worker)  # alive or dead; a dead one is replaced by who takes it


def _without_asking(gold: str, answer: str | None) -> Verdict | None:
    r"""Verdicts that are known to be either judge's without asking it; None if it must be asked.

    Equal texts are not always among them: they read nothing in some (`\text{}`, an odd brace), and nothing is wrong.
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
    """Judge pairs of standard input until it ends."""

    def prepare() -> Callable[[list[str]], bool]:
        same = {"math_verify": _math_verify, "sympy": _sympy}[judge]()
        _parse_in_two_stages()
        return lambda pair: same(*pair)

    limited.serve(prepare, seconds, MEMORY_LIMIT)


# sympy asks about signs and finiteness in a random order, and with infinities the order decides: verdicts that did not start
# from a seed would depend on the pairs before them.


def _math_verify() -> Callable[[str, str], bool]:
    import math_verify
    from sympy.core.random import seed as seed_sympy  # type: ignore[import-untyped]

    @lru_cache(maxsize=1000)  # a true answer meets many answers
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
        except Exception:  # it cannot read one, or there is no difference of such things
            return False

    return same


def _parse_in_two_stages() -> None:
    """Let ANTLR parse LaTeX in its SLL mode first, and in its full LL mode only what SLL refuses.

    Where SLL finds a parse it is the one that LL finds (ANTLR 4's documentation of `PredictionMode`), and finding it is
    most of what grading costs.
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
