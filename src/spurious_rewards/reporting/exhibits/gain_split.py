"""Kind split: ground truth's gain in three parts: what a coin gains, and what majority votes and the truth add."""

import pandas as pd

from spurious_rewards.analysis.gain_split import PARTS, SPLIT_RULE
from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import naming, numerals, palette, stacked_bars
from spurious_rewards.reporting.exhibits.cautions import cautions, of_seeds
from spurious_rewards.reporting.exhibits.shared import (
    WHISKERS,
    Parts,
    Picture,
    ResultTables,
    as_table,
    by_benchmark,
    drawn_seeds,
    name_of,
    needed,
    rows_shown,
    sizes_of,
    title_of,
)
from spurious_rewards.reporting.numerals import Row, points_interval
from spurious_rewards.reporting.text_tables import constant_left_out, identity_cells, size_cells, text_rows

TITLES = {
    "null gain": "null (random)",
    "elicitation": "elicitation (majority vote)",
    "reward design": "reward design (truth)",
    "all": "ground truth",
}


def split(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind split: the parts of ground truth's gain, stacked."""
    rows = rows_shown(needed(frames.gain_split, "gain_split"), name, exhibit, suite)
    named = naming.named(rows, suite)
    # `cautions` names rows by the column `comparison`, so the names of the parts are put there.
    shown = by_benchmark(named.assign(comparison=named["part"].map(str)), suite, exhibit)
    return Parts(
        caption=SPLIT_RULE,
        numbers=rows,
        pictures=[
            Picture(
                key,
                stacked_bars.stacked(
                    _marks(here),
                    title_of(suite, exhibit, key),
                    "change in accuracy (percentage points)",
                    {TITLES[part]: colour for part, colour in palette.PARTS.items()},
                ),
                f"Each bar begins where the bar above it ends. {WHISKERS} {sizes_of(here, suite, key)}{cautions(here)}",
            )
            for key, here in shown
        ],
        tables=[
            as_table(
                f"{suite.title}: {exhibit.title}, {name_of(suite, key)}",
                split_text(here),
                f"{sizes_of(here, suite, key)} Percentage points, with [95 % intervals] over problems and seeds.{cautions(here)}",
            )
            for key, here in shown
        ],
    )


def _marks(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one benchmark as `stacked_bars.stacked` draws them."""
    told = ["model", *constant_left_out(rows, ["prompt", "variant"])]
    rows = rows.sort_values(told, kind="stable")
    bars = rows[told].astype(str).agg(", ".join, axis=1)
    parts = rows["part"].map(str)
    before = rows["difference"].where(parts != "all", 0).groupby(bars, sort=False).cumsum() - rows["difference"]
    marks = pd.DataFrame(
        {
            "bar": pd.Categorical(bars, list(dict.fromkeys(bars)), ordered=True),
            "part": pd.Categorical(parts.map(TITLES), [TITLES[part] for part in PARTS], ordered=True),
            "start": 100 * before.where(parts != "all", 0),
            "text": rows["difference"].map(numerals.points),
            "seeds_drawn": drawn_seeds(rows, "difference"),
        }
    )
    of = {"value": "difference", "low": "difference_low", "high": "difference_high"}
    return marks.assign(**{drawn: 100 * rows[column].astype(float) for drawn, column in of.items()})


def split_text(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the split of one benchmark, with titles in place of keys, as text: one row per condition."""
    keys = ["model", "prompt", "variant"]

    def row(of: Row) -> dict[str, str]:
        beside = rows[(rows[keys] == [of[key] for key in keys]).all(axis=1)].set_index("part")
        each = {part: {**of, **beside.loc[part].to_dict()} for part in PARTS}
        return {
            **identity_cells(rows, of),
            **size_cells(of),
            **{
                f"{'Whole gain' if part == 'all' else part.capitalize()}{what}": text
                for part in PARTS
                for what, text in (
                    ("", points_interval(each[part], "difference")),
                    (", by seed", of_seeds(each[part], "difference")),
                )
            },
        }

    return text_rows(rows[rows["part"] == "all"].sort_values("model", kind="stable"), row)
