"""Kinds switches and contributions: how strategies switched in training, and what each switch adds to the gain."""

import pandas as pd

from spurious_rewards.analysis.strategy_switches import STEERED_RULE
from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import figures, naming, palette
from spurious_rewards.reporting.exhibits.cautions import cautions, of_seeds
from spurious_rewards.reporting.exhibits.shared import (
    LAST,
    Parts,
    Picture,
    ResultTables,
    as_table,
    by_benchmark,
    drawn_seeds,
    laid_out,
    name_of,
    needed,
    rows_shown,
    sizes_of,
    title_of,
    whole_range,
)
from spurious_rewards.reporting.numerals import (
    Row,
    number,
    paper,
    percent,
    percent_interval,
    points,
    points_interval,
    share_of_gain,
)
from spurious_rewards.reporting.text_tables import identity_cells, text_rows, words


def switches(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind switches: groups of problems by strategy before and after training (paper, Fig. 7)."""
    rows = rows_shown(needed(frames.switches, "switches"), name, exhibit, suite)
    named = naming.named(rows, suite).rename(columns={"step": "steps"})
    marks = laid_out(named, exhibit)
    rule = "which the suite fixes before the run" if exhibit.step else LAST
    marks["line"] = _with_remark(marks["line"], ~marks["steered"].astype(bool), "not steered")
    marks["seeds_drawn"] = drawn_seeds(marks, "net")
    for column in ("size", "before", "after", "net", "net_low", "net_high"):
        marks[column] = 100 * marks[column].astype(float)
    colours = {naming.GROUPS[key]: colour for key, colour in palette.GROUPS.items()}
    caption = (
        "Problems are grouped by whether the response used code before training and after it. Left: the size of each group. "
        "Middle: its accuracy before training (open circle) and after it (full circle). Right: problems that became right "
        "minus problems that became wrong, as a share of all problems, with 95 % intervals; small circles are single seeds. "
    )
    tables = [
        as_table(
            f"{suite.title}: {exhibit.title}, {name_of(suite, key)}",
            switches_text(here),
            "All values are in percent; net problems gained are a share of all problems. Share of the gain: the "
            "group's net problems gained divided by those of all problems, if the latter are clearly above 0. With "
            f"[95 % intervals] over problems and seeds. {STEERED_RULE} {sizes_of(here, suite, key, rule)}",
        )
        for key, here in by_benchmark(named, suite, exhibit)
    ]
    pictures = [
        Picture(
            key,
            figures.switches(here, title_of(suite, exhibit, key), colours),
            caption + sizes_of(here, suite, key, rule),
        )
        for key, here in by_benchmark(marks, suite, exhibit)
    ]
    return Parts(caption.strip(), rows, pictures, tables)


def _with_remark(column: "pd.Series[str]", where: "pd.Series[bool]", remark: str) -> "pd.Series[str]":
    """Return the categories with a remark added where `where` is true; each category precedes its remarked twin."""
    names = [twin for name in column.cat.categories for twin in (name, f"{name}\n({remark})")]
    values = [f"{name}\n({remark})" if remarked else str(name) for name, remarked in zip(column, where, strict=True)]
    return pd.Series(pd.Categorical(values, names, ordered=True), index=column.index)


def switches_text(switches: pd.DataFrame) -> pd.DataFrame:
    """Return `analysis.strategy_switches.switches` of one benchmark, with titles, as a table (paper, Fig. 7)."""

    def row(of: Row) -> dict[str, str]:
        return {
            **identity_cells(switches, of, "reward"),
            "Group": str(of["group"]),
            "Share of problems": percent(of["size"]),
            "Accuracy before": percent(of["before"]),
            "Accuracy after": percent(of["after"]),
            "Net problems gained": points_interval(of, "net"),
            "Net problems gained, by seed": of_seeds(of, "net"),
            "Share of the gain": percent_interval(of, "partial_contribution"),
            "Responses with code": f"{percent(of['code_before'])} → {percent(of['code_after'])}",
            "Steered": "yes" if of["steered"] else "no",
        }

    return text_rows(switches, row)


def contributions(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind contributions: what each switch contributes to the gain (paper, Tab. 2)."""
    rows = rows_shown(needed(frames.contributions, "contributions"), name, exhibit, suite)
    caption = (
        "How much each switch of strategy contributes to the gain, in percent: the group's net problems gained divided "
        "by those of all problems. The rewards that steered the strategy and had something to learn from are pooled, "
        "within each seed and problem. The share is given only if the mean change of the pooled rewards is clearly "
        "above 0."
    )
    rewards = naming.titles(suite)["reward"]
    entitled = {
        "rewards": [", ".join(rewards[key] for key in keys.split(", ") if key) for keys in rows["rewards"].fillna("")]
    }
    tables = [
        as_table(
            f"{suite.title}: {exhibit.title}, {name_of(suite, key)}",
            contributions_text(here),
            f"After step {whole_range(here['step'])}. With [95 % intervals] over problems and the seeds that all pooled "
            f"rewards have. {STEERED_RULE}{cautions(here)}",
        )
        for key, here in by_benchmark(naming.named(rows.assign(**entitled), suite), suite, exhibit)
    ]
    return Parts(caption, rows, tables=tables)


def contributions_text(contributions: pd.DataFrame) -> pd.DataFrame:
    """Return `analysis.strategy_switches.contributions` of one benchmark, with titles, as a table (paper, Tab. 2)."""

    def row(of: Row) -> dict[str, str]:
        return {
            **identity_cells(contributions, of),
            "Seeds": number(of["seeds"], 0) if of["seeds"] else "",
            "Group": str(of["group"]),
            "Share of the gain": share_of_gain(of, "partial_contribution"),
            "Paper: share of the gain": paper(of, "partial_contribution"),
            "Mean change": points_interval(of, "difference"),
            "Mean change, by seed": of_seeds(of, "difference"),
            "Paper: mean change": paper(of, "difference", points),
            "Rewards pooled": words(of["rewards"]),
        }

    return text_rows(contributions, row)
