"""How many problems a model can solve at all: pass@k and Cover@tau before and after training."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gammaln

from spurious_rewards import statistics
from spurious_rewards.analysis.conditions import of_seeds
from spurious_rewards.artifacts.csv_files import Columns, cells
from spurious_rewards.config.endpoints import CONDITION, ends
from spurious_rewards.config.experiments import Experiment
from spurious_rewards.config.suite import Suite
from spurious_rewards.statistics import Array

TAUS = tuple(number / 20 for number in range(1, 21))
"""The success rates at which Cover@tau is computed."""

COVERAGE: Columns = {
    **{"model": "text", "reward": "words", "measure": ("pass@k", "Cover@tau")},
    **cells("number", "at", "steps", "problems", "samples", "seeds", "value", "low", "high"),
    **cells("number", "difference", "difference_low", "difference_high"),
}
"""Columns of `coverage`."""


def pass_at_k(right: Array, samples: int, k: float) -> Array:
    """Return the unbiased estimate of the probability that one of k responses is right (Chen et al. 2021).

    It is 1 - C(n-c, k) / C(n, k) for c right responses among n `samples` (arXiv 2107.03374).

    Args:
        right: how many responses to each problem are right, any shape.
        samples: how many responses each problem has.
        k: at most `samples`.
    """
    wrong = samples - np.asarray(right, dtype=float)
    enough = wrong >= k  # otherwise any k responses include a right one
    some = np.where(enough, wrong, k)
    log_none = gammaln(some + 1) - gammaln(some - k + 1) - gammaln(samples + 1) + gammaln(samples - k + 1)
    return np.asarray(np.where(enough, -np.expm1(log_none), 1.0))


def cover_at_tau(right: Array, samples: int, tau: float) -> Array:
    """Whether each problem is solved at least at the rate `tau` (arXiv 2510.08325): one lucky guess does not count."""
    return np.asarray(np.asarray(right) >= tau * samples - 1e-9, dtype=float)


def ks(samples: int) -> list[int]:
    """Return 1, 2, 4 and so on up to `samples`, and `samples` itself."""
    return sorted({*(2**power for power in range(samples.bit_length()) if 2**power <= samples), samples})


def coverage(rates: pd.DataFrame, suite: Suite, experiment: Experiment, benchmark: str) -> pd.DataFrame:
    """Return coverage before and after training, one row per (model, reward, measure, k or tau).

    Reward "" means the model before training. `value` is a mean over seeds and problems. `difference` is the value
    after training minus that before, paired by seed and problem. `low` and `high` are the ends of 95 % intervals over
    both.

    Args:
        rates: tables.Rates of the experiment's models, step 0 included.
        suite: the suite of the experiment.
        experiment: one condition for each model and reward.
        benchmark: a benchmark with several samples a problem.
    """
    samples = suite.benchmarks[benchmark].samples
    here = rates[rates["benchmark"] == benchmark]
    by_run = here.groupby([*CONDITION, "step"], observed=True, sort=False)
    grids = {key: of.pivot(index="seed", columns="id", values="accuracy") for key, of in by_run}
    rows: list[dict[str, Any]] = []
    for model in experiment.all_models:
        prompt = suite.models[model].prompt
        if (before := grids.get((model, prompt, "", "", 0))) is not None:
            rows += _rows(before, None, samples, {"model": model, "reward": "", "steps": 0})
    for (model, prompt, reward, variant), end in ends(suite, experiment).items():
        after, before = grids.get((model, prompt, reward, variant, end.step)), grids.get((model, prompt, "", "", 0))
        if after is not None and before is not None:
            paired = of_seeds(before, after.index).reindex(columns=after.columns)
            rows += _rows(after, paired, samples, {"model": model, "reward": reward, "steps": end.step})
    return pd.DataFrame(rows, columns=list(COVERAGE))


def _rows(
    here: pd.DataFrame, before: pd.DataFrame | None, samples: int, of: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    right, were = (None if grid is None else np.rint(grid.to_numpy(float) * samples) for grid in (here, before))
    assert right is not None
    of = of | {"problems": right.shape[1], "samples": samples, "seeds": len(right)}
    measures: tuple[tuple[str, Callable[[Array, int, float], Array], Sequence[float]], ...]
    measures = (("pass@k", pass_at_k, ks(samples)), ("Cover@tau", cover_at_tau, TAUS))
    for measure, function, places in measures:
        for place in places:
            values = function(right, samples, place)
            mean = statistics.mean(values)
            row = of | {"measure": measure, "at": place, "value": mean.value, "low": mean.low, "high": mean.high}
            if were is not None:
                row |= statistics.difference(function(were, samples, place), values).columns("difference")
            yield row


def overtaken(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the smallest k from which on pass@k is higher before training than after, and from which it clearly is.

    "Clearly" means that the 95 % interval of the difference lies below 0. A k that does not exist is NaN.

    Args:
        rows: the rows of `coverage` with pass@k of one model and reward.
    """
    along = rows.sort_values("at")
    found = []
    for column in ("difference", "difference_high"):
        below = (along[column] < 0).to_numpy()
        kept = np.flatnonzero(~below)
        first = kept[-1] + 1 if len(kept) else 0  # the place after the last one that is not below 0
        found.append(float(along["at"].iloc[first]) if first < len(along) else np.nan)
    return found[0], found[1]
