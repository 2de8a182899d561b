"""Ratios of sums over seeds and problems, and shares of a gain, with their intervals."""

import math
from collections.abc import Callable

from scipy import optimize

from spurious_rewards.statistics.crossed import as_proportion, crossed
from spurious_rewards.statistics.estimate import Array, Estimate, unknown


def ratio(part: Array, whole: Array, proportion: bool = False) -> Estimate:
    """Sum of `part` over sum of `whole`, both of shape (seeds, problems); its interval by the delta method.

    Problems for which `whole` is 0 with every seed say nothing and count as absent. The interval is nan where fewer than
    two problems are left, and the value too where `whole` sums to 0.

    Args:
        part: what is counted.
        whole: what it is counted of.
        proportion: no part is below 0 or above its whole.
    """
    here = (whole != 0).any(axis=0)
    total = whole.sum()
    value = float(part.sum() / total) if total else math.nan
    if here.sum() < 2 or not total:
        return unknown(value, len(whole), int(here.sum()))
    part, whole = part[:, here], whole[:, here]
    found = crossed(value + (part - value * whole) / whole.mean(), largest=1 / whole.mean())
    return as_proportion(found) if proportion else found


def share(part: Array, whole: Array) -> Estimate:
    """Mean of `part` over mean of `whole`, differences of shape (seeds, problems) whose seeds and problems are the same.

    Fieller's interval: the shares s for which the interval of the mean of `part - s * whole` holds 0. So it does not hold 0
    exactly where the interval of `part` does not, nor 1 where that of the difference of the two does not; the delta
    method and a bootstrap of the ratio promise neither, and the tails of a ratio are long where the whole is small. It is
    an interval where that of `whole` lies above 0; elsewhere there is nothing to have a share of, and all is NaN.
    """
    of_whole = crossed(whole)
    if not of_whole.low > 0:
        return unknown(math.nan, *whole.shape)
    value = float(part.mean() / whole.mean())

    def ends(confidence: float) -> tuple[float, float]:
        if not of_whole.at(confidence).low > 0:
            return -math.inf, math.inf

        def outside(at: float) -> float:
            """Above 0 where the interval of what such a share leaves over does not hold 0."""
            left = crossed(part - at * whole, largest=1 + abs(at)).at(confidence)
            return max(left.low, -left.high)

        return _where_it_leaves(outside, value, -1), _where_it_leaves(outside, value, 1)

    return unknown(value, *whole.shape).with_ends(ends)


def _where_it_leaves(outside: Callable[[float], float], inside: float, side: int) -> float:
    """The first place on one side, in doubling steps, at which a function is above 0."""
    near, step = inside, 0.01
    while outside(inside + side * step) <= 0:
        near, step = inside + side * step, 2 * step
        if step > 1e6:
            return side * math.inf
    return float(optimize.brentq(outside, near, inside + side * step))
