"""Drawing functions for figures. The modules in `exhibits` choose what a figure shows.

Each frame holds one row per mark, in the units of the axes. The columns `panel` and `line` are categoricals of titles,
in drawing order.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from scipy import optimize

from spurious_rewards.reporting.palette import Look, darker
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import replacing

STYLE = Path(__file__).with_name("style.mplstyle")
QUIET = "#555555"
UNSAID = {"svg": ("Date", "Creator"), "pdf": ("CreationDate", "Creator", "Producer"), "png": ("Software",)}
"""File ending -> metadata that `save` leaves out, because the values change with the day or matplotlib's version."""
PAPER: dict[str, Any] = {
    "marker": "D",
    "markersize": 6,
    "markerfacecolor": "white",
    "markeredgecolor": "#222222",
    "linestyle": "none",
}
"""Style of the paper's value: an open diamond."""
SEED: dict[str, Any] = {
    "marker": "o",
    "markerfacecolor": "white",
    "markeredgecolor": "#222222",
    "markeredgewidth": 0.8,
    "linestyle": "none",
}
"""Style of one seed: an open circle."""
DASHES = (0, (4, 3))


def save(figure: Figure, path: Path) -> None:
    """Write the figure as SVG, PDF or PNG, by the path's suffix; the same figure always gives the same bytes."""
    ending = path.suffix[1:]
    with replacing(path) as temporary, matplotlib.style.context(STYLE):
        figure.savefig(temporary, format=ending, metadata=dict.fromkeys(UNSAID[ending]))


# ---------------------------------------------------------------- bars


def bars(rows: pd.DataFrame, title: str, x_label: str, looks: Mapping[str, Look]) -> Figure:
    """Draw a panel for each `panel`, and in it a bar with its interval for each `line` (paper, Fig. 1).

    Args:
        rows: columns panel, line, value, low, high, text (at the right edge), paper (NaN: the paper prints no value),
            note (under the panel's title) and seeds_drawn (a list: one circle for each value).
        title: title of the figure; a second line is set below it in plain type.
        x_label: name of the x axis, with its unit.
        looks: line -> how it looks.
    """
    refuse_mixture(rows, ["panel", "line"])
    panels, lines = present(rows["panel"]), present(rows["line"])
    with matplotlib.style.context(STYLE):
        down, across = grid(len(panels), widest=4)
        figure = Figure(figsize=(max(7.5, 1.5 + 2.4 * across), 1.3 + down * (0.75 + 0.34 * len(lines))))
        axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
        for ax, panel in zip(axes.flat, panels, strict=False):
            here = rows[rows["panel"] == panel]
            for row in here.to_dict("records"):
                _bar(ax, lines.index(row["line"]), row, looks[row["line"]])
            for line in (line for line in lines if line not in set(here["line"])):
                ax.text(0, lines.index(line), "  not run", va="center", color=QUIET, fontsize=9)
            ax.set_title(panel, pad=18)
            ax.text(0, 1.015, here["note"].iloc[0], transform=ax.transAxes, color=QUIET, fontsize=9)
            ax.axvline(0, color=QUIET, linewidth=1)
            ax.grid(axis="x")
            ax.set_yticks(range(len(lines)), lines)
            ax.tick_params(axis="y", length=0, labelcolor="#222222")
            ax.spines["left"].set_visible(False)
        axes.flat[0].set_ylim(len(lines) - 0.4, -0.6)
        shown = rows[["value", "low", "high", "paper"]].to_numpy(dtype=float).ravel()
        shown = np.concatenate([[0.0], shown, rows["seeds_drawn"].explode().to_numpy(dtype=float)])
        low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
        span = high - low or 1
        axes.flat[0].set_xlim(low - 0.04 * span, high + 0.32 * span)  # room for the numbers at the right
        finish(figure, axes, len(panels), title, x_label, [*seed_key(rows), *_paper_key(rows)])
    return figure


def _bar(ax: Axes, position: int, row: Mapping[Any, Any], look: Look) -> None:
    value, low, high = (row[name] for name in ("value", "low", "high"))
    hatch = "////" if look.dotted else None
    ax.barh(position, value, height=0.66, color=look.colour, hatch=hatch, edgecolor="white" if hatch else look.colour)
    ax.errorbar(value, position, xerr=[[value - low], [high - value]], color="#333333", linewidth=1.2, capsize=2.5)
    _seeds(ax, position, row, 4.5)
    if pd.notna(row["paper"]):
        ax.plot([row["paper"]], [position], zorder=5, **PAPER)
    ax.text(1, position, row["text"], transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=9)


def _seeds(ax: Axes, position: float, row: Mapping[Any, Any], size: float) -> None:
    """Draw a circle for each seed: with few seeds, the circles say more than an interval does."""
    ax.plot(row["seeds_drawn"], [position] * len(row["seeds_drawn"]), markersize=size, zorder=4, **SEED)


# ---------------------------------------------------------------- curves


def curves(
    points: pd.DataFrame,
    title: str,
    x_label: str,
    looks: Mapping[str, Look],
    columns: int | None = None,
    doubling: bool = False,
) -> Figure:
    """Draw a panel for each `panel`, and in it a line along `x` for each `line` (paper, Fig. 2, 3 and 6).

    Args:
        points: columns panel, line, x, value, low and high (the band; NaN: none), raw (dashed behind the line; NaN:
            none), paper (NaN: the paper prints no value) and label (of the panel's y axis).
        title: title of the figure; a second line is set below it in plain type.
        x_label: name of the x axis.
        looks: line -> how it looks.
        columns: panels in a row; each column of panels then shares a y axis. None: as many as fit, all with one y axis.
        doubling: draw x on a logarithmic scale to base 2, with a tick at each value.
    """
    refuse_mixture(points, ["panel", "line", "x"])
    panels, lines = present(points["panel"]), present(points["line"])
    with matplotlib.style.context(STYLE):
        narrow = len(lines) <= 2 or (columns or 0) > 2
        down, across = (len(panels) // columns, columns) if columns else grid(len(panels), widest=3 if narrow else 2)
        size = max(7.5, 0.6 + (3.5 if narrow else 4.9) * across), 1.2 + max(2.7, 0.27 * len(lines)) * down
        figure = Figure(figsize=size)
        axes = figure.subplots(down, across, sharex=True, sharey="col" if columns else True, squeeze=False)
        for ax, panel in zip(axes.flat, panels, strict=False):
            here = points[points["panel"] == panel]
            _lines(ax, here, looks)
            if doubling:
                ax.set_xscale("log", base=2)
                ax.set_xticks(here["x"].unique(), [f"{x:g}" for x in here["x"].unique()])
            ax.set_title(panel)
            ax.set_ylabel(here["label"].iloc[0])
        if not columns:
            for ax in axes[:, 1:].flat:
                ax.set_ylabel("")
        for ax in axes.flat:
            _label_ends(ax)
        finish(figure, axes, len(panels), title, x_label, [*_line_key(points), *_paper_key(points)])
    return figure


def multiples(points: pd.DataFrame, title: str, x_label: str, looks: Mapping[str, Look]) -> Figure:
    """Draw small multiples of `curves`: each panel has its own y axis, and one legend below them names the lines."""
    refuse_mixture(points, ["panel", "line", "x"])
    panels, lines = present(points["panel"]), present(points["line"])
    with matplotlib.style.context(STYLE):
        down, across = grid(len(panels), widest=3)
        figure = Figure(figsize=(max(7.5, 0.4 + 3.2 * across), 1.5 + 2.3 * down))
        axes = figure.subplots(down, across, sharex=True, squeeze=False)
        for ax, panel in zip(axes.flat, panels, strict=False):
            here = points[points["panel"] == panel]
            _lines(ax, here, looks)
            ax.set_title(panel)
            ax.set_ylabel(here["label"].iloc[0])
        named = [Line2D([], [], color=looks[line].colour, linestyle=_stroke(looks[line]), label=line) for line in lines]
        finish(figure, axes, len(panels), title, x_label, [*named, *_line_key(points)])
    return figure


def _lines(ax: Axes, points: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    for line in present(points["line"]):
        look, rows = looks[line], points[points["line"] == line].sort_values("x")
        ax.fill_between(rows["x"], rows["low"], rows["high"], color=look.colour, alpha=0.11, linewidth=0)
        ax.plot(rows["x"], rows["raw"], color=look.colour, linewidth=1, linestyle=DASHES, alpha=0.55)
        ax.plot(rows["x"], rows["value"], color=look.colour, linestyle=_stroke(look), label=line)
        for row in rows[rows["paper"].notna()].to_dict("records"):
            # The value before training (x = 0) belongs to all lines, so its marker has the colour of none.
            edge = {"markeredgecolor": look.colour} if row["x"] else {}
            ax.plot([row["x"]], [row["paper"]], zorder=5, clip_on=False, **PAPER | edge)
    ax.grid(axis="y")
    ax.set_xlim(points["x"].min(), points["x"].max())
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True))


def _stroke(look: Look) -> Any:
    return (0, (1, 1)) if look.dotted else "-"


def _label_ends(ax: Axes) -> None:
    """Write each line's name beside its end, moved up or down where names would overlap."""
    lines = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
    ends = [float(np.asarray(line.get_ydata())[-1]) for line in lines]
    low, high = ax.get_ylim()
    for line, end, height in zip(
        lines, ends, _apart(ends, 0.082 * (high - low), low, high - 0.04 * (high - low)), strict=True
    ):
        step, colour = float(np.asarray(line.get_xdata())[-1]), str(line.get_color())
        ax.annotate(
            str(line.get_label()),
            (step, end),
            xytext=(1.045, (height - low) / (high - low)),
            textcoords="axes fraction",
            va="center",
            fontsize=8.5,
            color=darker(colour),
            arrowprops={
                **{"arrowstyle": "-", "color": colour, "linewidth": 0.8},
                **{"relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 1},
            },
        )


def _apart(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return the heights, in the same order, moved as little as possible to be `gap` apart and within [low, high]."""
    order = np.argsort(heights, kind="stable")
    placed = np.array(heights, dtype=float)[order]
    offsets = gap * np.arange(len(placed))
    # Least-squares fit of an increasing sequence to the heights, after the gaps below each are subtracted.
    free = optimize.isotonic_regression(placed - offsets).x
    free = np.clip(free, low, max(low, high - (offsets[-1] if len(offsets) else 0)))
    result = np.empty_like(placed)
    result[order] = free + offsets
    return [float(height) for height in result]


# ---------------------------------------------------------------- switches of strategy


def switches(rows: pd.DataFrame, title: str, colours: Mapping[str, str]) -> Figure:
    """Draw a row of panels for each `panel`: each group's size, its accuracy before and after, and its net gain.

    Args:
        rows: columns panel, line, group (a categorical), size, before and after (accuracy within the group; NaN if it
            is empty), net (of all problems) with net_low and net_high, all in percent, and seeds_drawn (paper, Fig. 7).
        title: title of the figure; a second line is set below it in plain type.
        colours: group -> colour.
    """
    refuse_mixture(rows, ["panel", "line", "group"])
    groups, step = present(rows["group"]), len(present(rows["group"])) + 1
    parts = [(panel, rows[rows["panel"] == panel]) for panel in present(rows["panel"])]
    sizes = [step * len(present(here["line"])) for _, here in parts]
    heads = ("share of problems (%)", "accuracy, before → after (%)", "net problems gained (% of all)")
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(10.4, 1.5 + 0.5 * len(parts) + 0.155 * sum(sizes)))
        axes = figure.subplots(len(parts), 3, sharex="col", sharey="row", squeeze=False, height_ratios=sizes)
        for (size, accuracy, net), (panel, here) in zip(axes, parts, strict=True):
            lines = present(here["line"])
            for row in here[here["size"] > 0].to_dict("records"):
                height = step * lines.index(row["line"]) + groups.index(row["group"])
                colour = colours[row["group"]]
                size.barh(height, row["size"], height=0.85, color=colour)
                net.barh(height, row["net"], height=0.85, color=colour)
                net.plot([row["net_low"], row["net_high"]], [height] * 2, color="#333333", linewidth=1.1)
                _seeds(net, height, row, 3)
                accuracy.plot([row["before"], row["after"]], [height] * 2, color=colour, linewidth=1.6)
                accuracy.plot([row["before"]], [height], "o", markersize=4.5, markerfacecolor="white", color=colour)
                accuracy.plot([row["after"]], [height], "o", markersize=4.5, color=colour)
            size.set_title(panel)
            for ax in (size, accuracy, net):
                for place in range(1, len(lines)):
                    ax.axhline(step * place - 1, color="#e4e4e4", linewidth=0.7, zorder=0)
            net.axvline(0, color=QUIET, linewidth=1)
            accuracy.set_xlim(-3, 103)
            for ax in (size, accuracy, net):
                ax.grid(axis="x")
                ax.tick_params(axis="y", length=0, labelcolor="#222222")
                ax.set_yticks([step * place + (len(groups) - 1) / 2 for place in range(len(lines))], lines)
            size.set_ylim(step * len(lines) - 1.3, -0.7)
        key: list[Line2D | Patch] = [Patch(color=colours[group], label=group) for group in groups]
        key += seed_key(rows)
        for ax, head in zip(axes[-1], heads, strict=True):
            ax.set_xlabel(head)
        finish(figure, axes, axes.size, title, "", key)
    return figure


# ---------------------------------------------------------------- estimates


def estimates(rows: pd.DataFrame, marks: pd.DataFrame, title: str, x_label: str, looks: Mapping[str, Look]) -> Figure:
    """Draw a mean with its interval for each `line`, and faint behind it the values that it is the mean of.

    Args:
        rows: columns line, value, low, high and text (beside the interval).
        marks: the faint values: columns line and value.
        title: title of the figure; a second line is set below it in plain type.
        x_label: name of the x axis, with its unit.
        looks: line -> how it looks.
    """
    refuse_mixture(rows, ["line"])
    lines = present(rows["line"])
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(7.5, 1.3 + 0.6 * len(lines)))
        ax = figure.subplots()
        for row in rows.to_dict("records"):
            height, look = lines.index(row["line"]), looks[row["line"]]
            behind = marks.loc[marks["line"] == row["line"], "value"]
            ax.plot(behind, [height] * len(behind), "|", color=look.colour, markersize=13, alpha=0.45)
            ends = [[row["value"] - row["low"]], [row["high"] - row["value"]]]
            ax.errorbar(row["value"], height, xerr=ends, fmt="o", color=look.colour, markersize=7, capsize=4)
            ax.annotate(
                row["text"],
                (row["value"], height),
                xytext=(0, 9),
                textcoords="offset points",
                ha="center",
                fontsize=9,
                color=darker(look.colour),
            )
        ax.axvline(0, color=QUIET, linewidth=1)
        ax.grid(axis="x")
        ax.set_yticks(range(len(lines)), lines)
        ax.tick_params(axis="y", length=0, labelcolor="#222222")
        ax.spines["left"].set_visible(False)
        ax.set_ylim(len(lines) - 0.5, -0.75)
        finish(figure, np.array([[ax]]), 1, title, x_label, [])
    return figure


# ---------------------------------------------------------------- what all share


def present(column: "pd.Series[str]") -> list[str]:
    """Return the categories that occur in a column, in category order."""
    return [name for name in column.cat.categories if (column == name).any()]


def finish(
    figure: Figure, axes: "np.ndarray", used: int, title: str, x_label: str, key: Sequence[Line2D | Patch]
) -> None:
    """Hide the unused axes, and place the x label, the legend and the title as in every figure."""
    for ax in axes.flat[used:]:
        ax.set_visible(False)
    for ax in axes.flat[max(0, used - axes.shape[1]) : used]:
        if x_label:
            ax.set_xlabel(textwrap.fill(x_label, int(9.5 * figure.get_figwidth() / axes.shape[1])))
        ax.tick_params(labelbottom=True)
    if key:
        figure.legend(handles=list(key), loc="outside lower left", ncols=4, frameon=False, fontsize=9)
    _entitle(figure, *title.split("\n"))
    # Fix the layout now. Otherwise matplotlib computes it again for each file that the figure is saved as, which takes
    # longer than the drawing itself.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def _entitle(figure: Figure, title: str, *further: str) -> None:
    """Write the title in bold, and below it the `further` lines in plain type."""
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(title, int(9.2 * width))
    below = textwrap.wrap(" ".join(further), int(12.5 * width))
    # The layout engine makes room for the title only. Blank lines in the title make room for the plain lines too.
    figure.suptitle("\n".join([*lines, *[""] * len(below)]), x=0.01, ha="left", fontsize=13, fontweight="bold")
    start = 1 - (0.08 + len(lines) * 13 * 1.2 / 72) / height
    figure.text(0.01, start, "\n".join(below), ha="left", va="top", fontsize=10.5, color=QUIET)


def _line_key(points: pd.DataFrame) -> list[Line2D]:
    label = "mean, with 95 % band" if points["low"].notna().any() else "mean"
    key = [Line2D([], [], color=QUIET, label=label)]
    if points["raw"].notna().any():
        key.append(Line2D([], [], color=QUIET, linewidth=1, linestyle=DASHES, label="not smoothed"))
    return key


def seed_key(rows: pd.DataFrame) -> list[Line2D]:
    """Return the legend entry of the seed circles, or no entry if there are no circles."""
    any_drawn = rows["seeds_drawn"].map(len).any()
    return [Line2D([], [], markersize=4.5, label="one seed", **SEED)] if any_drawn else []


def _paper_key(rows: pd.DataFrame) -> list[Line2D]:
    return [Line2D([], [], label="the paper's value", **PAPER)] if rows["paper"].notna().any() else []


def grid(panels: int, widest: int) -> tuple[int, int]:
    """Return (rows, columns) for a number of panels: as few rows as possible, then as few columns as possible."""
    rows = math.ceil(panels / widest)
    return rows, math.ceil(panels / rows)


def refuse_mixture(frame: pd.DataFrame, keys: list[str]) -> None:
    """Raise a UserError if two rows have the same keys, because the second would be drawn over the first."""
    if frame.duplicated(keys).any():
        raise UserError(
            f"several rows have the same {', '.join(keys)}, and would be drawn over each other; if the tables that this is "
            "made of were changed or copied here, delete them and run again, and if not draw a figure for each"
        )
