"""Numbers about the clip alone: a batch of coin-flip rewards (the probe), and the bandit."""

import pandas as pd

from spurious_rewards import statistics
from spurious_rewards.artifacts.csv_files import Columns, cells

CLIPPING: Columns = {
    **{"part": ("probe", "bandit"), "model": "words", "variant": "text", "optimizer": "words"},
    **cells("number", "step", "value", "low", "high"),
    **{"value_by_seed": "numbers", "seed_numbers": "numbers"},
    **cells("number", "seeds", "pairs", "runs"),
}
"""Columns of `clipping_numbers`."""


def clipping_numbers(probe: pd.DataFrame, bandit: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers about the clip alone, in parts "probe" and "bandit".

    In part "probe", `value` is the mean bias of a model and variant, in logits. Pairs lie within seeds, so the 95 %
    interval is Student's over the means of the seeds, or over the pairs if there is one seed. `value_by_seed` has the
    means of the seeds, and `seed_numbers` the seeds in the same order. In part "bandit", `value` is the mean log odds
    of action 1 at a step, with its interval over runs.
    """
    rows = []
    for (model, variant), group in probe.groupby(["model", "variant"], sort=False, observed=True):
        of_seeds = group.groupby("seed")["bias"].mean()
        seeds = of_seeds.to_numpy()
        low, high = statistics.seed_band(seeds if len(seeds) > 1 else group["bias"].to_numpy())
        pairs = len(group) // len(seeds)
        rows.append(
            {
                **{"model": model, "variant": variant, "value": seeds.mean(), "low": low, "high": high},
                **{"seeds": len(seeds), "pairs": pairs, "value_by_seed": " ".join(map(repr, seeds.tolist()))},
                "seed_numbers": " ".join(map(str, of_seeds.index)),
            }
        )
    parts = {"probe": pd.DataFrame(rows), "bandit": bandit.rename(columns={"log_odds": "value"})}
    return pd.concat([frame.assign(part=part) for part, frame in parts.items()], ignore_index=True)[list(CLIPPING)]
