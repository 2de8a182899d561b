"""The section on a run that has not finished: what is missing, and why."""

import pandas as pd

from spurious_rewards.reporting.page import Section, unless_empty
from spurious_rewards.reporting.unfinished import Unfinished

OF_WHAT_IS_THERE = 'Incomplete: some runs are missing. The section "What is missing" lists them.'

UNFINISHED = "This run has not finished. The first section says what is missing and why."

MANY = 30
"""A table with more rows is folded, so that the reader need not scroll past it."""

MISSING_NOTE = (
    "A number leaves out every run that lacks data for it. Its row then has fewer seeds, or is missing, and the "
    "caption says so. No missing result is filled in. Fix what failed, then run {command}: it keeps what is finished, "
    "makes the rest and writes the whole report."
)


def section(unfinished: Unfinished, command: str) -> Section:
    """Return the section: what failed, what is missing, and which exhibits are incomplete; `command` makes the rest."""
    failed = [
        {"Job": job.name, "Log": str(job.log or ""), "Last lines of its log": job.lines or "none"}
        for job in unfinished.failed
    ]
    tables_of = {
        "What failed": pd.DataFrame(failed),
        "What is missing and why": pd.DataFrame(unfinished.missing.items(), columns=["Missing", "Why"]),
        "Incomplete figures and tables": pd.DataFrame(
            unfinished.exhibits.items(), columns=["Figure or table", "What is missing"]
        ),
    }
    return Section(
        "about-missing",
        "What is missing",
        "Summary",
        paragraphs=(MISSING_NOTE.format(command=command),),
        tables=[
            table
            for title, frame in tables_of.items()
            for table in unless_empty(title, frame, folded=len(frame) > MANY)
        ],
    )
