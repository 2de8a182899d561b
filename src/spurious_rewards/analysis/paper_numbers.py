"""What the paper prints (arXiv 2506.10947), beside the numbers of a suite.

`paper_results.csv` has one row a printed value: in which experiment, of which model, prompt, reward, variant, benchmark and
group of problems, and where it is printed. Its keys are those of the paper suite; prompt "" is the model's own, reward
"" before training, reward "steered" the mean over the rewards that steered the strategy. Values that can only be guessed
off a plot are not in it.
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
    """`paper_results.csv`; `value` as printed, in percent or points, and `step` is missing where none is named."""
    path = Path(__file__).with_name("paper_results.csv")
    text = dict.fromkeys([*KEYS, "unit", "source"], str)
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values={"step": [""]})


def beside(frame: pd.DataFrame, suite: Suite, experiment: str) -> pd.DataFrame:
    """The frame with `paper_{column}` (a fraction of 1) and `paper_{column}_source` for each column of PRINTED_AS.

    NaN and "" where the paper prints nothing. A model's numbers stand beside the model of the suite that has its name, or
    names it as its `paper`. A row takes what is printed for its experiment; of a model before training, else what is
    printed in experiment `before`. A run may be shorter than the paper's: the source then names the paper's step.

    Args:
        frame: what `headline`, `before` or `contributions` gives.
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
    """The paper's step after training, where a row is of another."""
    return f", step {step:.0f}" if step > 0 and step != row.get("steps", row.get("step")) else ""


def _keys(row: Mapping[Any, Any], column: str, suite: Suite, experiment: str) -> Iterator[tuple[str, ...]]:
    """The keys under which the paper may print what stands in a column of a row, the nearest first."""
    model = suite.models[row["model"]]
    before_training = column == "before" or not {"reward", "group"} & set(row)
    reward = "" if before_training else row.get("reward", "steered")
    variant = "" if before_training else row["variant"]
    group = row.get("group", "") if column == "partial_contribution" else ""
    for where in (experiment, "before") if before_training else (experiment,):
        for prompt in (row["prompt"], "") if row["prompt"] == model.prompt else (row["prompt"],):
            name = model.paper or row["model"]
            yield where, name, prompt, reward, variant, row["benchmark"], group, PRINTED_AS[column]
