"""Drawing of error rates: how often tests are wrong, and in which way."""

from collections.abc import Mapping

import matplotlib.style
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from spurious_rewards.reporting.figures import QUIET, STYLE, finish, grid, present, refuse_mixture
from spurious_rewards.reporting.palette import Look

SPREAD = 0.6
"""Width over which the marks at one place spread. Places are 1 apart."""


def error_rates(rows: pd.DataFrame, title: str, x_label: str, looks: Mapping[str, Look]) -> Figure:
    """Draw a panel for each `panel`, a place for each `x`, and there a mark with its interval for each `line`.

    Args:
        rows: columns panel, line and x (all categoricals), and value, low and high in percent.
        title: title of the figure.
        x_label: name of the x axis.
        looks: line -> how it looks.
    """
    refuse_mixture(rows, ["panel", "line", "x"])
    panels, lines, places = (present(rows[name]) for name in ("panel", "line", "x"))
    with matplotlib.style.context(STYLE):
        down, across = grid(len(panels), widest=2)
        figure = Figure(figsize=(max(7.5, 0.8 + 4.2 * across), 1.6 + 2.9 * down))
        axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
        for ax, panel in zip(axes.flat, panels, strict=False):
            for row in rows[rows["panel"] == panel].to_dict("records"):
                aside = SPREAD * ((lines.index(row["line"]) + 0.5) / len(lines) - 0.5)
                look, error = looks[row["line"]], [[row["value"] - row["low"]], [row["high"] - row["value"]]]
                fill = "white" if look.dotted else look.colour
                ax.errorbar(
                    places.index(row["x"]) + aside, row["value"], yerr=error, fmt="o", color=look.colour, capsize=3,
                    markersize=7, markerfacecolor=fill,
                )  # fmt: skip
            for place in range(1, len(places)):
                ax.axvline(place - 0.5, color="#e4e4e4", linewidth=0.7, zorder=0)
            ax.set_title(panel)
            ax.set_xticks(range(len(places)), places)
            ax.set_xlim(-0.5, len(places) - 0.5)
            ax.set_ylim(-4, 104)
            ax.grid(axis="y")
        for ax in axes[:, 0]:
            ax.set_ylabel("wrong verdicts (% of models)")
        key = [Line2D([], [], marker="o", linestyle="none", color=looks[line].colour, label=line) for line in lines]
        key.append(Line2D([], [], color=QUIET, label="95 % interval"))
        finish(figure, axes, len(panels), title, x_label, key)
    return figure
