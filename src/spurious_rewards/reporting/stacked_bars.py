"""Drawing of bars whose parts add up: each part begins where the one above it ends, so parts below 0 stay visible."""

from collections.abc import Mapping

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from spurious_rewards.reporting.figures import QUIET, SEED, STYLE, finish, present, refuse_mixture, seed_key


def stacked(rows: pd.DataFrame, title: str, x_label: str, colours: Mapping[str, str]) -> Figure:
    """Draw a stack for each `bar`: each `part` reaches from `start` to `start` + `value`, and has an interval.

    Args:
        rows: columns bar and part (categoricals), start, value, low and high (of the value), text (at the right edge)
            and seeds_drawn (a list of values: one circle for each).
        title: title of the figure; a second line is set below it in plain type.
        x_label: name of the x axis, with its unit.
        colours: part -> colour.
    """
    refuse_mixture(rows, ["bar", "part"])
    stacks, parts = present(rows["bar"]), present(rows["part"])
    height = len(parts) + 1
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(8.4, 1.6 + 0.22 * height * len(stacks)))
        ax = figure.subplots()
        for row in rows.to_dict("records"):
            y, start, end = (
                height * stacks.index(row["bar"]) + parts.index(row["part"]),
                row["start"],
                row["start"] + row["value"],
            )
            ax.barh(y, row["value"], left=start, height=1, color=colours[row["part"]])
            ends = [[row["value"] - row["low"]], [row["high"] - row["value"]]]
            ax.errorbar(end, y, xerr=ends, color="#333333", linewidth=1.2, capsize=2.5)
            ax.plot([start + seed for seed in row["seeds_drawn"]], [y] * len(row["seeds_drawn"]), markersize=3, **SEED)
            ax.text(1, y, row["text"], transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=8.5)
        ax.axvline(0, color=QUIET, linewidth=1)
        ax.grid(axis="x")
        ax.set_yticks([height * place + (len(parts) - 1) / 2 for place in range(len(stacks))], stacks)
        ax.tick_params(axis="y", length=0, labelcolor="#222222")
        ax.spines["left"].set_visible(False)
        ax.set_ylim(height * len(stacks) - 1.2, -0.8)
        seeds = (rows["seeds_drawn"].explode().astype(float) + rows["start"]).dropna()
        shown = np.concatenate([[0.0], *(rows["start"] + rows[end] for end in ("value", "low", "high")), seeds])
        low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
        span = high - low or 1
        ax.set_xlim(low - 0.04 * span, high + 0.16 * span)  # room for the numbers at the right
        key = [Patch(color=colours[part], label=part) for part in parts]
        finish(figure, np.array([[ax]]), 1, title, x_label, [*key, *seed_key(rows)])
    return figure
