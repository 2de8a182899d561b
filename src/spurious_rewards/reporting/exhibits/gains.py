"""Kinds gains and baselines: bars of what training changed, and of each reward compared with the baselines."""

import numpy as np
import pandas as pd

from spurious_rewards.analysis.dummy_rewards import DUMMY_RULE, against_dummies
from spurious_rewards.analysis.headline import with_adjusted_p
from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import figures, naming, numerals
from spurious_rewards.reporting.exhibits.cautions import accuracy_interval, cautions, difference_interval, of_seeds
from spurious_rewards.reporting.exhibits.headline import headline_tables
from spurious_rewards.reporting.exhibits.shared import (
    WHISKERS,
    Parts,
    Picture,
    ResultTables,
    as_table,
    by_benchmark,
    drawn_seeds,
    laid_out,
    looks,
    name_of,
    needed,
    rows_shown,
    sizes_of,
    title_of,
)
from spurious_rewards.reporting.numerals import MISSING, Row, share_of_gain, shared_seeds
from spurious_rewards.reporting.text_tables import identity_cells, size_cells, text_rows
from spurious_rewards.runtime.errors import UserError


def gains(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind gains: how much training under each reward changes accuracy (paper, Fig. 1)."""
    rows = with_adjusted_p(rows_shown(needed(frames.headline, "headline"), name, exhibit, suite))
    marks = laid_out(naming.named(rows, suite), exhibit)
    of = {"value": "difference", "low": "difference_low", "high": "difference_high", "paper": "paper_difference"}
    for drawn, column in of.items():
        marks[drawn] = 100 * marks[column].astype(float) if column in marks else np.nan
    tested = marks["verdict"] != "not testable"
    marks["text"] = marks["difference"].map(numerals.points).where(tested, "not testable")
    marks["seeds_drawn"] = drawn_seeds(marks, "difference")
    of_panel = marks.groupby(["benchmark", "panel"], observed=True)["before"]
    marks["note"] = "before training " + of_panel.transform(numerals.percent_range) + " %"
    return Parts(
        caption="How much training with each reward changes accuracy.",
        numbers=rows,
        pictures=[
            Picture(
                key,
                figures.bars(
                    here,
                    title_of(suite, exhibit, key),
                    "change in accuracy (percentage\N{NO-BREAK SPACE}points)",
                    looks(suite, exhibit),
                ),
                f"Change in accuracy on {name_of(suite, key)}. {WHISKERS} {sizes_of(here, suite, key)}{cautions(here)}",
            )
            for key, here in by_benchmark(marks, suite, exhibit)
        ],
        tables=headline_tables(rows, frames.seeds, suite, exhibit),
    )


def baselines(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind baselines: accuracy under each reward minus accuracy under each baseline."""
    rows = rows_shown(needed(frames.baselines, "baselines"), name, exhibit, suite)
    judged = against_dummies(rows, suite)
    if judged.empty:
        raise UserError(
            f"exhibits.{name}: of experiment {exhibit.experiment} no model has grades of its reward and of both dummies beside it"
        )
    rows = rows.merge(judged, how="left")
    headline = rows_shown(needed(frames.headline, "headline"), name, exhibit, suite)
    titles = naming.titles(suite)
    marks = laid_out(naming.named(rows, suite), exhibit)
    order = [titles["reward"][key] for key in suite.rewards if key in set(rows["baseline"])]
    marks["line"] = pd.Categorical(marks["baseline"].map(titles["reward"]), order, ordered=True)
    for drawn, column in {"value": "difference", "low": "difference_low", "high": "difference_high"}.items():
        marks[drawn] = 100 * marks[column].astype(float)
    marks = marks.assign(
        paper=np.nan,
        text=marks["difference"].map(numerals.points),
        note=marks["against_dummies"].fillna(""),
        seeds_drawn=drawn_seeds(marks, "difference"),
    )
    judged = naming.named(judged, suite)
    answers = [
        f"{reward} beats the dummy baselines on {(here['against_dummies'] == 'beats').sum()} of {len(here)} models, "
        f"{name_of(suite, key)}."
        for key, on in by_benchmark(judged, suite, exhibit)
        for reward, here in on.groupby("reward", observed=True)
    ]
    return Parts(
        caption=" ".join([*answers, DUMMY_RULE]),
        numbers=rows,
        pictures=[
            Picture(
                key,
                figures.bars(
                    here,
                    title_of(suite, exhibit, key),
                    "versus each baseline (percentage points)",
                    looks(suite, exhibit),
                ),
                f"Accuracy after training minus accuracy under each baseline, with the same model. {WHISKERS} "
                + sizes_of(here, suite, key)
                + cautions(here),
            )
            for key, here in by_benchmark(marks, suite, exhibit)
        ],
        tables=[
            as_table(
                f"{suite.title}: {exhibit.title}, {name_of(suite, key)}",
                baselines_text(here, naming.named(rows[rows["benchmark"] == key], suite), suite),
                sizes_of(here, suite, key)
                + " Accuracies are in percent, changes in percentage points, with [95 % intervals]. If a comparison "
                "gives a number of seeds, both sides share only that many." + cautions(here),
            )
            for key, here in by_benchmark(naming.named(headline, suite), suite, exhibit)
        ],
    )


def baselines_text(headline: pd.DataFrame, baselines: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return a table that compares rewards with each baseline on one benchmark, one row per condition.

    Args:
        headline: `analysis.headline` of the tested rewards, with titles in place of keys.
        baselines: `analysis.baselines` of the same conditions, with `against_dummies`; titles except in `baseline`.
        suite: has the titles of the baselines.
    """
    names = naming.titles(suite)["reward"]
    keys = ["model", "prompt", "reward", "variant"]
    of_condition = dict(iter(baselines.groupby(keys, observed=True)))

    def row(of: Row) -> dict[str, str]:
        beside = of_condition.get(tuple(of[key] for key in keys), baselines.iloc[:0])
        return {
            **identity_cells(headline, of, "reward"),
            **size_cells(of),
            "Accuracy before": accuracy_interval(of, "before"),
            "Accuracy after": accuracy_interval(of, "after"),
            "Change": difference_interval(of, "difference", "before", "after"),
            "Change, by seed": of_seeds(of, "difference"),
            **{
                f"Versus {names[each['baseline']]}{what}": text
                for each in beside.to_dict("records")
                for what, text in (
                    ("", shared_seeds({**each, "difference_seeds": each["seeds"], "seeds": of["seeds"]}, "difference")),
                    (", by seed", of_seeds(each, "difference")),
                )
            },
            "Share of ground truth's gain": share_of_gain(of, "share_of_ground_truth"),
            "Versus dummy baselines": next(iter(beside["against_dummies"].dropna()), MISSING),
        }

    return text_rows(headline, row)
