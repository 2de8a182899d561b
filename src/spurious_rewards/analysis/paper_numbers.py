"""The numbers that the paper prints (arXiv 2506.10947), beside those of a suite.

`paper_results.csv` has one row per printed value. The row says which experiment, model, prompt, reward, variant,
benchmark and group of problems the value belongs to, and where it is printed. Its keys are those of the paper suite.
Prompt "" is the model's own, reward "" means before training, and reward "steered" the mean over the rewards that
steered the strategy. Values that can only be guessed from a plot are left out.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from spurious_rewards.analysis.paper_columns import PRINTED_AS
from spurious_rewards.config.suite import Suite

NOTHING: dict[str, Any] = {"value": float("nan"), "step": float("nan"), "source": ""}

KEYS = ["experiment", "model", "prompt", "reward", "variant", "benchmark", "group", "quantity"]


def printed() -> pd.DataFrame:
    """Read `paper_results.csv`: `value` is as printed, in percent or points; `step` is missing where none is named."""
    path = Path(__file__).with_name("paper_results.csv")
    text = dict.fromkeys([*KEYS, "unit", "source"], str)
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values={"step": [""]})


def beside(frame: pd.DataFrame, suite: Suite, experiment: str) -> pd.DataFrame:
    """Return the frame with two more columns for each column of PRINTED_AS: what the paper prints, and where.

    They are `paper_{column}`, a fraction of 1, and `paper_{column}_source`.

    Where the paper prints nothing, they are NaN and "". A model of the suite gets the numbers of the paper's model that
    has its name, or that it names as its `paper`. A row gets what is printed for its experiment. If nothing is, a model
    before training gets what is printed in experiment `before`. A run may be shorter than the paper's; the source then
    names the paper's step.

    Args:
        frame: what `headline`, `before` or `contributions` returns.
        suite: says which models and prompts are the paper's.
        experiment: the key of the experiment, as the paper suite names it.
    """
    known: dict[Any, Any] = printed().set_index(KEYS).to_dict("index")
    columns = [column for column in PRINTED_AS if column in frame]
    found: dict[str, list[Any]] = {f"paper_{column}{end}": [] for column in columns for end in ("", "_source")}
    for row in frame.to_dict("records"):
        for column in columns:
            here = next((known[key] for key in _keys(row, column, suite, experiment) if key in known), NOTHING)
            found[f"paper_{column}"].append(here["value"] / 100)
            found[f"paper_{column}_source"].append(here["source"] + _step(here["step"], row))
    return frame.assign(**found)


def _step(step: float, row: Mapping[Any, Any]) -> str:
    """Return a note on the paper's step after training, if it is not the step of the row."""
    return f", step {step:.0f}" if step > 0 and step != row.get("steps", row.get("step")) else ""


def _keys(row: Mapping[Any, Any], column: str, suite: Suite, experiment: str) -> Iterator[tuple[str, ...]]:
    """Yield the keys under which the paper may print the value in a column of a row, the most specific first."""
    model = suite.models[row["model"]]
    before_training = column == "before" or not {"reward", "group"} & set(row)
    reward = "" if before_training else row.get("reward", "steered")
    variant = "" if before_training else row["variant"]
    group = row.get("group", "") if column == "partial_contribution" else ""
    for where in (experiment, "before") if before_training else (experiment,):
        for prompt in (row["prompt"], "") if row["prompt"] == model.prompt else (row["prompt"],):
            name = model.paper or row["model"]
            yield where, name, prompt, reward, variant, row["benchmark"], group, PRINTED_AS[column]
