"""Compares grading with plain Math-Verify on the same pairs, in one run: `python benchmarks/grading.py`.

The pairs are invented: problems whose true answers are of each kind about as often as in MATH-500, each answered 16
times. As in samples of a model, right answers come in two or three spellings and wrong ones repeat. The pairs are
graded in the two orders that the pipeline uses: checkpoint after checkpoint (evaluation), and all samples of a problem
side by side (votes, rollouts). In the second order, plain Math-Verify gets most from the small caches of its own.

Plain Math-Verify parses and verifies pair by pair in this process. Ours is a fresh `Verifier` with one worker, and its
start counts too.
"""

import argparse
import logging
import random
import time
from collections.abc import Callable, Sequence

import math_verify

from spurious_rewards.answers.verifier import Verifier

Pair = tuple[str, str]


def spellings(kind: str, a: int, b: int) -> list[str]:
    """Return ways to write one answer, the usual one first."""
    match kind:
        case "integer":
            return [f"{a}", f"{a}", f"{a}.0", f"x = {a}"]
        case "fraction":
            return [f"\\frac{{{a}}}{{{b}}}", f"\\dfrac{{{a}}}{{{b}}}", f"{a}/{b}"]
        case "decimal":
            return [f"{a}.{b:02d}", f"\\${a}.{b:02d}"]
        case "root":
            return [f"{a}\\sqrt{{{b}}}", f"\\sqrt{{{b}}} \\cdot {a}"]
        case "point":
            return [f"({a}, {b})", f"\\left({a},{b}\\right)"]
        case "interval":
            return [f"[{a}, {a + b}]", f"\\left[ {a}, {a + b} \\right]"]
        case "set":
            return [f"\\{{{a}, {a + b}\\}}", f"{a}, {a + b}", f"\\{{{a + b}, {a}\\}}"]
        case "polynomial":
            return [f"x^2 + {a}x + {b}", f"{b} + {a}x + x^2"]
        case _:
            return [f"\\text{{({'ABCDE'[a % 5]})}}", "ABCDE"[a % 5]]


KINDS = {
    "integer": 62,
    "fraction": 12,
    "decimal": 2,
    "root": 7,
    "point": 4,
    "interval": 3,
    "set": 2,
    "polynomial": 8,
    "choice": 2,
}


def realistic_pairs(problems: int, samples: int, seed: int = 0) -> list[Pair]:
    """Return (true answer, answer) of `samples` responses to each problem; those of a problem are side by side."""
    draw = random.Random(seed)
    pairs: list[Pair] = []
    for kind in draw.choices(list(KINDS), KINDS.values(), k=problems):
        a, b = draw.randint(2, 99), draw.randint(2, 30)
        right = spellings(kind, a, b)
        wrong = [
            spellings(draw.choice([kind, kind, "integer"]), draw.randint(2, 99), draw.randint(2, 30))[0]
            for _ in range(6)
        ]
        accuracy = draw.betavariate(1, 1)
        for _ in range(samples):
            forms, weights = (right, [8, 2, 1, 1]) if draw.random() < accuracy else (wrong, [8, 4, 2, 1, 1, 1])
            pairs.append((right[0], draw.choices(forms, weights[: len(forms)])[0]))
    return pairs


def plain(pair: Pair) -> bool:
    gold, answer = (math_verify.parse(f"\\boxed{{{text}}}") for text in pair)
    return bool(math_verify.verify(gold, answer))


def ours(pairs: Sequence[Pair]) -> list[bool]:
    with Verifier() as verifier:
        return [verdict.correct for verdict in verifier.verify(pairs)]


def timed(work: Callable[[], list[bool]]) -> tuple[float, list[bool]]:
    start = time.perf_counter()
    verdicts = work()
    return time.perf_counter() - start, verdicts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=500)
    parser.add_argument("--samples", type=int, default=16)
    size = parser.parse_args()
    by_problem = realistic_pairs(size.problems, size.samples)
    by_checkpoint = [pair for sample in range(size.samples) for pair in by_problem[sample :: size.samples]]
    logging.disable(logging.WARNING)
    print("| order | pairs | distinct | plain Math-Verify, s | ours, s | times faster | differing verdicts |")
    print("|---|---|---|---|---|---|---|")
    for order, pairs in (("by checkpoint (evaluation)", by_checkpoint), ("by problem (votes, rollouts)", by_problem)):
        plain_seconds, theirs = timed(lambda pairs=pairs: [plain(pair) for pair in pairs])
        our_seconds, verdicts = timed(lambda pairs=pairs: ours(pairs))
        differing = sum(a != b for a, b in zip(verdicts, theirs, strict=True))
        print(
            f"| {order} | {len(pairs)} | {len(set(pairs))} | {plain_seconds:.1f} | {our_seconds:.1f} "
            f"| {plain_seconds / our_seconds:.1f} | {differing} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
