"""Exhibits with training on the x axis: accuracy, use of code, and measurements of the rollouts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spurious_rewards import statistics
from spurious_rewards.analysis.headline import with_adjusted_p
from spurious_rewards.analysis.scores import from_base, is_smoothed, of_experiment, smooth
from spurious_rewards.config.endpoints import CONDITION
from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import figures, naming
from spurious_rewards.reporting.exhibits import kinds
from spurious_rewards.reporting.exhibits.headline import headline_tables
from spurious_rewards.reporting.exhibits.shared import (
    EQUAL,
    Parts,
    Picture,
    ResultTables,
    Table,
    as_table,
    by_benchmark,
    counted,
    experiment_of,
    laid_out,
    looks,
    name_of,
    needed,
    rows_shown,
    sizes_of,
    title_of,
)
from spurious_rewards.reporting.numerals import ends, number
from spurious_rewards.reporting.text_tables import identity_cells


@dataclass(frozen=True)
class Quantity:
    """How a column is drawn along training: its title, its y axis, the scale factor, and bounds after scaling."""

    title: str
    label: str
    scale: float
    bounds: tuple[float, float]


DRAWN_AS = {
    "accuracy": Quantity("accuracy", "accuracy (%)", 100, (0, 100)),
    "mean_reward": Quantity("mean reward", "mean reward", 1, (0, 1)),
    "token_probability": Quantity("token probability", "mean probability", 1, (0, 1)),
    "entropy": Quantity("entropy", "nats per token", 1, (0, np.inf)),
    "code_rate": Quantity("responses with code", "responses with code (%)", 100, (0, 100)),
    "box_rate": Quantity("responses with a box", "responses with a box (%)", 100, (0, 100)),
    "clip_fraction": Quantity("tokens clipped", "tokens (%)", 100, (0, 100)),
    "response_tokens": Quantity("response length", "tokens", 1, (0, np.inf)),
    "truncation_rate": Quantity("responses cut off", "responses (%)", 100, (0, 100)),
    "zero_variance_groups": Quantity("groups with equal rewards", "groups (%)", 100, (0, 100)),
}


def along_training(runs: pd.DataFrame, smoothed: pd.DataFrame, quantities: Sequence[str]) -> pd.DataFrame:
    """Return means over seeds, one row per (condition, benchmark if there is one, step, quantity).

    All curves are drawn from these numbers. `value` is the mean of the smoothed seeds. `low` and `high` are the ends of
    Student's 95 % interval of it (NaN for one seed). `raw` is the mean of the seeds at this step, not smoothed.

    Args:
        runs: one row per condition, seed, benchmark (or none) and step.
        smoothed: the same rows with the quantities smoothed.
        quantities: columns of `runs`.
    """
    keys = [*CONDITION, *(["benchmark"] if "benchmark" in runs else []), "step"]
    frames = []
    for quantity in quantities:
        groups = smoothed.groupby(keys, observed=True)[quantity]
        bands = [statistics.seed_band(values.to_numpy(dtype=float)) for _, values in groups]
        points = groups.agg(value="mean", seeds="size").reset_index()
        points["low"], points["high"] = zip(*bands, strict=True) if bands else ((), ())
        points["raw"] = runs.groupby(keys, observed=True)[quantity].mean().to_numpy()
        points.insert(len(keys), "quantity", quantity)
        frames.append(points)
    return pd.concat(frames, ignore_index=True)


def curves(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind curves: accuracy (paper, Fig. 2)."""
    return _of_scores(name, exhibit, suite, frames, ["accuracy"])


def code(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind code: accuracy and the share of responses with code (paper, Fig. 6)."""
    return _of_scores(name, exhibit, suite, frames, ["accuracy", "code_rate"])


def _of_scores(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables, quantities: list[str]) -> Parts:
    scores = of_experiment(needed(frames.scores, "scores"), suite, experiment_of(exhibit, suite))
    runs = rows_shown(from_base(scores), name, exhibit, suite)
    points = along_training(runs, smooth(runs, suite.report.smoothing_steps), quantities)
    sizes = runs.groupby([*CONDITION, "benchmark"], observed=True)[["problems", "samples"]].max().reset_index()
    points = _with_updates(points.merge(sizes, on=[*CONDITION, "benchmark"]), suite)
    headline = rows_shown(needed(frames.headline, "headline"), name, exhibit, suite)
    smoothed = is_smoothed(points, suite.report.smoothing_steps)
    # Where nothing was smoothed, the dashed raw line would lie on the line itself.
    marks = _beside(points.assign(raw=points["raw"].where(smoothed)), headline)
    drawn = _drawn(marks, exhibit, suite)
    pictures = [
        Picture(
            key,
            figures.curves(
                here,
                title_of(suite, exhibit, key),
                _x_label(exhibit),
                looks(suite, exhibit),
                columns=len(quantities) if len(quantities) > 1 else None,
            ),
            f"{' and '.join(DRAWN_AS[of].title for of in quantities).capitalize()} on {name_of(suite, key)}. "
            + sizes_of(here, suite, key),
        )
        for key, here in by_benchmark(drawn, suite, exhibit)
    ]
    tables = headline_tables(with_adjusted_p(headline), frames.seeds, suite, exhibit)
    if exhibit.lines == "variant" and frames.comparisons is not None:
        compared = rows_shown(frames.comparisons, name, exhibit, suite, may_be_empty=True)
        of = "variants after equal steps and after equal updates"
        tables += headline_tables(with_adjusted_p(compared), None, suite, exhibit, of, EQUAL)
    dashed = " Dashed: the mean of each evaluation, not smoothed." if smoothed.any() else ""
    caption = f"{_equal(exhibit)}Line: mean over seeds{_smoothed(smoothed, suite)}.{dashed} {BAND}"
    return Parts(caption, points, pictures, tables)


def probability(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind probability: how sure a policy is of its rollouts under each variant (paper, Fig. 12)."""
    exhibit = exhibit.model_copy(update={"lines": "variant"})  # this kind always compares variants
    quantities = ["token_probability", "entropy", "code_rate"]
    points = _of_rollouts(name, exhibit, suite, frames, quantities)
    how = _smoothed(is_smoothed(points, suite.report.smoothing_steps), suite)
    drawn = _drawn(points.assign(paper=np.nan, raw=np.nan), exhibit, suite)
    title = f"{exhibit.title}\n{suite.title}: rollouts of training"
    figure = figures.curves(drawn, title, _x_label(exhibit), looks(suite, exhibit), columns=len(quantities))
    caption = (
        f"Measured on the training rollouts ({_batches(points, suite)}), under the policy that sampled them: mean "
        "probability of a token, entropy in nats per token, and the share of responses with code. "
        f"{_equal(exhibit)}Line: mean over {counted(points['seeds'], 'seed')}{how}. {BAND}"
    )
    return Parts(caption, points, [Picture("rollouts", figure, caption)], [_ends_of(points, exhibit, suite, how)])


HEALTH = [
    *("mean_reward", "accuracy", "entropy"),
    *("box_rate", "code_rate", "clip_fraction"),
    *("response_tokens", "truncation_rate", "zero_variance_groups"),
]


def health(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind health: how training went, with a picture for each model."""
    points = _of_rollouts(name, exhibit, suite, frames, HEALTH)
    how = _smoothed(is_smoothed(points, suite.report.smoothing_steps), suite)
    drawn = _drawn(points.assign(paper=np.nan, raw=np.nan), exhibit, suite)
    drawn["panel"] = _entitled(drawn["quantity"], HEALTH)
    caption = (
        f"Measured on the training rollouts ({_batches(points, suite)}): mean reward, accuracy, entropy in nats per "
        "token, responses with a boxed answer and with code, tokens that the clip took out of the loss, length of "
        "responses, responses cut off at the length limit, and groups whose rewards are all equal, which teach "
        f"nothing. {_equal(exhibit)}Line: mean over {counted(points['seeds'], 'seed')}{how}. {BAND}"
    )
    titles = naming.titles(suite)["model"]
    pictures = [
        Picture(
            model,
            figures.multiples(
                drawn[drawn["model"] == titles[model]],
                f"{exhibit.title}\n{suite.title}: {titles[model]}",
                _x_label(exhibit),
                looks(suite, exhibit),
            ),
            f"Training of {titles[model]}. {caption}",
        )
        for model in kinds.pictures(suite, exhibit)
        if (drawn["model"] == titles[model]).any()  # a failed run has no metrics
    ]
    return Parts(caption, points, pictures, [_ends_of(points, exhibit, suite, how)])


def _of_rollouts(
    name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables, quantities: list[str]
) -> pd.DataFrame:
    """Return `along_training` for columns of the training metrics."""
    metrics = of_experiment(needed(frames.metrics, "metrics"), suite, experiment_of(exhibit, suite))
    runs = rows_shown(metrics, name, exhibit, suite).sort_values([*CONDITION, "seed", "step"], ignore_index=True)
    # Training metrics have one row per step, so a window of rows is a window of steps.
    window = max(1, suite.report.smoothing_steps)
    seeds = runs.groupby([*CONDITION, "seed"], observed=True)[quantities]
    smoothed = runs.assign(**seeds.transform(lambda column: column.rolling(window, min_periods=1).mean()))
    return _with_updates(along_training(runs, smoothed, quantities), suite)


def _batches(points: pd.DataFrame, suite: Suite) -> str:
    """Return the rollout batch sizes of the variants among the points as words, each distinct size once."""
    variants = [suite.algorithms[name] for name in points["variant"].astype(str).unique()]
    sizes = dict.fromkeys((of.rollout_prompts, of.rollouts_per_prompt) for of in variants)
    return " or ".join(f"n = {prompts} problems, {k} responses each" for prompts, k in sizes) + " per step"


def _ends_of(points: pd.DataFrame, exhibit: Exhibit, suite: Suite, how: str) -> Table:
    """Return a table of the first and the last step of each quantity."""
    named = naming.named(points, suite)
    named["quantity"] = _entitled(named["quantity"], list(points["quantity"].unique()))
    note = (
        f"First → last rollout step{how}. Rates are fractions of 1, entropy is in nats per token. In brackets: the 95 % interval "
        "of the last step over seeds."
    )
    return as_table(f"{suite.title}: {exhibit.title}", training_text(named), note)


def training_text(points: pd.DataFrame) -> pd.DataFrame:
    """Return `along_training` of rollouts, with titles, as a table: first → last step per quantity (paper, Fig. 12)."""
    rows = []
    for _, here in points.groupby(["model", "prompt", "reward", "variant"], observed=True):
        of = here.iloc[0].to_dict()
        row = {
            **identity_cells(points, of, "reward"),
            "Seeds": str(of["seeds"]),
            "Steps": number(here["step"].max(), 0),
        }
        for name, along in here.groupby("quantity", observed=True):
            row[str(name)] = ends(along)
        rows.append(row)
    return pd.DataFrame(rows)


def _entitled(quantities: "pd.Series[str]", order: Sequence[str]) -> "pd.Categorical[str]":
    titles = {key: DRAWN_AS[key].title.capitalize() for key in order}
    return pd.Categorical(quantities.map(titles), list(titles.values()), ordered=True)


def _with_updates(points: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    each = points["variant"].astype(str).map({name: of.optimizer_steps for name, of in suite.algorithms.items()})
    points.insert(list(points.columns).index("step") + 1, "updates", points["step"] * each.astype(int))
    return points


def _beside(points: pd.DataFrame, headline: pd.DataFrame) -> pd.DataFrame:
    """Return the points with the paper's accuracies: before training at step 0, after training at the last step."""
    keys = [*CONDITION, "benchmark"]
    ends = headline[[*keys, "steps", *(name for name in ("paper_before", "paper_after") if name in headline)]]
    points = points.astype(dict.fromkeys(keys, str)).merge(ends.astype(dict.fromkeys(keys, str)), on=keys, how="left")
    paper = pd.Series(np.nan, index=points.index)
    for step, name in ((0, "paper_before"), (points["steps"], "paper_after")):
        if name in points:
            paper = paper.mask(
                (points["step"] == step) & (points["quantity"] == "accuracy"), points[name].astype(float)
            )
    return points.assign(paper=paper)


def _drawn(points: pd.DataFrame, exhibit: Exhibit, suite: Suite) -> pd.DataFrame:
    """Return the points in the units of their axes, with panel, line and x.

    Lines of variants end where the shortest one ends, because variants are compared only at equal numbers of steps or
    updates.
    """
    several = points["quantity"].nunique() > 1
    drawn = laid_out(naming.named(points, suite), exhibit)
    drawn["x"] = drawn["step" if exhibit.against == "steps" else "updates"]
    if exhibit.lines == "variant":
        drawn = drawn[drawn["x"] <= drawn.groupby("line", observed=True)["x"].max().min()]
    drawn = drawn.copy()
    for key, quantity in DRAWN_AS.items():
        of = drawn["quantity"] == key
        drawn.loc[of, "label"] = quantity.label
        for column in ("value", "low", "high", "raw", "paper"):
            drawn.loc[of, column] = (quantity.scale * drawn.loc[of, column].astype(float)).clip(*quantity.bounds)
    if several:
        panels = [
            f"{panel}: {DRAWN_AS[key].title}"
            for panel in figures.present(drawn["panel"])
            for key in drawn["quantity"].unique()
        ]
        titles = drawn["quantity"].map({key: quantity.title for key, quantity in DRAWN_AS.items()})
        drawn["panel"] = pd.Categorical(drawn["panel"].astype(str) + ": " + titles, panels, ordered=True)
    return drawn


def _x_label(exhibit: Exhibit) -> str:
    return "training step (rollout batch)" if exhibit.against == "steps" else "optimiser updates"


BAND = "Band: 95 % interval of the mean over seeds (Student's t)."


def _equal(exhibit: Exhibit) -> str:
    if exhibit.lines != "variant":
        return ""
    measure = "rollout step" if exhibit.against == "steps" else "update"
    return f"Every line ends at the last {measure} that all variants reached; table.csv has all steps. "


def _smoothed(smoothed: "pd.Series[bool]", suite: Suite) -> str:
    """Return words on how a line was smoothed, or "" if it was not; `smoothed` is `is_smoothed` of its points."""
    if not smoothed.any():
        return ""
    where = "" if smoothed.all() else " if evaluations are closer together than that"
    return f", smoothed over {suite.report.smoothing_steps} training steps{where}"
