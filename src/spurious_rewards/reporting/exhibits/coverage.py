"""Kind coverage: pass@k and Cover@tau before and after training, and the k from which the untrained model is better."""

import numpy as np
import pandas as pd

from spurious_rewards.analysis.coverage import overtaken
from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import figures, naming, palette
from spurious_rewards.reporting.exhibits import kinds
from spurious_rewards.reporting.exhibits.shared import (
    Parts,
    Picture,
    ResultTables,
    as_table,
    needed,
    sizes_of,
    title_of,
)
from spurious_rewards.reporting.numerals import MISSING, Row, number, percent_interval, points_interval
from spurious_rewards.reporting.palette import Look

BEFORE = "Before training"
BEFORE_LOOK = Look("#222222", dotted=True)

PASS = (
    "pass@k is the probability that at least one of k responses is right (unbiased estimator of Chen et al., 2021). "
    "Bands: 95 % intervals over seeds and problems."
)
COVER = (
    "Cover@tau is the share of problems for which at least a share tau of the responses is right, so a lucky guess among many "
    "does not count. Bands: 95 % intervals over seeds and problems."
)


def coverage(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind coverage: curves of both measures, and a table of where the untrained model is better."""
    numbers = needed(frames.coverage, "coverage")
    [benchmark] = kinds.benchmarks(suite, exhibit)
    title = title_of(suite, exhibit, benchmark)
    looks = {BEFORE: BEFORE_LOOK, **palette.rewards(suite)}
    of_pass, of_cover = (_marks(numbers[numbers["measure"] == measure], suite) for measure in ("pass@k", "Cover@tau"))
    of_cover = of_cover.assign(x=100 * of_cover["x"])
    sizes = sizes_of(numbers[numbers["reward"] != ""], suite, benchmark)
    return Parts(
        caption="How many problems models solve with many attempts, before and after training. Where the line before "
        "training is higher, training reduced the number of problems that the model solves with that many attempts.",
        numbers=numbers,
        pictures=[
            Picture(
                "pass_at_k",
                figures.curves(of_pass, title, "number of responses k", looks, doubling=True),
                f"{PASS} {sizes}",
            ),
            Picture("cover_at_tau", figures.curves(of_cover, title, "tau (% of responses)", looks), f"{COVER} {sizes}"),
        ],
        tables=[
            as_table(
                f"{suite.title}: {exhibit.title}",
                coverage_text(numbers, suite),
                f"{PASS} A change is the value after training minus the value before it, in percentage points, paired by seed "
                "and problem. Overtaken from k: from this k on, the model before training is better. Clearly overtaken: its "
                f"95 % interval says so too. {sizes}",
            )
        ],
    )


def _marks(rows: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return the rows as points of `figures.curves`, in percent; the model before training is the first line."""
    titles = naming.titles(suite)
    lines = [BEFORE, *titles["reward"].values()]
    found = pd.DataFrame({"x": rows["at"], "raw": np.nan, "paper": np.nan, "label": rows["measure"] + " (%)"})
    found["panel"] = pd.Categorical(rows["model"].map(titles["model"]), list(titles["model"].values()), ordered=True)
    found["line"] = pd.Categorical(rows["reward"].map({"": BEFORE, **titles["reward"]}), lines, ordered=True)
    for column in ("value", "low", "high"):
        found[column] = 100 * rows[column].astype(float)
    return found


def coverage_text(numbers: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return `analysis.coverage` as text: pass@1 and pass@k, their changes, and from which k training is overtaken."""
    titles = naming.titles(suite)
    rows = []
    for (model, reward), along in numbers[numbers["measure"] == "pass@k"].groupby(["model", "reward"], sort=False):
        first, last = along.sort_values("at").iloc[[0, -1]].to_dict("records")
        trained = reward != ""
        crossings = overtaken(along) if trained else (np.nan, np.nan)
        rows.append(
            {
                "Model": titles["model"][str(model)],
                "Reward": titles["reward"][str(reward)] if trained else BEFORE,
                "pass@1": _cell(first),
                f"pass@{last['at']:g}": _cell(last),
                "Change in pass@1": points_interval(first, "difference") if trained else MISSING,
                f"Change in pass@{last['at']:g}": points_interval(last, "difference") if trained else MISSING,
                "Overtaken from k": number(crossings[0], 0),
                "Clearly overtaken from k": number(crossings[1], 0),
            }
        )
    return pd.DataFrame(rows)


def _cell(row: Row) -> str:
    return percent_interval({"value": row["value"], "value_low": row["low"], "value_high": row["high"]}, "value")
