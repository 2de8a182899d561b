"""Kinds strategies, forcing and prompts: tables of models before training."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import naming
from spurious_rewards.reporting.exhibits.cautions import FEW_NOTE, accuracy_interval, cautions, of_seeds
from spurious_rewards.reporting.exhibits.shared import (
    Parts,
    ResultTables,
    Table,
    as_table,
    by_benchmark,
    name_of,
    needed,
    rows_shown,
)
from spurious_rewards.reporting.numerals import MISSING, Row, paper, percent, percent_interval, shared_seeds
from spurious_rewards.reporting.text_tables import identity_cells, size_cells, text_rows
from spurious_rewards.runtime.errors import UserError


def strategies(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind strategies: how often a model uses code, and how well (paper, Tab. 1)."""
    rows = rows_shown(needed(frames.before, "before"), name, exhibit, suite)
    caption = "How often each model uses code before training, and its accuracy with and without code, in percent."
    return Parts(caption, rows, tables=_before_tables(rows, suite, exhibit, strategies_text))


def strategies_text(before: pd.DataFrame) -> pd.DataFrame:
    """Return `analysis.untrained.before` of one benchmark, with titles, as a table: use of code (paper, Tab. 1)."""
    quantities = {
        "code_rate": "Responses with code",
        "accuracy": "Accuracy",
        "accuracy_with_code": "Accuracy with code",
        "accuracy_with_language": "Accuracy without code",
    }
    return text_rows(before, lambda of: {**identity_cells(before, of), **size_cells(of), **_quantities(of, quantities)})


def forcing(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind forcing: the model's own prompt against one that forces code (paper, Tab. 3)."""
    pairs = forced(rows_shown(needed(frames.before, "before"), name, exhibit, suite), suite)
    if pairs.empty:
        raise UserError(
            f"exhibits.{name}: of experiment {exhibit.experiment} no model has grades under its own prompt and under one "
            "with a response_prefix"
        )
    caption = (
        "Accuracy before training, in percent: under each model's own prompt, and under a prompt that makes every response "
        "begin with code. Differences are in percentage points, over the same problems."
    )
    return Parts(caption, pairs, tables=_before_tables(pairs, suite, exhibit, forcing_text))


def forced(before: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return each prompt with a `response_prefix` beside the model's own, one row per (model, prompt, benchmark).

    `own` and `forced` are the accuracies, `code_own` and `code_forced` the shares of responses with code. Other prompts
    force nothing and have no row.
    """
    renamed = {"accuracy": "forced", "code_rate": "code_forced"}
    columns = {
        f"{start}{old}{end}": f"{start}{new}{end}"
        for old, new in renamed.items()
        for start in ("", "paper_")
        for end in ("", "_low", "_high", "_source")
    }
    prompts = {key: model.prompt for key, model in suite.models.items()}
    is_own = before["prompt"].astype(str) == before["model"].astype(str).map(prompts)
    own = before[is_own].rename(columns={old: new.replace("forced", "own") for old, new in columns.items()})
    prefixes = [
        suite.prompt(model, prompt).response_prefix
        for model, prompt in zip(before["model"], before["prompt"], strict=True)
    ]
    other: pd.DataFrame = before[~is_own & (np.array(prefixes) != "")].rename(columns=columns)
    kept = [name for old, new in columns.items() if (name := new.replace("forced", "own")) in own]
    return other.merge(own[["model", "benchmark", *kept]], on=["model", "benchmark"])


def forcing_text(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return `forced` of one benchmark, with titles, as a table of text (paper, Tab. 3)."""

    def row(of: Row) -> dict[str, str]:
        return {
            "Model": str(of["model"]),
            "Prompt": str(of["prompt"]),
            **size_cells(of),
            "Accuracy, own prompt": accuracy_interval(of, "own"),
            "Paper: own prompt": paper(of, "own"),
            "Accuracy, code forced": accuracy_interval(of, "forced"),
            "Paper: code forced": paper(of, "forced"),
            "Difference": shared_seeds(of, "over_own_prompt"),
            "Difference, by seed": of_seeds(of, "over_own_prompt"),
            "Responses with code, own prompt": percent(of["code_own"]),
            "Responses with code, forced": percent(of["code_forced"]),
        }

    return text_rows(pairs, row)


def prompts(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind prompts: accuracy under each prompt, before training and after it (paper, Tab. 5)."""
    before = rows_shown(needed(frames.before, "before"), name, exhibit, suite)
    after = rows_shown(needed(frames.headline, "headline"), name, exhibit, suite, may_be_empty=True)
    after = naming.named(after[after["variant"] == "default"], suite)
    caption = (
        "Before training, under each prompt: accuracy, and the share of responses with a boxed answer (parsable)"
        + ("; and accuracy after the last step" if len(after) else "")
        + ". All in percent."
    )

    def both(rows: pd.DataFrame) -> pd.DataFrame:
        return prompts_text(rows, after[after["benchmark"] == rows["benchmark"].iloc[0]])

    return Parts(caption, before, tables=_before_tables(before, suite, exhibit, both))


def prompts_text(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return accuracy under each prompt on one benchmark as a table of text (paper, Tab. 5).

    Args:
        before: `analysis.untrained.before`, with titles.
        after: `analysis.headline` of the trained conditions, with titles.
    """
    quantities = {"accuracy": "Accuracy", "box_rate": "Parsable"}
    rewards = [reward for reward in after["reward"].cat.categories if (after["reward"] == reward).any()]

    def row(of: Row) -> dict[str, str]:
        trained = after[(after["model"] == of["model"]) & (after["prompt"] == of["prompt"])].set_index("reward")
        return {
            "Model": str(of["model"]),
            "Prompt": str(of["prompt"]),
            **size_cells(of),
            **_quantities(of, quantities),
            "Versus own prompt": MISSING if pd.isna(of["over_own_prompt"]) else shared_seeds(of, "over_own_prompt"),
            "Versus own prompt, by seed": of_seeds(of, "over_own_prompt"),
            **{
                f"Accuracy after {reward}": percent_interval(trained.loc[reward], "after")
                if reward in trained.index
                else MISSING
                for reward in rewards
            },
        }

    return text_rows(before, row)


def _quantities(of: Row, titles: Mapping[str, str]) -> dict[str, str]:
    """Return each quantity with its interval, and the paper's value beside it."""
    cells = {}
    for name, title in titles.items():
        cells[title] = accuracy_interval(of, name) if name == "accuracy" else percent_interval(of, name)
        cells[f"Paper: {title[0].lower()}{title[1:]}"] = paper(of, name)
    return cells


def _before_tables(
    rows: pd.DataFrame, suite: Suite, exhibit: Exhibit, as_text: Callable[[pd.DataFrame], pd.DataFrame]
) -> list[Table]:
    note = "In percent, with [95 % intervals]."
    tables = []
    for key, here in by_benchmark(naming.named(rows, suite), suite, exhibit):
        text = as_text(here)
        few = FEW_NOTE if text.astype(str).map(lambda cell: "(few " in cell).to_numpy().any() else ""
        title = f"{suite.title}: {exhibit.title}, {name_of(suite, key)}"
        tables.append(as_table(title, text, note + few + cautions(here, "over_own_prompt")))
    return tables
