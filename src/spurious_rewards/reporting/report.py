"""One HTML file that works from disk: no script, no network, pictures inside.

`build` turns parsed inputs into sections, `render` turns sections into HTML; neither reads or writes a file.
"""

import base64
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2
import pandas as pd

from spurious_rewards.analysis import VERDICT_RULE
from spurious_rewards.reporting import tables
from spurious_rewards.suite import Experiment, Suite


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
        """The picture itself as an address, so that the page needs no other file."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode()


@dataclass(frozen=True)
class Section:
    """A heading with paragraphs, points, tables and pictures under it, in this order."""

    title: str
    paragraphs: Sequence[str] = ()
    points: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = field(default=())


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
    return _templates().get_template("report.html").render(title=title, note=note, sections=sections)


def build(
    suite: Suite,
    experiment: Experiment,
    headline: pd.DataFrame,
    labels: pd.DataFrame,
    health: pd.DataFrame,
    grading: pd.DataFrame,
    svgs: Mapping[str, Mapping[str, bytes]],
    manifests: Sequence[Mapping[str, Any]],
) -> str:
    """The report of a suite.

    Args:
        suite: as it ran.
        experiment: the suite's headline experiment.
        headline: `analysis.headline` of it.
        labels: `analysis.labels_summary`.
        health: `analysis.training_health`.
        grading: `analysis.grading`.
        svgs: benchmark key -> {"bars", "curves", "code"} -> the SVG of that figure.
        manifests: of every artifact, in the order to list them.
    """
    headline, labels, health, grading = (tables.named(frame, suite) for frame in (headline, labels, health, grading))
    first = next(benchmark.title or key for key, benchmark in suite.benchmarks.items())
    sections = [Section("What came out", (VERDICT_RULE,), points=findings(headline, first))]
    for key, benchmark in suite.benchmarks.items():
        title = benchmark.title or key
        rows = headline[headline["benchmark"] == title]
        if rows.empty:
            continue
        size = _sizes(rows, experiment)
        sections.append(
            Section(
                title,
                pictures=_pictures(svgs.get(key, {}), title, size, suite),
                tables=(Table(f"{suite.title}: {experiment.title}, {title}", tables.headline_text(rows), size),),
            )
        )
    sections += [
        Section(
            "Majority labels",
            (LABELS_NOTE,),
            tables=_unless_empty("Labels of the training problems", tables.labels_text(labels)),
        ),
        Section(
            "Training and grading health",
            (HEALTH_NOTE,),
            tables=(
                *_unless_empty("Training, first → last step, mean over seeds", tables.health_text(health), folded=True),
                *_unless_empty("Grading", tables.grading_text(grading)),
            ),
        ),
        Section("Problem sets", tables=_data_cards(manifests)),
        Section("Cost", tables=_unless_empty("What each stage took", tables.cost_text(manifests))),
        Section(
            "Provenance",
            tables=(
                *_unless_empty("Versions", tables.versions_text(manifests)),
                *_unless_empty(f"Manifests ({len(manifests)})", tables.manifests_text(manifests), folded=True),
            ),
        ),
    ]
    return render(f"{suite.title}: {experiment.title}", suite.note, sections)


LABELS_NOTE = (
    "Labels are majority votes of the untrained model's responses to the training problems. pass@1 and pass@samples "
    "are those of the same responses: how often one is right, and how many problems have at least one that is."
)
HEALTH_NOTE = (
    "A group without variance (all rewards of a prompt equal) teaches nothing. Clipped are the tokens whose "
    "probability ratio the loss cut off. An answer whose check did not end counts as wrong."
)


def findings(headline: pd.DataFrame, benchmark: str) -> list[str]:
    """The headline of one benchmark in words, one sentence a model, and one on the random reward."""
    rows = headline[headline["benchmark"] == benchmark]
    sentences = []
    for model, group in rows.groupby("model", observed=True):
        parts = []
        for verdict in ("gain", "no clear change", "loss"):
            having = group[group["verdict"] == verdict]
            if len(having):
                parts.append(f"{verdict} with " + ", ".join(map(_with_difference, having.to_dict("records"))))
        beats = group[group["over_random_low"] > 0]
        compared = group["over_random"].notna().any()
        sentences.append(
            f"{model}, {benchmark}, {_percent_range(group['before'])} before training: {'; '.join(parts)}."
            + (f" Better than the random reward: {', '.join(_names(beats)) or 'none'}." if compared else "")
        )
    return sentences


def _with_difference(row: tables.Row) -> str:
    return f"{_name(row)} {tables.points_interval(row, 'difference')}"


def _names(rows: pd.DataFrame) -> list[str]:
    return [_name(row) for row in rows.to_dict("records")]


def _name(row: tables.Row) -> str:
    return str(row["reward"]) if row["variant"] == "default" else f"{row['reward']} ({row['variant']})"


def _percent_range(rates: "pd.Series[float]") -> str:
    least, most = tables.percent(rates.min()), tables.percent(rates.max())
    return f"{least} %" if least == most else f"{least} to {most} %"


def _sizes(rows: pd.DataFrame, experiment: Experiment) -> str:
    """n, k, seeds and the step rule, which belong to every number."""

    def span(column: str) -> str:
        least, most = rows[column].min(), rows[column].max()
        return str(least) if least == most else f"{least} to {most}"

    responses = "one greedy response" if rows["gained"].notna().any() else f"{span('samples')} sampled responses"
    return (
        f"n = {span('problems')} problems, {responses} each, {span('seeds')} seeds; after step {experiment.steps}, the "
        "last, fixed in the suite. Percent, differences in percentage points, [95 % intervals] over problems and seeds."
    )


def _pictures(svgs: Mapping[str, bytes], benchmark: str, size: str, suite: Suite) -> tuple[Picture, ...]:
    curves = (
        f"Line: mean over seeds, smoothed over {suite.report.smoothing_steps} training steps (step 0 is not); dashed: "
        "each evaluation; band: Student's 95 % interval of the mean over seeds."
    )
    kinds = {
        "bars": (f"Change in accuracy on {benchmark} under each reward. Whiskers: 95 % intervals. {size}", "bar chart"),
        "curves": (f"Accuracy on {benchmark} along training. {curves}", "line chart"),
        "code": (f"Accuracy and share of responses with code on {benchmark} along training. {curves}", "line chart"),
    }
    return tuple(
        Picture(svgs[kind], caption, f"{chart}: {caption} The numbers stand in the table.")
        for kind, (caption, chart) in kinds.items()
        if kind in svgs
    )


def _data_cards(manifests: Sequence[Mapping[str, Any]]) -> tuple[Table, ...]:
    return tuple(
        Table(str(manifest["artifact"]), tables.card_text(manifest["details"]["card"]))
        for manifest in manifests
        if "card" in manifest["details"]
    )


def _unless_empty(title: str, frame: pd.DataFrame, folded: bool = False) -> tuple[Table, ...]:
    return () if frame.empty else (Table(title, frame, folded=folded),)
