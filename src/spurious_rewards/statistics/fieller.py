"""Shares of a gain, with Fieller's interval."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy import optimize, special

from spurious_rewards.statistics.crossed import crossed
from spurious_rewards.statistics.estimate import Array, Estimate, unknown
from spurious_rewards.statistics.textbook import CONFIDENCE, wilson

PLACES = 2001
"""How many angles are evaluated before the ends of a set of shares are searched for."""


def share(part: Array, whole: Array) -> Estimate:
    """Return the mean of `part` over the mean of `whole`, with Fieller's interval.

    Both are differences of shape (seeds, problems), over the same seeds and problems.

    Fieller's interval contains every share s for which the interval of the mean of `part - s * whole` contains 0. So it
    excludes 0 exactly where the interval of `part` does, and 1 exactly where the interval of `part - whole` excludes 0.
    The delta method and a bootstrap of the ratio promise neither, and a ratio has long tails where the whole is small.
    There is an interval where that of `whole` lies above 0. Elsewhere there is no gain to share, and all is NaN.

    The quantile depends on s, so the shares can lie in several pieces. `low` and `high` are then the outermost ends,
    and `pieces` is the number of pieces. At a confidence at which `whole` may be 0, the ends are infinite.
    """
    of_whole = crossed(whole)
    if not of_whole.low > 0:
        return unknown(math.nan, *whole.shape)
    value, left_over = float(part.mean() / whole.mean()), _LeftOver(part, whole)

    def ends(confidence: float) -> tuple[float, float]:
        if not of_whole.at(confidence).low > 0:
            return -math.inf, math.inf
        found = left_over.pieces(confidence)
        return found[0][0], found[-1][1]

    pieces = len(left_over.pieces(CONFIDENCE))
    return replace(unknown(value, *whole.shape), pieces=pieces).with_ends(ends)


@dataclass(frozen=True)
class _LeftOver:
    """What remains of `part` after a share s of `whole` is subtracted, for all s at once.

    A share is represented by an angle, s = scale * tan(angle), so that infinity is a point like any other. What remains
    is multiplied by the cosine of the angle. Then its mean squares are quadratic forms in cosine and sine, whose
    coefficients are computed once.
    """

    part: Array
    whole: Array

    @cached_property
    def scale(self) -> float:
        """A number of about the size of the shares."""
        sizes = [float(np.sqrt((values**2).mean())) for values in (self.part, self.whole)]
        return sizes[0] / sizes[1] or 1.0

    @cached_property
    def forms(self) -> tuple[Array, Array, Array]:
        """Mean products of seeds, problems and residual: part by part, part by whole, whole by whole (scaled)."""
        whole = self.scale * self.whole
        pairs = ((self.part, self.part), (self.part, whole), (whole, whole))
        return tuple(_mean_products(*pair) for pair in pairs)  # type: ignore[return-value]

    def outside(self, angle: Array, confidence: float) -> Array:
        """Return a value for each angle, above 0 where the interval of what remains excludes 0."""
        seeds, problems = self.part.shape
        cosine, sine = np.cos(angle), np.sin(angle)
        one, both, other = (form[:, None] for form in self.forms)
        of_seeds, by_problem, rest = np.maximum(cosine**2 * one - 2 * cosine * sine * both + sine**2 * other, 0)
        of_problems = by_problem - (np.minimum(np.minimum(rest, of_seeds), by_problem) if seeds > 1 else 0)
        variance = of_seeds + of_problems
        largest = cosine + self.scale * np.abs(sine)
        still = variance <= np.finfo(float).eps * largest**2  # what remains does not vary: treated as in `crossed`
        tail = (1 + confidence) / 2
        parts = of_problems * special.stdtrit(problems - 1, tail)
        if seeds > 1:
            parts = parts + of_seeds * special.stdtrit(seeds - 1, tail)
        half = parts / np.sqrt(np.where(still, 1, variance) * self.part.size)
        if still.any():
            half = np.where(still, largest * wilson(0, problems, confidence)[1], half)
        mean = cosine * self.part.mean() - sine * self.scale * self.whole.mean()
        return np.asarray(np.abs(mean) - half)

    def pieces(self, confidence: float) -> list[tuple[float, float]]:
        """Return the intervals of shares after which nothing may remain, in order; that of `whole` must exclude 0."""

        def at(angle: float) -> float:
            return float(self.outside(np.array([angle]), confidence)[0])

        best = math.atan(self.part.mean() / self.whole.mean() / self.scale)  # here the mean of what remains is 0
        angles = np.union1d(np.linspace(-math.pi / 2, math.pi / 2, PLACES), best)
        values = self.outside(angles, confidence)
        dips = [  # a piece may lie between three neighbouring angles and contain none of them
            float(optimize.minimize_scalar(at, bounds=(angles[i - 1], angles[i + 1]), method="bounded").x)
            for i in range(1, len(angles) - 1)
            if 0 < values[i] < min(values[i - 1], values[i + 1])
        ]
        angles = np.union1d(angles, dips)
        inside = self.outside(angles, confidence) <= 0
        inside[np.searchsorted(angles, best)] = True
        crossings = [
            float(optimize.brentq(at, *ends)) if at(ends[0]) * at(ends[1]) < 0 else float(ends[int(now)])
            for ends, (was, now) in zip(pairwise(angles), pairwise(inside), strict=True)
            if was != now
        ]
        shares = [self.scale * math.tan(angle) for angle in crossings]
        return list(zip(shares[::2], shares[1::2], strict=True))


def _mean_products(one: Array, other: Array) -> Array:
    """Return the mean products of seeds, problems and residual of two grids; with one seed, all belongs to problems."""
    seeds, problems = one.shape
    parts = []
    for values in (one, other):
        by_seed, by_problem = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
        centre = values.mean()
        parts.append((by_seed - centre, by_problem - centre, values - by_seed - by_problem + centre))
    of_seeds, of_problems, rest = (float((a * b).sum()) for a, b in zip(*parts, strict=True))
    if seeds == 1:
        return np.array([0.0, of_problems / (problems - 1), 0.0])
    return np.array(
        [
            problems * of_seeds / (seeds - 1),
            seeds * of_problems / (problems - 1),
            rest / ((seeds - 1) * (problems - 1)),
        ]
    )
