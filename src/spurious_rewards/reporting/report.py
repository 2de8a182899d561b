"""One HTML file that works from disk: no network, pictures and the few little scripts inside.

`build` turns parsed inputs into sections, `render` turns sections into HTML; neither reads or writes a file.
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import pandas as pd

from spurious_rewards.analysis.claim_verdicts import VERDICTS as CLAIM_VERDICTS
from spurious_rewards.analysis.headline import VERDICT_RULE, with_adjusted_p
from spurious_rewards.artifacts.paths import ResultPaths
from spurious_rewards.config.experiments import seeds_of
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import grader_tables, tables
from spurious_rewards.reporting.exhibit_kinds import ENDINGS, GROUPS
from spurious_rewards.reporting.exhibit_parts import few_seeds, headline_note, name_of, seeds_note
from spurious_rewards.reporting.unfinished import Unfinished

LARGEST = 15_000_000
"""Bytes that the page should not exceed, so that it opens quickly and can be sent by mail."""

STARTS_WITH_NUMBER = re.compile(r"[<>≤≥]?\s*[-+\N{MINUS SIGN}]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?(?![\w.-])")
SAID = {"gain", "loss", "not testable", "supported", "contradicted", "not run"}
"""Verdicts whose cells have a style of their own."""


@dataclass(frozen=True)
class Table:
    """A frame of text (`reporting.tables`) and what stands over it; `folded` ones open on a click."""

    title: str
    frame: pd.DataFrame
    note: str = ""
    folded: bool = False
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Column -> text of a cell -> where it leads."""

    @functools.cached_property
    def numbers(self) -> set[str]:
        """The columns that sort by their cells' first number: each cell begins with it, or is missing."""
        found = set()
        for name in self.frame:
            cells = [str(cell) for cell in self.frame[name] if cell != tables.MISSING]
            if cells and all(STARTS_WITH_NUMBER.match(cell) for cell in cells):
                found.add(str(name))
        return found

    @functools.cached_property
    def wrapped(self) -> set[str]:
        """The columns whose cells may break into lines: those with a cell of more than 60 characters."""
        return {str(name) for name in self.frame if any(len(str(cell)) > 60 for cell in self.frame[name])}

    def mark(self, column: int, cell: str) -> str | None:
        """The cell's class."""
        name = str(self.frame.columns[column])
        if name in self.numbers:
            return "number"
        if cell in SAID:
            return cell.replace(" ", "-")
        return "long" if name in self.wrapped else None

    def link(self, column: int, cell: str) -> str | None:
        """Where the cell leads."""
        return self.links.get(str(self.frame.columns[column]), {}).get(cell)


@dataclass(frozen=True)
class Picture:
    """An SVG and what stands under it; `text` is read to those who cannot see it, `files` as in a section."""

    svg: bytes
    caption: str
    text: str
    files: Sequence[tuple[str, str]] = ()

    @property
    def address(self) -> str:
        """The picture itself as an address, so that the page needs no other file.

        Text instead of base64, and without line breaks: a fifth smaller.
        """
        return "data:image/svg+xml," + quote(re.sub(rb"\s+", b" ", self.svg), safe=" !$()*+,-./:;=?@[]{}|^`~")

    @property
    def size(self) -> dict[str, int]:
        """Width and height in pixels, so that a page keeps the room before it shows the picture; none if the SVG has none."""
        points = re.search(rb'<svg\b[^>]*?\swidth="([\d.]+)pt"\s+height="([\d.]+)pt"', self.svg)
        if points is None:
            return {}
        width, height = (round(4 / 3 * float(size)) for size in points.groups())
        return {"width": width, "height": height}


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it, in this order; `key` is its anchor, `group` its place in the contents.

    `cases` are those of `reporting.qualitative`, for the browser; `rule` says how what stands above it was decided, and opens
    on a click. `target` is its name as one, `command` makes it again, `files` are (address, name) of its numbers.
    """

    key: str
    title: str
    group: str
    paragraphs: Sequence[str] = ()
    points: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    cases: Sequence[Mapping[str, Any]] = ()
    rule: str = ""
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


def render(title: str, note: str, sections: Sequence[Section], facts: Sequence[str] = ()) -> str:
    """The page; everything in the arguments is escaped. `facts` stand under its title."""
    groups: dict[str, list[Section]] = {}
    for section in sections:
        groups.setdefault(section.group, []).append(section)
    return (
        _templates()
        .get_template("report.html")
        .render(title=title, note=note, facts=facts, sections=sections, groups=groups)
    )


Page = Mapping[str, Any]
"""What an exhibit says (`reporting.exhibits.Made.page`)."""


@dataclass(frozen=True)
class Numbers:
    """The frames of a suite that stand in its report besides the exhibits.

    Of the headline experiment: `headline` (`analysis.headline`), `seeds` (`analysis.seeds`). Of each experiment, with a column
    `experiment`: `labels` (`analysis.labels.labels_summary`), `health` (`analysis.training.training_health`), `grading`
    (`analysis.labels.grading`). Of the suite: `claims` (`analysis.claims.ledger`), `leakage` and `recall`
    (`analysis.contamination`; recall may have no rows), `judged` ("agreement", "accuracy" and "differences" of graders,
    `analysis.agreement`).
    """

    claims: pd.DataFrame
    headline: pd.DataFrame
    seeds: pd.DataFrame
    labels: pd.DataFrame
    health: pd.DataFrame
    grading: pd.DataFrame
    leakage: pd.DataFrame
    recall: pd.DataFrame
    judged: Mapping[str, pd.DataFrame]


def build(
    suite: Suite,
    numbers: Numbers,
    pages: Sequence[tuple[Page, Mapping[str, bytes]]],
    manifests: Sequence[Mapping[str, Any]],
    costs: Mapping[str, Sequence[Mapping[str, Any]]],
    command: str,
    unfinished: Unfinished | None = None,
) -> str:
    """The report of a suite.

    Args:
        suite: as it ran.
        numbers: what stands in it besides the exhibits.
        pages: of each exhibit, in the order to show them, what it says and the SVG of each of its pictures by stem.
        manifests: of every artifact, in the order to list them.
        costs: of each experiment, those of what its scores were made of.
        command: what makes an exhibit, but for its name.
        unfinished: what is missing, where the suite has not finished.
    """
    marks, mark = (unfinished.experiments, OF_WHAT_IS_THERE) if unfinished else ({}, "")
    of_experiments = functools.partial(_by_experiment, suite, marks)
    exhibits = [_exhibit(suite, page, svgs, command) for page, svgs in pages]
    versions, other_versions = tables.versions_text(manifests)
    sections = [
        *([_missing(unfinished, command)] if unfinished else []),
        *([_claims(numbers.claims, mark)] if numbers.claims["verdict"].ne("not run").any() else []),
        _findings(
            suite,
            tables.named(with_adjusted_p(numbers.headline), suite),
            tables.named(numbers.seeds, suite),
            marks.get(suite.report.headline, ""),
        ),
        *(section for group in ("Figures", "Tables", "Qualitative") for section in exhibits if section.group == group),
        Section("about-problems", "Problem sets", "Data", (CARDS_NOTE,), tables=_data_cards(suite, manifests)),
        _contamination(suite, numbers.leakage, numbers.recall, mark),
        Section(
            "about-labels",
            "Majority labels",
            "Data",
            (LABELS_NOTE,),
            tables=of_experiments("Labels of the training problems", numbers.labels, tables.labels_text),
        ),
        *(section for section in exhibits if section.group == "Training"),
        Section(
            "about-health",
            "Training health",
            "Training",
            (HEALTH_NOTE,),
            tables=of_experiments("Training, first → last step, mean over seeds", numbers.health, tables.health_text),
        ),
        Section(
            "about-grading",
            "Grading health",
            "Training",
            (GRADING_NOTE,),
            tables=of_experiments("Grading", numbers.grading, tables.grading_text),
        ),
        Section(
            "about-graders",
            "Graders",
            "Training",
            (*filter(None, [mark]), grader_tables.NOTE),
            tables=_graders(suite, numbers.judged),
        ),
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
            (PROVENANCE_NOTE,),
            tables=(
                *_unless_empty("Versions", versions),
                *_unless_empty(f"Versions of {len(other_versions)} more packages", other_versions, folded=True),
                *_unless_empty(f"Manifests ({len(manifests)})", tables.manifests_text(manifests), folded=True),
            ),
        ),
    ]
    note = " ".join(filter(None, [UNFINISHED if unfinished else "", suite.note]))
    return render(suite.title, note, sections, _facts(suite))


def _facts(suite: Suite) -> list[str]:
    """What the suite comes to, in numbers."""
    trained = sum(len(seeds_of(run.seeds)) for run in suite.runs)
    counts = {
        "model": len(suite.models),
        "reward": len(suite.rewards),
        "benchmark": len(suite.benchmarks),
        "experiment": len(suite.experiments),
        "training run": trained,
        "figure and table": len(suite.exhibits),
    }
    plural = {"figure and table": "figures and tables"}
    return [f"{count:,} {name if count == 1 else plural.get(name, name + 's')}" for name, count in counts.items()]


CARDS_NOTE = (
    "What each problem set is, which commit of its source was read, and why rows were left out: only and limit are choices "
    "of the suite, the others are faults of the source. The SHA-256 is of what was kept, in its order."
)
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
    "probability ratio the loss cut off."
)
GRADING_NOTE = (
    "An answer whose check did not end, for it took longer than it may or its process crashed, counts as wrong. So does a "
    "response without an answer."
)
PROVENANCE_NOTE = (
    "Beside each file stands its manifest: what was asked for, what it was made from, by what code, on what."
)

# ---------------------------------------------------------------- an unfinished run

OF_WHAT_IS_THERE = "Incomplete: this is of what is there; what is missing stands above."
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
    folder = ResultPaths(Path()).exhibit(name)

    def files(stem: str, endings: Mapping[str, str]) -> list[tuple[str, str]]:
        return [((folder / f"{stem}.{ending}").as_posix(), name) for ending, name in endings.items()]

    return Section(
        key=name,
        title=page["title"],
        group=GROUPS.get(page["kind"], "Figures"),
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
        files=files("table", {"csv": "CSV, every digit", "md": "Markdown", "tex": "LaTeX"}),
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


# ---------------------------------------------------------------- claims


def _claims(ledger: pd.DataFrame, mark: str) -> Section:
    verdicts = ledger["verdict"].value_counts()
    counted = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in CLAIM_VERDICTS if verdict in verdicts)
    exhibits = ledger["exhibit"].dropna().unique()
    return Section(
        "about-claims",
        "Claims",
        "Summary",
        paragraphs=(*filter(None, [mark]), f"Of {len(ledger)} claims: {counted}.", CLAIMS_NOTE),
        tables=(
            Table("Verdicts", tables.claims_text(ledger), links={"Shown in": {name: f"#{name}" for name in exhibits}}),
            Table(
                "Rules, and where the effects were measured",
                tables.claim_rules_text(ledger),
                folded=True,
            ),
        ),
    )


CLAIMS_NOTE = (
    "Each claim has a rule that was written before the runs. The verdict is that within this suite. The paper's own claim is "
    "judged on its own models alone, trained for as long as there. The effect is that of the condition that decides: of "
    "several, the least favourable, or the most favourable where one is enough. Differences are in percentage points. "
    "Intervals are not corrected for the number of claims. What one seed shows of training is inconclusive, whatever its "
    "interval: another may come out otherwise."
)

# ---------------------------------------------------------------- the headline


def _findings(suite: Suite, headline: pd.DataFrame, seeds: pd.DataFrame, mark: str) -> Section:
    experiment = suite.experiments[suite.report.headline]
    names = {key: name_of(suite, key) for key in suite.benchmarks_of(experiment)}
    answered = {key: rows for key, name in names.items() if len(rows := headline[headline["benchmark"] == name])}
    return Section(
        "about-findings",
        "What came out",
        "Summary",
        paragraphs=[*filter(None, [mark])],
        rule=VERDICT_RULE,
        points=[sentence for key in list(answered)[:1] for sentence in findings(answered[key], names[key])],
        tables=[
            table
            for number, (key, rows) in enumerate(answered.items())
            for table in _headline_tables(suite, key, rows, seeds, mark, folded=number > 0)
        ],
    )


def _headline_tables(
    suite: Suite, benchmark: str, rows: pd.DataFrame, seeds: pd.DataFrame, mark: str, folded: bool
) -> Iterator[Table]:
    """The headline of one benchmark, and where a row has few seeds, each of them."""
    title = f"{suite.title}: {suite.experiments[suite.report.headline].title}, {name_of(suite, benchmark)}"
    yield Table(title, tables.headline_text(rows), f"{headline_note(rows, suite, benchmark)} {mark}".strip(), folded)
    if len(few := few_seeds(rows, seeds)):
        yield Table(f"{title}, every seed", tables.seeds_text(few), seeds_note(few), folded=True)


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


def _contamination(suite: Suite, leakage: pd.DataFrame, recall: pd.DataFrame, mark: str) -> Section:
    rule = suite.overlap
    probe = suite.partial_prompt
    paragraphs = [
        *filter(None, [mark]),
        f"A benchmark problem counts as leaked if the training set {suite.training_problems} has it word for word (in one "
        f"spelling), or {tables.percent(rule.share)} % of its {rule.ngram}-word n-grams. A training set whose "
        "decontaminate names the benchmark's problem set leaves such problems out.",
    ]
    if probe:
        paragraphs.append(
            f"A model before training is given the first {tables.percent(probe.share)} % of a problem's words and goes on "
            "greedily. Problems that were generated for this suite cannot be known to a model that was not trained on them: "
            "what it completes of those, it guesses."
        )
    return Section(
        "about-contamination",
        "Leakage and contamination",
        "Data",
        paragraphs,
        tables=(
            *_unless_empty("Benchmark problems in the training set", tables.leakage_text(leakage, suite)),
            *_unless_empty("Problems completed from memory", tables.recall_text(recall, suite)),
        ),
    )


def _graders(suite: Suite, judged: Mapping[str, pd.DataFrame]) -> tuple[Table, ...]:
    if not judged:
        return ()
    agreement, accuracy, differences = (
        tables.named(judged[name], suite) for name in ("agreement", "accuracy", "differences")
    )
    agreement, accuracy = (frame.sort_values("benchmark", kind="stable") for frame in (agreement, accuracy))
    return (
        *_unless_empty("Agreement on distinct pairs of answers", grader_tables.agreement_text(agreement)),
        *_unless_empty("How far differences move with another grader, in points", grader_tables.moves_text(accuracy)),
        *_unless_empty(
            "Accuracy by each grader, before → after training", grader_tables.accuracy_text(accuracy), folded=True
        ),
        *_unless_empty("Answers on which graders differ", grader_tables.differences_text(differences), folded=True),
    )


def _data_cards(suite: Suite, manifests: Sequence[Mapping[str, Any]]) -> tuple[Table, ...]:
    """One table of all problem sets, and the whole card of each, folded."""
    cards = {
        Path(manifest["artifact"]).stem: manifest["details"]["card"]
        for manifest in manifests
        if "card" in manifest["details"]
    }
    whole = [Table(f"Card of {name}", tables.card_text(card), folded=True) for name, card in cards.items()]
    return (*_unless_empty("All problem sets", tables.cards_text(cards, suite)), *whole)


def _unless_empty(title: str, frame: pd.DataFrame, folded: bool = False) -> tuple[Table, ...]:
    return () if frame.empty else (Table(title, frame, folded=folded),)
