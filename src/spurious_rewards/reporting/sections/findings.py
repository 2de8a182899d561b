"""The section on the headline experiment: its result in words and as tables."""

from collections.abc import Iterator

import pandas as pd

from spurious_rewards.analysis.headline import VERDICT_RULE, VERDICTS
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import questions
from spurious_rewards.reporting.exhibits.headline import few_seeds, headline_note, headline_text, seeds_note, seeds_text
from spurious_rewards.reporting.exhibits.shared import name_of
from spurious_rewards.reporting.numerals import Row, percent_range, points_interval
from spurious_rewards.reporting.page import Section, Table

UNITS = "Changes in accuracy are in percentage points, with [95 % intervals]."


def section(suite: Suite, headline: pd.DataFrame, seeds: pd.DataFrame, mark: str) -> Section:
    """Return the section on the headline experiment, with tables for each benchmark that has rows.

    Args:
        suite: the suite of the experiment.
        headline: `analysis.headline` with adjusted p and titles in place of keys (`naming.named`).
        seeds: `analysis.seeds`, also with titles.
        mark: says what is missing; "" if nothing is.
    """
    experiment = suite.experiments[suite.report.headline]
    names = {key: name_of(suite, key) for key in suite.benchmarks_of(experiment)}
    answered = {key: rows for key, name in names.items() if len(rows := headline[headline["benchmark"] == name])}
    points = [sentence for key in list(answered)[:1] for sentence in findings(answered[key], names[key])]
    return Section(
        "about-findings",
        "Main result",
        "Summary",
        questions=_questions(suite),
        paragraphs=[*filter(None, [mark]), *([UNITS] if points else [])],
        rule=VERDICT_RULE,
        points=points,
        tables=[
            table
            for number, (key, rows) in enumerate(answered.items())
            for table in _headline_tables(suite, key, rows, seeds, mark, folded=number > 0)
        ],
    )


def _questions(suite: Suite) -> tuple[str, ...]:
    experiment = suite.experiments[suite.report.headline]
    of_rewards = questions.of_rewards(suite, {run.reward for run in suite.runs_of(experiment)})
    return (*of_rewards, questions.FAMILY) if len(experiment.all_models) > 1 else of_rewards


def _headline_tables(
    suite: Suite, benchmark: str, rows: pd.DataFrame, seeds: pd.DataFrame, mark: str, folded: bool
) -> Iterator[Table]:
    """Yield the headline table of one benchmark, and a table of single seeds if some rows have few seeds."""
    title = f"{suite.title}: {suite.experiments[suite.report.headline].title}, {name_of(suite, benchmark)}"
    yield Table(title, headline_text(rows), f"{headline_note(rows, suite, benchmark)} {mark}".strip(), folded)
    if len(few := few_seeds(rows, seeds)):
        yield Table(f"{title}, every seed", seeds_text(few), seeds_note(few), folded=True)


def findings(headline: pd.DataFrame, benchmark: str) -> list[str]:
    """Return the headline of one benchmark in words: for each model, its verdicts and what beats the random reward."""
    sentences = []
    for model, group in headline.groupby("model", observed=True):
        parts = []
        for verdict in VERDICTS:
            having = group[group["verdict"] == verdict]
            if len(having):
                parts.append(f"{verdict.capitalize()}: {', '.join(map(_with_difference, having.to_dict('records')))}.")
        compared = group[group["over_random_seeds"] > 1]
        beats = compared[compared["over_random_low"] > 0]
        if len(compared):
            parts.append(f"Better than the random reward: {', '.join(_names(beats)) or 'none'}.")
        before = f"accuracy before training {percent_range(group['before'])} %"
        sentences.append(" ".join([f"{model} on {benchmark}: {before}.", *parts]))
    return sentences


def _with_difference(row: Row) -> str:
    return f"{_name(row)} {points_interval(row, 'difference')}"


def _names(rows: pd.DataFrame) -> list[str]:
    return [_name(row) for row in rows.to_dict("records")]


def _name(row: Row) -> str:
    return str(row["reward"]) if row["variant"] == "default" else f"{row['reward']} ({row['variant']})"
