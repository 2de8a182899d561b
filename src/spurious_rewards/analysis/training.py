"""What training was like, from its own metrics."""

import pandas as pd

from spurious_rewards.analysis.collecting import CONDITION

HEALTH = ["zero_variance_groups", "clip_fraction", "truncation_rate", "entropy"]
"""Columns of training metrics that tell a healthy run from a sick one."""


def training_health(metrics: pd.DataFrame) -> pd.DataFrame:
    """First and last step of each condition's training, means over seeds: `{metric}_first` and `{metric}_last`.

    Args:
        metrics: tables.Metrics of all segments, collected.
    """
    runs = metrics.sort_values("step").groupby([*CONDITION, "seed"], observed=True)[["step", *HEALTH]]
    ends = runs.first().join(runs.last(), lsuffix="_first", rsuffix="_last").drop(columns="step_first")
    means = ends.groupby(CONDITION, observed=True).mean().reset_index().rename(columns={"step_last": "steps"})
    return means[[*CONDITION, "steps", *(f"{name}_{end}" for name in HEALTH for end in ("first", "last"))]]
