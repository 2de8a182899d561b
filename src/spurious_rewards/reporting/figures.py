"""The figures, in the manner of the paper's Fig. 1, 2, 3 and 6. Frames come named (`tables.named`); rates are of 1."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy import optimize

from spurious_rewards import statistics
from spurious_rewards.analysis import smooth
from spurious_rewards.artifacts import replacing
from spurious_rewards.reporting.tables import Row, percent, points
from spurious_rewards.suite import Suite

STYLE = Path(__file__).with_name("style.mplstyle")

# Okabe and Ito's colours, told apart also by the colour-blind; the first reward of a function gets its colour.
COLOURS = {
    "ground_truth": "#009E73",
    "majority_vote": "#0072B2",
    "incorrect": "#D55E00",
    "format": "#E69F00",
    "random": "#CC79A7",
    "python": "#56B4E9",
}
SPARE_COLOURS = ("#000000", "#8C7A00", "#7F7F7F", "#7B3294", "#A6611A")


def colours(suite: Suite) -> dict[str, str]:
    """The colour of each reward's title, the same in every figure of a suite."""
    free, spare = dict(COLOURS), cycle(SPARE_COLOURS)
    return {
        reward.title or key: free.pop(reward.function) if reward.function in free else next(spare)
        for key, reward in suite.rewards.items()
    }


def save(figure: Figure, path: Path) -> None:
    """Write SVG or PNG by the path's suffix; the same figure gives the same bytes."""
    metadata = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}[path.suffix[1:]]
    with replacing(path) as temporary, matplotlib.style.context(STYLE):
        figure.savefig(temporary, format=path.suffix[1:], metadata=metadata)


def headline_bars(table: pd.DataFrame, title: str, colours: Mapping[str, str]) -> Figure:
    """Per model a group of bars: what training under each reward changed, with its interval (paper, Fig. 1).

    Args:
        table: `analysis.headline` of one benchmark, named.
        title: stands over the figure.
        colours: of the rewards.
    """
    _refuse_mixture(table)
    models, rewards = _present(table["model"]), _present(table["reward"])
    with matplotlib.style.context(STYLE):
        rows, columns = _grid(len(models))
        figure = Figure(figsize=(max(7.5, 1.6 + 2.9 * columns), 1.1 + rows * (0.75 + 0.34 * len(rewards))))
        axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for ax, model in zip(axes.flat, models, strict=False):
            group = table[table["model"] == model]
            for row in group.to_dict("records"):
                _bar(ax, rewards.index(row["reward"]), row, colours[row["reward"]])
            before = group["before"].unique()
            ax.set_title(model, pad=18)
            ax.text(
                0,
                1.015,
                f"before training {_range(before.tolist())} %",
                transform=ax.transAxes,
                color="#555555",
                fontsize=9,
            )
            ax.axvline(0, color="#555555", linewidth=1)
            ax.grid(axis="x")
            ax.set_yticks(range(len(rewards)), rewards)
            ax.tick_params(axis="y", length=0, labelcolor="#222222")
            ax.spines["left"].set_visible(False)
        axes.flat[0].set_ylim(len(rewards) - 0.4, -0.6)
        low, high = 100 * min(0, table["difference_low"].min()), 100 * max(0, table["difference_high"].max())
        room = 0.27 * (high - low)  # for the numbers beside the whiskers
        axes.flat[0].set_xlim(low - (room if (table["difference"] < 0).any() else 0.05 * room), high + room)
        _finish(figure, axes, len(models), title, "change in accuracy (percentage points)")
    return figure


def _bar(ax: Axes, position: int, row: Row, colour: str) -> None:
    value, low, high = (100 * row[name] for name in ("difference", "difference_low", "difference_high"))
    ax.barh(position, value, height=0.66, color=colour)
    ax.errorbar(value, position, xerr=[[value - low], [high - value]], color="#333333", linewidth=1.2, capsize=2.5)
    right = value >= 0
    ax.annotate(
        points(row["difference"]),
        (high if right else low, position),
        xytext=(4 if right else -4, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
        fontsize=9,
    )


def learning_curves(
    scores: pd.DataFrame, title: str, colours: Mapping[str, str], smoothing_steps: int, rate: str = "accuracy"
) -> Figure:
    """A panel per model, a line per reward along training (paper, Fig. 2 and 3).

    The line is smoothed, the evaluations themselves are dashed behind it, and the band is Student's 95 % interval of
    the seeds' mean.

    Args:
        scores: of one benchmark, from their base models on (`analysis.from_base`), named.
        title: stands over the figure.
        colours: of the rewards.
        smoothing_steps: window of `analysis.smooth`.
        rate: the column to draw.
    """
    _refuse_mixture(scores)
    models = _present(scores["model"])
    with matplotlib.style.context(STYLE):
        rows, columns = _grid(len(models), widest=2)
        figure = Figure(figsize=(max(7.5, 0.6 + 4.9 * columns), 0.9 + 2.9 * rows))
        axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for ax, model in zip(axes.flat, models, strict=False):
            _curves(ax, scores[scores["model"] == model], rate, colours, smoothing_steps)
            ax.set_title(model)
        for ax in axes[:, 0]:
            ax.set_ylabel(f"{LABELS[rate]} (%)")
        _label_ends(figure)
        _finish(figure, axes, len(models), title, "training step (rollout batch)", key=True)
    return figure


def code_curves(scores: pd.DataFrame, title: str, colours: Mapping[str, str], smoothing_steps: int) -> Figure:
    """Accuracy and code frequency side by side, a row per model (paper, Fig. 6); arguments as of `learning_curves`."""
    _refuse_mixture(scores)
    models = _present(scores["model"])
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(10.4, 0.9 + 2.7 * len(models)))
        axes = figure.subplots(len(models), 2, sharex=True, sharey="col", squeeze=False)
        for (left, right), model in zip(axes, models, strict=True):
            for ax, rate in ((left, "accuracy"), (right, "code_rate")):
                _curves(ax, scores[scores["model"] == model], rate, colours, smoothing_steps)
                ax.set_title(f"{model}: {LABELS[rate]}")
                ax.set_ylabel("%")
            right.set_ylim(-3, 103)
        _label_ends(figure)
        _finish(figure, axes, 2 * len(models), title, "training step (rollout batch)", key=True)
    return figure


LABELS = {"accuracy": "accuracy", "code_rate": "responses with code"}


def _curves(ax: Axes, scores: pd.DataFrame, rate: str, colours: Mapping[str, str], smoothing_steps: int) -> None:
    smoothed = smooth(scores, smoothing_steps)
    for reward in _present(scores["reward"]):
        raw = scores[scores["reward"] == reward].groupby("step")[rate].mean()
        lines = smoothed[smoothed["reward"] == reward].pivot(index="step", columns="seed", values=rate)
        bands = np.array([statistics.seed_band(line[~np.isnan(line)]) for line in lines.to_numpy()])
        ax.fill_between(lines.index, *np.clip(100 * bands.T, 0, 100), color=colours[reward], alpha=0.13, linewidth=0)
        ax.plot(raw.index, 100 * raw, color=colours[reward], linewidth=1, linestyle=(0, (4, 3)), alpha=0.7)
        ax.plot(lines.index, 100 * lines.mean(axis=1), color=colours[reward], label=reward)
    ax.grid(axis="y")
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _label_ends(figure: Figure) -> None:
    """Write each line's name beside its end, moved up or down where names would overlap."""
    for ax in figure.axes:
        lines = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
        ends = [float(np.asarray(line.get_ydata())[-1]) for line in lines]
        low, high = ax.get_ylim()
        for line, end, height in zip(lines, ends, _apart(ends, 0.082 * (high - low), low, high), strict=True):
            step = float(np.asarray(line.get_xdata())[-1])
            ax.annotate(
                str(line.get_label()),
                (step, end),
                xytext=(1.045, (height - low) / (high - low)),
                textcoords="axes fraction",
                va="center",
                fontsize=8.5,
                color=_darker(line.get_color()),
                arrowprops={
                    **{"arrowstyle": "-", "color": line.get_color(), "linewidth": 0.8},
                    **{"relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 1},
                },
            )


def _apart(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The heights in their order, moved as little as it takes to be `gap` apart and within [low, high]."""
    order = np.argsort(heights, kind="stable")
    placed = np.array(heights, dtype=float)[order]
    offsets = gap * np.arange(len(placed))
    # least-squares fit of an increasing sequence to what is left when the gaps are taken out
    free = optimize.isotonic_regression(placed - offsets).x
    free = np.clip(free, low, max(low, high - (offsets[-1] if len(offsets) else 0)))
    result = np.empty_like(placed)
    result[order] = free + offsets
    return [float(height) for height in result]


def _finish(figure: Figure, axes: "np.ndarray", used: int, title: str, x_label: str, key: bool = False) -> None:
    for ax in axes.flat[used:]:
        ax.set_visible(False)
    for ax in axes.flat[max(0, used - axes.shape[1]) : used]:
        ax.set_xlabel(x_label)
        ax.tick_params(labelbottom=True)
    if key:
        grey = "#555555"
        figure.legend(
            handles=[
                Line2D([], [], color=grey, label="smoothed, with 95 % band over seeds"),
                Line2D([], [], color=grey, linewidth=1, linestyle=(0, (4, 3)), label="each evaluation"),
            ],
            loc="outside lower right",
            ncols=2,
            frameon=False,
            fontsize=9,
        )
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")


def _grid(panels: int, widest: int = 4) -> tuple[int, int]:
    columns = min(panels, widest)
    return math.ceil(panels / columns), columns


def _refuse_mixture(frame: pd.DataFrame) -> None:
    """One figure shows one benchmark, prompt and variant, else it would draw one thing over another."""
    if len(frame[["benchmark", "prompt", "variant"]].drop_duplicates()) > 1:
        raise ValueError("the rows are of several benchmarks, prompts or variants; draw a figure for each")


def _present(column: "pd.Series[str]") -> list[str]:
    """The categories that occur, in their order."""
    return [name for name in column.cat.categories if (column == name).any()]


def _range(rates: Sequence[float]) -> str:
    least, most = percent(min(rates)), percent(max(rates))
    return least if least == most else f"{least} to {most}"


def _darker(colour: object) -> tuple[float, ...]:
    """Dark enough to be read as text on white."""
    return tuple(0.72 * part for part in to_rgb(colour))  # type: ignore[arg-type]
