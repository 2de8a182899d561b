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
"""At which a set of shares is looked at before its ends are searched for."""


def share(part: Array, whole: Array) -> Estimate:
    """Mean of `part` over mean of `whole`, differences of shape (seeds, problems) whose seeds and problems are the same.

    Fieller's interval: the shares s for which the interval of the mean of `part - s * whole` holds 0. So it does not hold 0
    exactly where the interval of `part` does not, nor 1 where that of the difference of the two does not; the delta
    method and a bootstrap of the ratio promise neither, and the tails of a ratio are long where the whole is small. It is
    an interval where that of `whole` lies above 0; elsewhere there is nothing to have a share of, and all is NaN.

    The quantile changes with s, so that these shares can lie in several pieces. The ends are the outermost, and `pieces`
    says how many there are. At a confidence at which `whole` may be 0 the ends are infinite.
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
    """What a share s leaves over of `part`, for all s at once.

    A share is an angle, so that infinity is a place like others: s = scale * tan(angle), and what is left over is looked at
    times the angle's cosine. Its mean squares are forms in cosine and sine, of which the coefficients are worked out once.
    """

    part: Array
    whole: Array

    @cached_property
    def scale(self) -> float:
        """Of about the size of the shares."""
        sizes = [float(np.sqrt((values**2).mean())) for values in (self.part, self.whole)]
        return sizes[0] / sizes[1] or 1.0

    @cached_property
    def forms(self) -> tuple[Array, Array, Array]:
        """Mean products of seeds, problems and residual: of part by part, part by whole, whole by whole."""
        whole = self.scale * self.whole
        pairs = ((self.part, self.part), (self.part, whole), (whole, whole))
        return tuple(_mean_products(*pair) for pair in pairs)  # type: ignore[return-value]

    def outside(self, angle: Array, confidence: float) -> Array:
        """Above 0 where the interval of what is left over does not hold 0."""
        seeds, problems = self.part.shape
        cosine, sine = np.cos(angle), np.sin(angle)
        one, both, other = (form[:, None] for form in self.forms)
        of_seeds, by_problem, rest = np.maximum(cosine**2 * one - 2 * cosine * sine * both + sine**2 * other, 0)
        of_problems = by_problem - (np.minimum(np.minimum(rest, of_seeds), by_problem) if seeds > 1 else 0)
        variance = of_seeds + of_problems
        largest = cosine + self.scale * np.abs(sine)
        still = variance <= np.finfo(float).eps * largest**2  # nothing varies in what is left: as `crossed` has it
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
        """The intervals of shares whose rest may be 0, in order. The whole's own interval must not hold 0."""

        def at(angle: float) -> float:
            return float(self.outside(np.array([angle]), confidence)[0])

        best = math.atan(self.part.mean() / self.whole.mean() / self.scale)  # here nothing is left over in the mean
        angles = np.union1d(np.linspace(-math.pi / 2, math.pi / 2, PLACES), best)
        values = self.outside(angles, confidence)
        dips = [  # between three places may lie a piece that none of them is in
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
    """Of seeds, problems and their residual, of two grids; with one seed, all is of problems."""
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
