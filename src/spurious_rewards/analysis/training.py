"""What training was like, from its own metrics."""

import numpy as np
import pandas as pd

from spurious_rewards.config.endpoints import CONDITION

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


CHANGING = ["entropy", "token_probability", "code_rate"]
"""Columns of training metrics whose change over training claims are about."""


def training_change(metrics: pd.DataFrame) -> pd.DataFrame:
    """How training metrics changed, one row (condition, seed): `{metric}_first` and `{metric}_last`, and `steps`.

    The first is the mean over the first fifth of the steps (at least one), the last over the last fifth: a single rollout batch
    says little.

    Args:
        metrics: tables.Metrics of all segments, collected.
    """
    rows = []
    for key, run in metrics.groupby([*CONDITION, "seed"], observed=True):
        run = run.sort_values("step")
        fifth = int(np.ceil(len(run) / 5))
        row = dict(zip([*CONDITION, "seed"], key, strict=True)) | {"steps": run["step"].iloc[-1]}
        for name in CHANGING:
            row |= {f"{name}_first": run[name].iloc[:fifth].mean(), f"{name}_last": run[name].iloc[-fifth:].mean()}
        rows.append(row)
    ends = [f"{name}_{end}" for name in CHANGING for end in ("first", "last")]
    return pd.DataFrame(rows, columns=[*CONDITION, "seed", "steps", *ends])
