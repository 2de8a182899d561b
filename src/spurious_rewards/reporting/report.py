"""One HTML file that works from disk: no network, pictures and the little script of the browser inside.

`build` turns parsed inputs into sections, `render` turns sections into HTML; neither reads or writes a file.
"""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import pandas as pd

from spurious_rewards.analysis.headline import VERDICT_RULE
from spurious_rewards.jobs import Unfinished
from spurious_rewards.layout import Layout
from spurious_rewards.reporting import kinds, tables
from spurious_rewards.reporting.parts import name_of, sizes_of
from spurious_rewards.suite import Suite


@dataclass(frozen=True)
class Table:
    """A frame of text (`reporting.tables`) and what stands over it; `folded` ones open on a click."""

    title: str
    frame: pd.DataFrame
    note: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """An SVG and what stands under it; `text` is read to those who cannot see it."""

    svg: bytes
    caption: str
    text: str

    @property
    def address(self) -> str:
        """The picture itself as an address, so that the page needs no other file.

        Text instead of base64, and without line breaks: a fifth smaller.
        """
        return "data:image/svg+xml," + quote(re.sub(rb"\s+", b" ", self.svg), safe=" !$()*+,-./:;=?@[]{}|^`~")


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it, in this order; `key` is its anchor, `group` its place in the contents.

    `target` is its name as one, `command` makes it, `files` are (address, name) of the files that it was made of, `cases`
    those of `reporting.qualitative`, for the browser.
    """

    key: str
    title: str
    group: str
    paragraphs: Sequence[str] = ()
    points: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    cases: Sequence[Mapping[str, Any]] = ()
    target: str = ""
    command: str = ""
    files: Sequence[tuple[str, str]] = ()


@functools.cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("spurious_rewards.reporting", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(title: str, note: str, sections: Sequence[Section]) -> str:
    """The page; everything in the arguments is escaped."""
    groups: dict[str, list[Section]] = {}
    for section in sections:
        groups.setdefault(section.group, []).append(section)
    return _templates().get_template("report.html").render(title=title, note=note, sections=sections, groups=groups)


Page = Mapping[str, Any]
"""What an exhibit says (`reporting.exhibits.Made.page`)."""


def build(
    suite: Suite,
    headline: pd.DataFrame,
    pages: Sequence[tuple[Page, Mapping[str, bytes]]],
    labels: pd.DataFrame,
    health: pd.DataFrame,
    grading: pd.DataFrame,
    manifests: Sequence[Mapping[str, Any]],
    costs: Mapping[str, Sequence[Mapping[str, Any]]],
    command: str,
    unfinished: Unfinished | None = None,
) -> str:
    """The report of a suite.

    Args:
        suite: as it ran.
        headline: `analysis.headline.headline` of the suite's headline experiment.
        pages: of each exhibit, in the order to show them, what it says and the SVG of each of its pictures by stem.
        labels: `analysis.labels.labels_summary` of each experiment, with a column `experiment`.
        health: `analysis.training.training_health` of each experiment, with a column `experiment`.
        grading: `analysis.labels.grading` of each experiment, with a column `experiment`.
        manifests: of every artifact, in the order to list them.
        costs: of each experiment, those of what its scores were made of.
        command: what makes an exhibit, but for its name.
        unfinished: what is missing, where the suite has not finished.
    """
    marks = unfinished.experiments if unfinished else {}
    of_experiments = functools.partial(_by_experiment, suite, marks)
    sections = [
        *([_missing(unfinished, command)] if unfinished else []),
        _findings(suite, tables.named(headline, suite), marks.get(suite.report.headline, "")),
        *(_exhibit(suite, page, svgs, command) for page, svgs in pages),
        Section(
            "about-labels",
            "Majority labels",
            "About",
            (LABELS_NOTE,),
            tables=of_experiments("Labels of the training problems", labels, tables.labels_text),
        ),
        Section(
            "about-health",
            "Training and grading health",
            "About",
            (HEALTH_NOTE,),
            tables=(
                *of_experiments("Training, first → last step, mean over seeds", health, tables.health_text),
                *of_experiments("Grading", grading, tables.grading_text),
            ),
        ),
        Section("about-problems", "Problem sets", "About", tables=_data_cards(manifests)),
        Section(
            "about-cost",
            "Cost",
            "About",
            (COST_NOTE,),
            tables=(
                *_unless_empty("What each stage took", tables.cost_text(manifests)),
                *_unless_empty("What each experiment took, up to its scores", tables.experiment_cost_text(costs)),
            ),
        ),
        Section(
            "about-provenance",
            "Provenance",
            "About",
            tables=(
                *_unless_empty("Versions", tables.versions_text(manifests)),
                *_unless_empty(f"Manifests ({len(manifests)})", tables.manifests_text(manifests), folded=True),
            ),
        ),
    ]
    note = " ".join(filter(None, [UNFINISHED if unfinished else "", suite.note]))
    return render(suite.title, note, sections)


COST_NOTE = (
    "Jobs run side by side, so that their minutes add up to more than a run takes. Of its own is what no experiment above "
    "had made already."
)
LABELS_NOTE = (
    "Labels are majority votes of the untrained model's responses to the training problems. pass@1 and pass@samples "
    "are those of the same responses: how often one is right, and how many problems have at least one that is."
)
HEALTH_NOTE = (
    "A group without variance (all rewards of a prompt equal) teaches nothing. Clipped are the tokens whose "
    "probability ratio the loss cut off. An answer whose check did not end counts as wrong."
)

# ---------------------------------------------------------------- an unfinished run

UNFINISHED = "Not finished: what is missing, and why, stands first."


def _missing(unfinished: Unfinished, command: str) -> Section:
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
            for table in _unless_empty(title, frame, folded=len(frame) > MANY)
        ],
    )


MANY = 30
"""More rows of what is missing are folded, so that the report is not far below them."""

MISSING_NOTE = (
    "A run that lacks anything of what a number is made of is left out of that number: there are fewer seeds, or there is no "
    "row, and the caption says so. Nothing here stands for a result that is missing. When what failed has been mended, "
    "{command} makes what is missing and then the whole report; what is there is kept."
)

# ---------------------------------------------------------------- exhibits


def _exhibit(suite: Suite, page: Page, svgs: Mapping[str, bytes], command: str) -> Section:
    name, pictures = page["name"], page["pictures"]
    folder, drawn = Layout(Path()).exhibit(name), bool(kinds.pictures(suite, suite.exhibits[name]))
    files = ["table.csv", *(f"{picture['stem']}.svg" for picture in pictures)]
    return Section(
        key=name,
        title=page["title"],
        group="Figures" if drawn else "Qualitative" if page["kind"] == "qualitative" else "Tables",
        paragraphs=[*filter(None, [page["caption"]]), *trained_on_benchmarks(suite, name)],
        pictures=[Picture(svgs[picture["stem"]], picture["caption"], picture["text"]) for picture in pictures],
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
        command=f"{command} {name}",
        files=[((folder / file).as_posix(), file) for file in files],
    )


def trained_on_benchmarks(suite: Suite, exhibit: str) -> list[str]:
    """A sentence for each reward of an exhibit whose training problems are those of a benchmark."""
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
                f"{reward.title or key} trains on the evaluation problems themselves ({', '.join(on)}), {how}: its accuracy "
                "there says nothing about problems that training has not seen."
            )
    return sentences


# ---------------------------------------------------------------- the headline


def _findings(suite: Suite, headline: pd.DataFrame, mark: str) -> Section:
    experiment = suite.experiments[suite.report.headline]
    names = {key: name_of(suite, key) for key in suite.benchmarks_of(experiment)}
    answered = {key: rows for key, name in names.items() if len(rows := headline[headline["benchmark"] == name])}
    return Section(
        "about-findings",
        "What came out",
        "Summary",
        paragraphs=(*filter(None, [mark]), VERDICT_RULE),
        points=[sentence for key in list(answered)[:1] for sentence in findings(answered[key], names[key])],
        tables=[
            Table(
                f"{suite.title}: {experiment.title}, {names[key]}",
                tables.headline_text(rows),
                f"{sizes_of(rows, suite, key)} Percent, differences in percentage points, [95 % intervals] over problems "
                f"and seeds. {mark}".strip(),
                folded=number > 0,
            )
            for number, (key, rows) in enumerate(answered.items())
        ],
    )


VERDICTS = ("gain", "no clear change", "loss", "not testable")


def findings(headline: pd.DataFrame, benchmark: str) -> list[str]:
    """The headline of one benchmark in words, one sentence a model, and one on the random reward."""
    sentences = []
    for model, group in headline.groupby("model", observed=True):
        parts = []
        for verdict in VERDICTS:
            having = group[group["verdict"] == verdict]
            if len(having):
                parts.append(f"{verdict} with " + ", ".join(map(_with_difference, having.to_dict("records"))))
        beats = group[group["over_random_low"] > 0]
        compared = group["over_random"].notna().any()
        sentences.append(
            f"{model}, {benchmark}, {tables.percent_range(group['before'])} % before training: {'; '.join(parts)}."
            + (f" Better than the random reward: {', '.join(_names(beats)) or 'none'}." if compared else "")
        )
    return sentences


def _with_difference(row: tables.Row) -> str:
    return f"{_name(row)} {tables.points_interval(row, 'difference')}"


def _names(rows: pd.DataFrame) -> list[str]:
    return [_name(row) for row in rows.to_dict("records")]


def _name(row: tables.Row) -> str:
    return str(row["reward"]) if row["variant"] == "default" else f"{row['reward']} ({row['variant']})"


# ---------------------------------------------------------------- about


def _by_experiment(
    suite: Suite,
    marks: Mapping[str, str],
    title: str,
    frame: pd.DataFrame,
    text: Callable[[pd.DataFrame], pd.DataFrame],
) -> tuple[Table, ...]:
    """A table of text for each experiment that has rows, in the suite's order; all but the headline's are folded."""
    return tuple(
        Table(
            f"{title}: {experiment.title}",
            text(tables.named(rows, suite)),
            marks.get(name, ""),
            folded=name != suite.report.headline,
        )
        for name, experiment in suite.experiments.items()
        if len(rows := frame[frame["experiment"] == name].drop(columns="experiment"))
    )


def _data_cards(manifests: Sequence[Mapping[str, Any]]) -> tuple[Table, ...]:
    return tuple(
        Table(str(manifest["artifact"]), tables.card_text(manifest["details"]["card"]), folded=True)
        for manifest in manifests
        if "card" in manifest["details"]
    )


def _unless_empty(title: str, frame: pd.DataFrame, folded: bool = False) -> tuple[Table, ...]:
    return () if frame.empty else (Table(title, frame, folded=folded),)
