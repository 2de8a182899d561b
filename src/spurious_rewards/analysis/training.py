"""What the metrics of training say about a run."""

import math
from collections.abc import Collection

import pandas as pd

from spurious_rewards.artifacts.csv_files import Columns, cells
from spurious_rewards.config.endpoints import CONDITION

HEALTH = ["zero_variance_groups", "clip_fraction", "truncation_rate", "entropy"]
"""Columns of training metrics that show whether a run is healthy."""

TRAINING_HEALTH: Columns = {
    **cells("text", *CONDITION),
    **cells("number", "steps", *(f"{name}_{end}" for name in HEALTH for end in ("first", "last"))),
}
"""Columns of `training_health`."""


def training_health(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the first and last step of each condition's training, as means over seeds.

    The columns are `{metric}_first` and `{metric}_last`.

    Args:
        metrics: tables.Metrics of all segments, collected.
    """
    runs = metrics.sort_values("step").groupby([*CONDITION, "seed"], observed=True)[["step", *HEALTH]]
    ends = runs.first().join(runs.last(), lsuffix="_first", rsuffix="_last").drop(columns="step_first")
    means = ends.groupby(CONDITION, observed=True).mean().reset_index().rename(columns={"step_last": "steps"})
    return means[list(TRAINING_HEALTH)]


CHANGING = ["entropy", "token_probability", "code_rate"]
"""Columns of training metrics that claims about a change over training use."""

LAST_FIFTH: Columns = {
    **cells("text", *CONDITION),
    **cells("whole", "seed", "steps"),
    **cells("number", *(f"{name}_last" for name in CHANGING)),
}
"""Columns of `last_fifth`."""


def last_fifth(metrics: pd.DataFrame, lengths: Collection[int] = ()) -> pd.DataFrame:
    """Return training metrics over the last fifth of the steps (at least one), one row per (condition, seed, steps).

    The columns are `{metric}_last`. A single rollout batch says little. The first fifth is no basis for comparison,
    because it has other prompts than the last. What training did shows in comparison with a run in which nothing is
    learned, on the same steps.

    Args:
        metrics: tables.Metrics of all segments, collected.
        lengths: numbers of steps; a longer run also gets a row for its first so many steps, over their last fifth.
    """
    rows = []
    for key, run in metrics.groupby([*CONDITION, "seed"], observed=True):
        run = run.sort_values("step")
        whole = int(run["step"].iloc[-1])
        for steps in sorted({*(length for length in lengths if length < whole), whole}):
            last = run[(run["step"] <= steps) & (run["step"] > steps - math.ceil(steps / 5))]
            means = {f"{name}_last": last[name].mean() for name in CHANGING}
            rows.append(dict(zip([*CONDITION, "seed"], key, strict=True)) | {"steps": steps} | means)
    return pd.DataFrame(rows, columns=list(LAST_FIFTH))
