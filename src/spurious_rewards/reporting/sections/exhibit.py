"""The section of a figure or table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from spurious_rewards.artifacts.paths import ResultPaths
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import questions
from spurious_rewards.reporting.exhibits.kinds import ENDINGS, GROUPS
from spurious_rewards.reporting.page import Picture, Section, Table

Page = Mapping[str, Any]
"""The content of an exhibit (`exhibits.exhibit.Made.page`)."""


def section(suite: Suite, page: Page, svgs: Mapping[str, bytes], command: str) -> Section:
    """Return the section of an exhibit.

    Args:
        suite: the suite of the exhibit.
        page: the content of the exhibit.
        svgs: the SVG of each of its pictures, by stem.
        command: makes an exhibit when the exhibit's name is added.
    """
    name, pictures = page["name"], page["pictures"]
    folder = ResultPaths(Path()).exhibit(name)

    def files(stem: str, endings: Mapping[str, str]) -> list[tuple[str, str]]:
        return [((folder / f"{stem}.{ending}").as_posix(), name) for ending, name in endings.items()]

    return Section(
        key=name,
        title=page["title"],
        group=GROUPS.get(page["kind"], "Figures"),
        questions=questions.of_exhibit(suite, suite.exhibits[name]),
        paragraphs=[*filter(None, [page["caption"]]), *trained_on_benchmarks(suite, name)],
        pictures=[
            Picture(
                svgs[picture["stem"]],
                picture["caption"],
                picture["text"],
                files(picture["stem"], {ending: ending.upper() for ending in ENDINGS}),
            )
            for picture in pictures
        ],
        tables=[
            Table(
                table["title"],
                pd.DataFrame(table["rows"], columns=table["columns"]),
                table["note"],
                folded=bool(pictures),
            )
            for table in page["tables"]
        ],
        cases=page.get("cases", ()),
        target=name,
        command=f"{command} --force {name}",
        files=files("table", {"csv": "CSV (all digits)", "md": "Markdown", "tex": "LaTeX"}),
    )


def trained_on_benchmarks(suite: Suite, exhibit: str) -> list[str]:
    """Return a sentence for each reward of an exhibit that trains on the problems of a benchmark."""
    experiment = suite.exhibits[exhibit].experiment
    there = {run.reward for run in suite.runs_of(suite.experiments[experiment])} if experiment else set()
    sentences = []
    for key, reward in suite.rewards.items():
        on = [
            benchmark.title or name
            for name, benchmark in suite.benchmarks.items()
            if benchmark.problems == reward.problems
        ]
        if on and key in (suite.exhibits[exhibit].rewards or there):
            how = "without their answers" if reward.function == "ttrl" else "with their answers"
            sentences.append(
                f"{reward.title or key} trains on the evaluation problems themselves ({', '.join(on)}), {how}. Its accuracy "
                "there says nothing about new problems."
            )
    return sentences
