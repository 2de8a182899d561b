"""Ratios of sums over seeds and problems, with their interval, and ratios and kappas as values of single problems."""

import math

import numpy as np

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


def ratio_values(part: Array, whole: Array) -> Array:
    """Each seed's ratio of sums as values of its problems: their mean over a row is that seed's ratio.

    To first order a problem moves the ratio as it moves the mean of these (the delta method). So ratios of the same seeds and
    problems can be paired (`linear`), as accuracy among responses with code and that among the others.

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
    """Mean of the seeds' Cohen's kappas, over the seeds that have one; arguments as of `kappa_values`. NaN where none has one."""
    values = kappa_values(agreed, one, other)
    values = values[~np.isnan(values).any(axis=1)]
    return crossed(values).within(-1, 1) if values.size else unknown(math.nan, *agreed.shape)


def kappa_values(agreed: Array, one: Array, other: Array) -> Array:
    """Each seed's Cohen's kappa between two yes-or-no answers, as values of its problems in the manner of `ratio_values`.

    Kappa is how much more often the two agree than they would by chance, over how much more often they could.

    Args:
        agreed: how often the two agree on a problem, in [0, 1], shape (seeds, problems).
        one: how often the one is yes.
        other: how often the other is yes.

    Returns:
        The same shape; NaN for a seed where chance alone makes the two agree always.
    """
    mean_one, mean_other = (each.mean(axis=1, keepdims=True) for each in (one, other))
    by_chance = mean_one * mean_other + (1 - mean_one) * (1 - mean_other)
    room = np.where(by_chance < 1, 1 - by_chance, np.nan)
    mean_agreed = agreed.mean(axis=1, keepdims=True)
    kappa = (mean_agreed - by_chance) / room
    moves_chance = (2 * mean_other - 1) * (one - mean_one) + (2 * mean_one - 1) * (other - mean_other)
    return np.asarray(kappa + (agreed - mean_agreed - (1 - kappa) * moves_chance) / room)
