"""The section on a run that has not finished: what is missing, and why."""

import pandas as pd

from spurious_rewards.reporting.page import Section, unless_empty
from spurious_rewards.reporting.unfinished import Unfinished

OF_WHAT_IS_THERE = "Incomplete: this is of what is there; what is missing stands above."

UNFINISHED = "Not finished: what is missing, and why, stands first."

MANY = 30
"""More rows of what is missing are folded, so that the report is not far below them."""

MISSING_NOTE = (
    "A run that lacks anything of what a number is made of is left out of that number: there are fewer seeds, or there is no "
    "row, and the caption says so. Nothing here stands for a result that is missing. When what failed has been mended, "
    "{command} makes what is missing and then the whole report; what is there is kept."
)


def section(unfinished: Unfinished, command: str) -> Section:
    """What failed, what is missing, and which figures and tables are not whole; `command` makes the rest."""
    failed = [
        {"Job": job.name, "Log": str(job.log or ""), "Last lines of its log": job.lines or "none"}
        for job in unfinished.failed
    ]
    tables_of = {
        "What failed": pd.DataFrame(failed),
        "Missing, and why": pd.DataFrame(unfinished.missing.items(), columns=["Missing", "Why"]),
        "Figures and tables that are not whole": pd.DataFrame(
            unfinished.exhibits.items(), columns=["Target", "What is missing of it"]
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
