"""Drawing of points with intervals against a number on the x axis; points of a line can be joined."""

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib.style
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from spurious_rewards.reporting.figures import QUIET, STYLE, finish, grid, present, refuse_mixture


@dataclass(frozen=True)
class Mark:
    """Style of a line's points; `shift` moves them along the x axis, so that no point hides another's interval."""

    colour: str
    marker: str
    joined: bool = True
    shift: float = 0.0


def points(rows: pd.DataFrame, title: str, labels: tuple[str, str], marks: Mapping[str, Mark]) -> Figure:
    """Draw a panel for each `panel`, and in it the points of each `line` with their intervals.

    Args:
        rows: columns panel and line (categoricals), x, value, low and high (NaN: no interval), and shared (True: the
            point belongs to another line, and this line only starts or ends at it).
        title: title of the figure.
        labels: names of the x axis and the y axis.
        marks: line -> style of its points.
    """
    refuse_mixture(rows, ["panel", "line", "x"])
    panels, lines = present(rows["panel"]), present(rows["line"])
    with matplotlib.style.context(STYLE):
        down, across = grid(len(panels), widest=3)
        figure = Figure(figsize=(max(7.5, 0.6 + 3.8 * across), 1.6 + 2.9 * down))
        axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
        for ax, panel in zip(axes.flat, panels, strict=False):
            ax.axhline(0, color=QUIET, linewidth=1)
            for line in lines:
                here = rows[(rows["panel"] == panel) & (rows["line"] == line)].sort_values("x")
                mark, own = marks[line], here[~here["shared"].astype(bool)]
                if mark.joined:
                    x = here["x"] + mark.shift * ~here["shared"].astype(bool)
                    ax.plot(x, here["value"], color=mark.colour, linewidth=1.4, alpha=0.6)
                ends = [own["value"] - own["low"], own["high"] - own["value"]]
                ax.errorbar(
                    own["x"] + mark.shift,
                    own["value"],
                    yerr=ends,
                    fmt=mark.marker,
                    color=mark.colour,
                    markersize=6,
                    capsize=3,
                    linewidth=1.2,
                )
            ax.set_title(panel)
            ax.grid(axis="y")
            ax.locator_params(axis="x", nbins=5)  # more would touch each other in panels side by side
        for ax in axes[:, 0]:
            ax.set_ylabel(labels[1])
        key = [
            Line2D(
                [],
                [],
                color=marks[line].colour,
                marker=marks[line].marker,
                linestyle="-" if marks[line].joined else "",
                label=line,
            )
            for line in lines
        ]
        finish(figure, axes, len(panels), title, labels[0], key)
    return figure
