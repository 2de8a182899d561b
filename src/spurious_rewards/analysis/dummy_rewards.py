"""Verdicts on whether a reward beats the dummy baselines, which cannot teach what is right (paper, Sec. 5)."""

import pandas as pd

from spurious_rewards.config.endpoints import CONDITION, DUMMIES, LEAST_SEEDS
from spurious_rewards.config.suite import Suite

DUMMY_RULE = (
    "The dummy baselines are random and format. A reward beats them if it has the higher accuracy after training, paired by seed "
    "and problem, and both 95 % intervals are above 0. It falls behind if one interval is below 0; otherwise it is not shown to "
    f"beat them. It passes if it beats them on every model. With fewer than {LEAST_SEEDS} shared seeds there is no verdict, "
    "because one or two seeds do not tell how another would do."
)

AGAINST = [*CONDITION, "benchmark", "against_dummies"]


def against_dummies(baselines: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Apply `DUMMY_RULE` to each condition and benchmark: "beats", "falls behind", "not shown" or "too few seeds".

    A condition that is not compared with both dummies has no row.

    Args:
        baselines: the table that `analysis.baselines.baselines` returns.
        suite: says which rewards are dummies.
    """
    functions = baselines["baseline"].map({name: reward.function for name, reward in suite.rewards.items()})
    dummies = baselines[functions.isin(DUMMIES)]
    found = (
        dummies.groupby([*CONDITION, "benchmark"], observed=True, sort=False)
        .agg(
            dummies=("baseline", "size"),
            least=("difference_low", "min"),
            most=("difference_high", "min"),
            seeds=("seeds", "min"),
        )
        .reset_index()
    )
    found = found[found["dummies"] == len(DUMMIES)].reset_index(drop=True)
    verdicts = [
        "too few seeds"
        if seeds < LEAST_SEEDS
        else "beats"
        if least > 0
        else "falls behind"
        if most < 0
        else "not shown"
        for least, most, seeds in zip(found["least"], found["most"], found["seeds"], strict=True)
    ]
    return found.assign(against_dummies=verdicts)[AGAINST]
