"""Ratios of sums over seeds and problems with their intervals, and ratios and kappas as values of single problems."""

import math

import numpy as np

from spurious_rewards.statistics.crossed import as_proportion, crossed
from spurious_rewards.statistics.estimate import Array, Estimate, unknown


def ratio(part: Array, whole: Array, proportion: bool = False) -> Estimate:
    """Return the sum of `part` over the sum of `whole`, both (seeds, problems), with an interval by the delta method.

    Problems for which `whole` is 0 with every seed say nothing and are left out. If fewer than two problems remain, the
    interval is NaN. If `whole` sums to 0, the value is NaN too.

    Args:
        part: what is counted.
        whole: what it is counted of.
        proportion: no part is below 0 or above its whole, so the interval is Wilson's.
    """
    here = (whole != 0).any(axis=0)
    total = whole.sum()
    value = float(part.sum() / total) if total else math.nan
    if here.sum() < 2 or not total:
        return unknown(value, len(whole), int(here.sum()))
    part, whole = part[:, here], whole[:, here]
    found = crossed(value + (part - value * whole) / whole.mean(), largest=1 / whole.mean())
    return as_proportion(found) if proportion else found


def ratio_values(part: Array, whole: Array) -> Array:
    """Return each seed's ratio of sums as one value for each of its problems; the mean of a row is that seed's ratio.

    To first order, a problem changes the ratio as it changes the mean of these values (the delta method). So ratios
    over the same seeds and problems can be paired (`linear`): for example accuracy with code and accuracy without.

    Args:
        part: what is counted, shape (seeds, problems).
        whole: what it is counted of.

    Returns:
        The same shape; NaN for a seed whose `whole` sums to 0.
    """
    per_seed = whole.mean(axis=1, keepdims=True)
    per_seed = np.where(per_seed, per_seed, np.nan)
    of_seed = part.mean(axis=1, keepdims=True) / per_seed
    return np.asarray(of_seed + (part - of_seed * whole) / per_seed)


def kappa(agreed: Array, one: Array, other: Array) -> Estimate:
    """Return the mean of the seeds' Cohen's kappas, over the seeds that have one; NaN if none has.

    The arguments are those of `kappa_values`.
    """
    values = kappa_values(agreed, one, other)
    values = values[~np.isnan(values).any(axis=1)]
    return crossed(values).within(-1, 1) if values.size else unknown(math.nan, *agreed.shape)


def kappa_values(agreed: Array, one: Array, other: Array) -> Array:
    """Return each seed's Cohen's kappa of two yes-or-no answers as one value for each problem, like `ratio_values`.

    Kappa is the agreement beyond chance, divided by the largest agreement beyond chance that is possible.

    Args:
        agreed: how often the two agree on a problem, in [0, 1], shape (seeds, problems).
        one: how often the first answer is yes.
        other: how often the second answer is yes.

    Returns:
        The same shape; NaN for a seed where chance alone makes the two always agree.
    """
    mean_one, mean_other = (each.mean(axis=1, keepdims=True) for each in (one, other))
    by_chance = mean_one * mean_other + (1 - mean_one) * (1 - mean_other)
    room = np.where(by_chance < 1, 1 - by_chance, np.nan)
    mean_agreed = agreed.mean(axis=1, keepdims=True)
    kappa = (mean_agreed - by_chance) / room
    moves_chance = (2 * mean_other - 1) * (one - mean_one) + (2 * mean_one - 1) * (other - mean_other)
    return np.asarray(kappa + (agreed - mean_agreed - (1 - kappa) * moves_chance) / room)
