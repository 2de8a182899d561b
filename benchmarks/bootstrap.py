"""Compares the crossed bootstrap with drawing one replicate after the other, from responses to ends of the interval.

Times are seconds of one core. The obvious way computes only the means; ours also computes each replicate's standard
error.
"""

import os
import time
from collections.abc import Callable

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy

import numpy as np
from crossed_bootstrap import RESAMPLES, draw, resample

Interval = tuple[float, float]

STUDIES = [(5, 500, 8), (5, 500, 1), (10, 30, 8)]
"""(seeds, problems, samples) of each study."""


def ours(correct: np.ndarray) -> Interval:
    draws = draw(*correct.shape[:2], np.random.default_rng(0))
    return resample(correct.mean(axis=2), draws).percentile()


def obvious(correct: np.ndarray) -> Interval:
    generator = np.random.default_rng(0)
    means = []
    for _ in range(RESAMPLES):
        seeds, problems = (generator.integers(n, size=n) for n in correct.shape[:2])
        means.append(correct[seeds][:, problems].mean())
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def timed(way: Callable[[np.ndarray], Interval], correct: np.ndarray) -> tuple[float, Interval]:
    started = time.process_time()
    found = way(correct)
    return time.process_time() - started, found


def main() -> None:
    print(
        "| seeds | problems | samples | resamples | at once, s | one after the other, s | times faster | ends differ by at most |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for shape in STUDIES:
        generator = np.random.default_rng(1)
        correct = generator.random(shape) < generator.random((1, shape[1], 1))
        (quick, ends), (slow, expected) = timed(ours, correct), timed(obvious, correct)
        apart = np.abs(np.subtract(ends, expected)).max()
        sizes = " | ".join(map(str, shape))
        print(f"| {sizes} | {RESAMPLES:,} | {quick:.2f} | {slow:.2f} | {slow / quick:.1f} | {apart:.4f} |")


if __name__ == "__main__":
    main()
