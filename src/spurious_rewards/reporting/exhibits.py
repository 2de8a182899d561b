"""An exhibit is one figure or table of the paper: what it shows, its pictures, its numbers and what stands around them.

`make` chooses the kind's function below, which turns frames of the analysis into a `Made`. A kind is a function here, a
line in `KINDS`, and a line in `kinds.NEEDS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from spurious_rewards import statistics
from spurious_rewards.analysis.collecting import CONDITION
from spurious_rewards.analysis.scores import from_base, of_experiment, smooth
from spurious_rewards.analysis.switching import STEERED_RULE
from spurious_rewards.errors import UserError
from spurious_rewards.reporting import figures, kinds, palette
from spurious_rewards.reporting import tables as text
from spurious_rewards.suite import Exhibit, Experiment, Suite

Table = dict[str, Any]
"""{"title", "columns", "rows", "note"}: a table as text, which JSON can hold."""


@dataclass(frozen=True)
class Frames:
    """What the stages before left, each None where the kind does not need it (`kinds.NEEDS`); rows keep their keys."""

    headline: pd.DataFrame | None = None
    scores: pd.DataFrame | None = None
    before: pd.DataFrame | None = None
    switches: pd.DataFrame | None = None
    contributions: pd.DataFrame | None = None
    comparisons: pd.DataFrame | None = None
    metrics: pd.DataFrame | None = None
    probe: pd.DataFrame | None = None
    bandit: pd.DataFrame | None = None


@dataclass(frozen=True)
class Made:
    """Figures by file name, the numbers they show (keys, full precision), and the page: what the report says and shows."""

    figures: dict[str, Figure]
    numbers: pd.DataFrame
    page: dict[str, Any]


@dataclass(frozen=True)
class Picture:
    """A figure, the name of its file, and what stands under it."""

    stem: str
    figure: Figure
    caption: str


@dataclass(frozen=True)
class Parts:
    """What a kind's function makes of the frames."""

    caption: str
    numbers: pd.DataFrame
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()


def make(name: str, suite: Suite, frames: Frames) -> Made:
    """The exhibit `name` of the suite.

    Raises:
        UserError: its rows cannot be drawn as it says, or there are none.
    """
    exhibit = suite.exhibits[name]
    parts = KINDS[exhibit.kind](name, exhibit, suite, frames)
    pictures = [
        {
            "stem": picture.stem,
            "caption": picture.caption,
            "text": f"{exhibit.title}. {picture.caption} The numbers stand in the table.",
        }
        for picture in parts.pictures
    ]
    page = {
        **{"name": name, "title": exhibit.title, "kind": exhibit.kind, "caption": parts.caption},
        **{"pictures": pictures, "tables": list(parts.tables)},
    }
    return Made({picture.stem: picture.figure for picture in parts.pictures}, parts.numbers, page)


def markdown(page: Mapping[str, Any]) -> str:
    """The tables of a page, with their notes."""
    tables = [
        text.markdown(pd.DataFrame(table["rows"], columns=table["columns"]), table["title"])
        + (f"\n{table['note']}\n" if table["note"] else "")
        for table in page["tables"]
    ]
    return "\n".join([f"# {page['title']}", "", page["caption"], "", *tables])


# ---------------------------------------------------------------- bars


def _gains(name: str, exhibit: Exhibit, suite: Suite, frames: Frames) -> Parts:
    rows = _shown(_frame(frames.headline, "headline"), name, exhibit, suite)
    marks = _laid_out(text.named(rows, suite), name, exhibit)
    of = {"value": "difference", "low": "difference_low", "high": "difference_high", "paper": "paper_difference"}
    for drawn, column in of.items():
        marks[drawn] = 100 * marks[column].astype(float) if column in marks else np.nan
    tested = marks["verdict"] != "not testable"
    marks["text"] = marks["difference"].map(text.points).where(tested, "not testable")
    before = marks.groupby("panel", observed=True)["before"].agg(_range)
    marks["note"] = [f"before training {before[panel]} %" for panel in marks["panel"]]
    return Parts(
        caption="How much training under each reward changes accuracy. Whiskers: 95 % intervals.",
        numbers=rows,
        pictures=[
            Picture(
                key,
                figures.bars(
                    here, _title(suite, exhibit, key), "change in accuracy (percentage points)", _looks(suite, exhibit)
                ),
                f"Change in accuracy on {_name(suite, key)}. {_sizes(here, suite, key)}",
            )
            for key, here in _by_benchmark(marks, suite, exhibit)
        ],
        tables=_headline_tables(rows, suite, exhibit),
    )


# ---------------------------------------------------------------- curves


@dataclass(frozen=True)
class Quantity:
    """A column that is drawn along training: its name, its axis, and the factor and bounds of what is drawn."""

    title: str
    label: str
    scale: float
    bounds: tuple[float, float]


QUANTITIES = {
    "accuracy": Quantity("accuracy", "accuracy (%)", 100, (0, 100)),
    "token_probability": Quantity("token probability", "mean probability", 1, (0, 1)),
    "entropy": Quantity("entropy", "nats per token", 1, (0, np.inf)),
    "code_rate": Quantity("responses with code", "responses with code (%)", 100, (0, 100)),
}


def along_training(runs: pd.DataFrame, smoothed: pd.DataFrame, quantities: Sequence[str]) -> pd.DataFrame:
    """Means over seeds, one row (condition, benchmark if there is one, step, quantity): the numbers of every curve.

    `value` is the mean of the smoothed seeds, `low` and `high` Student's 95 % interval of it (NaN for one seed), `raw` the
    mean of the seeds at this step alone.

    Args:
        runs: one row a condition, seed, benchmark (or none) and step.
        smoothed: the same rows with the quantities smoothed.
        quantities: the columns.
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


def _curves(name: str, exhibit: Exhibit, suite: Suite, frames: Frames) -> Parts:
    return _of_scores(name, exhibit, suite, frames, ["accuracy"])


def _code(name: str, exhibit: Exhibit, suite: Suite, frames: Frames) -> Parts:
    return _of_scores(name, exhibit, suite, frames, ["accuracy", "code_rate"])


def _of_scores(name: str, exhibit: Exhibit, suite: Suite, frames: Frames, quantities: list[str]) -> Parts:
    scores = of_experiment(_frame(frames.scores, "scores"), suite, _experiment(exhibit, suite))
    runs = _shown(from_base(scores), name, exhibit, suite)
    points = along_training(runs, smooth(runs, suite.report.smoothing_steps), quantities)
    sizes = runs.groupby([*CONDITION, "benchmark"], observed=True)[["problems", "samples"]].max().reset_index()
    points = _with_updates(points.merge(sizes, on=[*CONDITION, "benchmark"]), suite)
    headline = _shown(_frame(frames.headline, "headline"), name, exhibit, suite)
    drawn = _drawn(_beside(points, headline), name, exhibit, suite)
    pictures = [
        Picture(
            key,
            figures.curves(
                here,
                _title(suite, exhibit, key),
                _x_label(exhibit),
                _looks(suite, exhibit),
                columns=len(quantities) if len(quantities) > 1 else None,
            ),
            f"{' and '.join(QUANTITIES[of].title for of in quantities).capitalize()} on {_name(suite, key)}. "
            + _sizes(here, suite, key),
        )
        for key, here in _by_benchmark(drawn, suite, exhibit)
    ]
    tables = _headline_tables(headline, suite, exhibit)
    if exhibit.lines == "variant" and frames.comparisons is not None:
        compared = _shown(frames.comparisons, name, exhibit, suite, may_be_empty=True)
        tables += _headline_tables(compared, suite, exhibit, "variants at equal steps and at equal updates", EQUAL)
    return Parts(_caption_of_curves(exhibit, suite), points, pictures, tables)


def _probability(name: str, exhibit: Exhibit, suite: Suite, frames: Frames) -> Parts:
    exhibit = exhibit.model_copy(update={"lines": "variant"})  # what this kind is there to compare
    quantities = ["token_probability", "entropy", "code_rate"]
    metrics = of_experiment(_frame(frames.metrics, "metrics"), suite, _experiment(exhibit, suite))
    runs = _shown(metrics, name, exhibit, suite).sort_values([*CONDITION, "seed", "step"], ignore_index=True)
    # Training metrics have a row a step, so that a window of rows is one of steps.
    window = max(1, suite.report.smoothing_steps)
    seeds = runs.groupby([*CONDITION, "seed"], observed=True)[quantities]
    smoothed = runs.assign(**seeds.transform(lambda column: column.rolling(window, min_periods=1).mean()))
    points = _with_updates(along_training(runs, smoothed, quantities), suite)
    drawn = _drawn(points.assign(paper=np.nan, raw=np.nan), name, exhibit, suite)
    title = f"{exhibit.title}\n{suite.title}: rollouts of training"
    figure = figures.curves(drawn, title, _x_label(exhibit), _looks(suite, exhibit), columns=len(quantities))
    named = text.named(points, suite)
    shown = {key: QUANTITIES[key].title.capitalize() for key in quantities}
    named["quantity"] = pd.Categorical(named["quantity"].map(shown), list(shown.values()), ordered=True)
    caption = (
        "Of the rollouts of training, under the policy that sampled them: mean probability of a token, entropy in nats "
        f"per token, and the share of responses with code. Mean over seeds ({_whole_range(points['seeds'])}). "
        + _caption_of_curves(exhibit, suite)
    )
    note = "First → last rollout step, smoothed; [95 % interval over seeds]."
    table = _table(f"{suite.title}: {exhibit.title}", text.training_text(named), note)
    return Parts(caption, points, [Picture("rollouts", figure, caption)], [table])


def _with_updates(points: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    each = points["variant"].astype(str).map({name: of.optimizer_steps for name, of in suite.algorithms.items()})
    points.insert(list(points.columns).index("step") + 1, "updates", points["step"] * each.astype(int))
    return points


def _beside(points: pd.DataFrame, headline: pd.DataFrame) -> pd.DataFrame:
    """The points with the paper's accuracy before training at step 0, and after it at each condition's last step."""
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


def _drawn(points: pd.DataFrame, name: str, exhibit: Exhibit, suite: Suite) -> pd.DataFrame:
    """Points in the units of their axes, with panel, line and x.

    Lines of variants end where the first of them ends: only equal numbers of steps, or of updates, are compared.
    """
    several = points["quantity"].nunique() > 1
    drawn = _laid_out(text.named(points, suite), name, exhibit, further=["quantity", "step"])
    drawn["x"] = drawn[exhibit.against.removesuffix("s")] if exhibit.against == "steps" else drawn["updates"]
    if exhibit.lines == "variant":
        drawn = drawn[drawn["x"] <= drawn.groupby("line", observed=True)["x"].max().min()]
    drawn = drawn.copy()
    for key, quantity in QUANTITIES.items():
        of = drawn["quantity"] == key
        drawn.loc[of, "label"] = quantity.label
        for column in ("value", "low", "high", "raw", "paper"):
            drawn.loc[of, column] = (quantity.scale * drawn.loc[of, column].astype(float)).clip(*quantity.bounds)
    if several:
        panels = [
            f"{panel}: {QUANTITIES[key].title}"
            for panel in figures.present(drawn["panel"])
            for key in drawn["quantity"].unique()
        ]
        titles = drawn["quantity"].map({key: quantity.title for key, quantity in QUANTITIES.items()})
        drawn["panel"] = pd.Categorical(drawn["panel"].astype(str) + ": " + titles, panels, ordered=True)
    return drawn


def _x_label(exhibit: Exhibit) -> str:
    return "training step (rollout batch)" if exhibit.against == "steps" else "optimiser updates"


def _caption_of_curves(exhibit: Exhibit, suite: Suite) -> str:
    equal = (
        f"Lines end where the shortest ends, at equal {'rollout steps' if exhibit.against == 'steps' else 'updates'}; the "
        "whole of each stands in table.csv. "
        if exhibit.lines == "variant"
        else ""
    )
    return (
        f"{equal}Line: mean over seeds, smoothed over {suite.report.smoothing_steps} training steps (step 0 is not); "
        "dashed, if drawn: each evaluation; band: Student's 95 % interval of the mean over seeds."
    )


# ---------------------------------------------------------------- strategies


def _switches(name: str, exhibit: Exhibit, suite: Suite, frames: Frames) -> Parts:
    rows = _shown(_frame(frames.switches, "switches"), name, exhibit, suite)
    named = text.named(rows, suite).rename(columns={"step": "steps"})
    marks = _laid_out(named, name, exhibit, further=["group"])
    rule = "fixed in the suite" if exhibit.step else LAST
    marks["line"] = _with_remark(marks["line"], ~marks["steered"].astype(bool), "not steered")
    for column in ("size", "before", "after", "net", "net_low", "net_high"):
        marks[column] = 100 * marks[column].astype(float)
    colours = {text.GROUPS[key]: colour for key, colour in palette.GROUPS.items()}
    caption = (
        "Problems by whether the response used code before training and after it: the share of each group, its accuracy "
        "before (open) and after (full), and how many more of all problems it gets right, with 95 % intervals. "
    )
    tables = [
        _table(
            f"{suite.title}: {exhibit.title}, {_name(suite, key)}",
            text.switches_text(here),
            "Percent; net in points of all problems. Share of the gain: net of the group over net of all. [95 % intervals] "
            f"over problems and seeds. {STEERED_RULE} {_sizes(here, suite, key, rule)}",
        )
        for key, here in _by_benchmark(named, suite, exhibit)
    ]
    pictures = [
        Picture(
            key, figures.switches(here, _title(suite, exhibit, key), colours), caption + _sizes(here, suite, key, rule)
        )
        for key, here in _by_benchmark(marks, suite, exhibit)
    ]
    return Parts(caption.strip(), rows, pictures, tables)


def _contributions(name: str, exhibit: Exhibit, suite: Suite, frames: Frames) -> Parts:
    rows = _shown(_frame(frames.contributions, "contributions"), name, exhibit, suite)
    caption = (
        "What each switch of strategy contributes to the gain: net newly right in the group over net newly right in all, "
        "in percent, mean over the rewards that steered the strategy and gained."
    )
    rewards = text.titles(suite)["reward"]
    entitled = {
        column: [", ".join(rewards[key] for key in keys.split(", ") if key) for keys in rows[column].fillna("")]
        for column in ("rewards", "without_gain")
    }
    tables = [
        _table(
            f"{suite.title}: {exhibit.title}, {_name(suite, key)}",
            text.contributions_text(here),
            f"After step {_whole_range(here['step'])}. [95 % intervals] over rewards. {STEERED_RULE}",
        )
        for key, here in _by_benchmark(text.named(rows.assign(**entitled), suite), suite, exhibit)
    ]
    return Parts(caption, rows, tables=tables)


# ---------------------------------------------------------------- before training


def _strategies(name: str, exhibit: Exhibit, suite: Suite, frames: Frames) -> Parts:
    rows = _shown(_frame(frames.before, "before"), name, exhibit, suite)
    caption = (
        "How often each model uses code before training, and how often it is right with and without it, in percent."
    )
    return Parts(caption, rows, tables=_before_tables(rows, suite, exhibit, text.strategies_text))


def _forcing(name: str, exhibit: Exhibit, suite: Suite, frames: Frames) -> Parts:
    pairs = forced(_shown(_frame(frames.before, "before"), name, exhibit, suite), suite)
    caption = (
        "Accuracy before training under each model's own prompt and when the prompt makes every response begin with code, "
        "in percent; differences in percentage points, over the same problems."
    )
    return Parts(caption, pairs, tables=_before_tables(pairs, suite, exhibit, text.forcing_text))


def forced(before: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Each model's other prompts beside its own, one row (model, prompt, benchmark): `own` and `forced` accuracy."""
    renamed = {"accuracy": "forced", "code_rate": "code_forced"}
    columns = {
        f"{start}{old}{end}": f"{start}{new}{end}"
        for old, new in renamed.items()
        for start in ("", "paper_")
        for end in ("", "_low", "_high", "_source")
    }
    is_own = before["prompt"].astype(str) == before["model"].astype(str).map(
        {k: m.prompt for k, m in suite.models.items()}
    )
    own = before[is_own].rename(columns={old: new.replace("forced", "own") for old, new in columns.items()})
    other = before[~is_own].rename(columns=columns)
    kept = ["model", "benchmark", *(name for name in own.columns if name.split("_")[-1] == "own" or "own_" in name)]
    pairs = other.merge(own[kept], on=["model", "benchmark"])
    return pairs.assign(difference=pairs["forced"] - pairs["own"])


def _prompts(name: str, exhibit: Exhibit, suite: Suite, frames: Frames) -> Parts:
    before = _shown(_frame(frames.before, "before"), name, exhibit, suite)
    after = _shown(_frame(frames.headline, "headline"), name, exhibit, suite, may_be_empty=True)
    after = text.named(after[after["variant"] == "default"], suite)
    caption = (
        "Accuracy and the share of responses with a boxed answer (parsable) before training under each prompt"
        + (", and accuracy after the last step" if len(after) else "")
        + ", in percent."
    )

    def both(rows: pd.DataFrame) -> pd.DataFrame:
        return text.prompts_text(rows, after[after["benchmark"] == rows["benchmark"].iloc[0]])

    return Parts(caption, before, tables=_before_tables(before, suite, exhibit, both))


def _before_tables(
    rows: pd.DataFrame, suite: Suite, exhibit: Exhibit, as_text: Callable[[pd.DataFrame], pd.DataFrame]
) -> list[Table]:
    note = "n problems, k responses to each; [95 % intervals]."
    return [
        _table(f"{suite.title}: {exhibit.title}, {_name(suite, key)}", as_text(here), note)
        for key, here in _by_benchmark(text.named(rows, suite), suite, exhibit)
    ]


# ---------------------------------------------------------------- clipping


def clipping(probe: pd.DataFrame, bandit: pd.DataFrame) -> pd.DataFrame:
    """The numbers about the clip alone, in parts "probe" and "bandit".

    The probe's `value` is the mean bias of a variant in logits; pairs lie within seeds, so that its 95 % interval is
    Student's over the means of the seeds, or over the pairs where there is one seed. The bandit's is the mean probability
    of the first action at a step, with its interval over runs.
    """
    rows = []
    for variant, group in probe.groupby("variant", sort=False, observed=True):
        seeds = group.groupby("seed")["bias"].mean().to_numpy()
        low, high = statistics.seed_band(seeds if len(seeds) > 1 else group["bias"].to_numpy())
        pairs = len(group) // len(seeds)
        rows.append(
            {"variant": variant, "value": seeds.mean(), "low": low, "high": high, "seeds": len(seeds), "pairs": pairs}
        )
    parts = {"probe": pd.DataFrame(rows), "bandit": bandit.rename(columns={"probability": "value"})}
    return pd.concat([frame.assign(part=part) for part, frame in parts.items()], ignore_index=True)[
        ["part", "variant", "optimiser", "step", "value", "low", "high", "seeds", "pairs", "runs"]
    ]


def _clipping(name: str, exhibit: Exhibit, suite: Suite, frames: Frames) -> Parts:
    probe, bandit = _frame(frames.probe, "probe"), _frame(frames.bandit, "bandit")
    numbers = clipping(probe, bandit)
    of_probe, of_bandit = (numbers[numbers["part"] == part].copy() for part in ("probe", "bandit"))
    probe_caption = (
        "Change of the logit of the probability of code after one rollout batch with coin-flip rewards, mean of the batch "
        "with its rewards and with the opposite ones: 0 without bias. Whisker: 95 % interval over models; marks: models."
    )
    bandit_caption = (
        f"Two actions that earn the same coin flips: mean probability of the first over {_whole_range(of_bandit['runs'])} "
        "runs. Band: 95 % interval of the mean."
    )

    variants = text.titles(suite)["variant"]
    shown = text.named(of_probe, suite).rename(columns={"variant": "line"})
    shown["text"] = [text.signed(value) for value in shown["value"]]
    seeds = text.named(
        probe.groupby(["variant", "seed"], observed=True)["bias"].mean().reset_index(name="value"), suite
    )
    biases = figures.estimates(
        shown,
        seeds.rename(columns={"variant": "line"}),
        f"{exhibit.title}\n{suite.title}: one rollout batch",
        "bias of the logit of code",
        palette.variants(variants.values()),
    )

    named = text.named(of_bandit.drop(columns="variant"), suite).assign(variant=of_bandit["variant"])
    line = pd.Categorical(named["variant"], named["variant"].unique(), ordered=True)
    marks = named.assign(panel=named["optimiser"], line=line, x=named["step"].astype(int), raw=np.nan, paper=np.nan)
    paths = figures.curves(
        marks.assign(label="mean probability"),
        f"{exhibit.title}\nTwo-action bandit",
        "rollout batch",
        palette.variants(of_bandit["variant"].unique()),
    )
    return Parts(
        caption="What clipping does to a policy whose rewards are coin flips, apart from everything else.",
        numbers=numbers,
        pictures=[Picture("probe", biases, probe_caption), Picture("bandit", paths, bandit_caption)],
        tables=[
            _table(
                f"{suite.title}: bias of one rollout batch", text.probe_text(text.named(of_probe, suite)), probe_caption
            ),
            _table("Two-action bandit, first → last step", text.bandit_text(named), bandit_caption),
        ],
    )


KINDS: dict[str, Callable[[str, Exhibit, Suite, Frames], Parts]] = {
    "gains": _gains,
    "curves": _curves,
    "code": _code,
    "probability": _probability,
    "switches": _switches,
    "clipping": _clipping,
    "strategies": _strategies,
    "contributions": _contributions,
    "forcing": _forcing,
    "prompts": _prompts,
}


# ---------------------------------------------------------------- what all share


def _frame(frame: pd.DataFrame | None, name: str) -> pd.DataFrame:
    if frame is None:
        raise ValueError(f"this kind of exhibit needs the frame {name} (`kinds.NEEDS`)")
    return frame


def _experiment(exhibit: Exhibit, suite: Suite) -> Experiment:
    assert exhibit.experiment is not None
    return suite.experiments[exhibit.experiment]


def _shown(frame: pd.DataFrame, name: str, exhibit: Exhibit, suite: Suite, may_be_empty: bool = False) -> pd.DataFrame:
    """The rows that the exhibit is restricted to."""
    wanted = {"model": exhibit.models, "reward": exhibit.rewards, "benchmark": kinds.benchmarks(suite, exhibit)}
    for column, keys in wanted.items():
        if column in frame and keys:
            frame = frame[frame[column].isin(keys)]
    if frame.empty and not may_be_empty:
        raise UserError(
            f"exhibits.{name}: experiment {exhibit.experiment} has no rows of its models, rewards and benchmarks; name "
            "some that it has"
        )
    return frame.reset_index(drop=True)


def _laid_out(named: pd.DataFrame, name: str, exhibit: Exhibit, further: Sequence[str] = ()) -> pd.DataFrame:
    """The rows with the titles of their panel and line.

    Raises:
        UserError: a panel would show several conditions as one line.
    """
    laid = named.assign(panel=named[exhibit.panels], line=named[exhibit.lines])
    keys = ["panel", "line", *(column for column in ("benchmark", *further) if column in laid)]
    if laid.duplicated(keys).any():
        left = [column for column in CONDITION if column not in (exhibit.panels, exhibit.lines)]
        several = [
            column
            for column in left
            if named.groupby([exhibit.panels, exhibit.lines], observed=True)[column].nunique().max() > 1
        ]
        raise UserError(
            f"exhibits.{name}: a panel for each {exhibit.panels} and a line for each {exhibit.lines} would draw several "
            f"of {', '.join(several)} over one another; restrict the exhibit, or set panels and lines"
        )
    return laid


def _looks(suite: Suite, exhibit: Exhibit) -> dict[str, palette.Look]:
    return (
        palette.rewards(suite)
        if exhibit.lines == "reward"
        else palette.variants(text.titles(suite)["variant"].values())
    )


def _by_benchmark(rows: pd.DataFrame, suite: Suite, exhibit: Exhibit) -> list[tuple[str, pd.DataFrame]]:
    """(key, rows) of each benchmark that is shown and has rows."""
    pairs = ((key, rows[rows["benchmark"] == _name(suite, key)]) for key in kinds.benchmarks(suite, exhibit))
    return [(key, here) for key, here in pairs if len(here)]


def _name(suite: Suite, benchmark: str) -> str:
    return suite.benchmarks[benchmark].title or benchmark


def _title(suite: Suite, exhibit: Exhibit, benchmark: str) -> str:
    return f"{exhibit.title}\n{suite.title}: {_name(suite, benchmark)}"


LAST = "each condition's last, fixed in the suite"
EQUAL = "the last at which all variants were evaluated"


def _headline_tables(rows: pd.DataFrame, suite: Suite, exhibit: Exhibit, of: str = "", rule: str = LAST) -> list[Table]:
    return [
        _table(
            f"{suite.title}: {exhibit.title}, {_name(suite, key)}" + (f", {of}" if of else ""),
            text.headline_text(here),
            _sizes(here, suite, key, rule) + " Percent, differences in percentage points, [95 % intervals].",
        )
        for key, here in _by_benchmark(text.named(rows, suite), suite, exhibit)
    ]


def _table(title: str, frame: pd.DataFrame, note: str) -> Table:
    return {"title": title, "columns": list(frame.columns), "rows": frame.to_numpy().tolist(), "note": note}


def _sizes(rows: pd.DataFrame, suite: Suite, benchmark: str, rule: str = LAST) -> str:
    """n, k, seeds and the step rule, as far as the rows have them: they belong to every number."""
    known = []
    if "problems" in rows:
        known.append(f"n = {_whole_range(rows['problems'])} problems")
    if "samples" in rows:
        greedy = suite.benchmarks[benchmark].temperature == 0
        known.append(
            "one greedy response each" if greedy else f"{_whole_range(rows['samples'])} sampled responses each"
        )
    if "seeds" in rows:
        known.append(f"{_whole_range(rows['seeds'])} seeds")
    if "steps" in rows:
        known.append(f"after step {_whole_range(rows['steps'])}, {rule}")
    return (", ".join(known) + ".") if known else ""


def _whole_range(numbers: "pd.Series[float]") -> str:
    least, most = int(numbers.min()), int(numbers.max())
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _range(rates: "pd.Series[float]") -> str:
    least, most = text.percent(rates.min()), text.percent(rates.max())
    return least if least == most else f"{least} to {most}"


def _with_remark(column: "pd.Series[str]", where: "pd.Series[bool]", remark: str) -> "pd.Series[str]":
    """The categories, those rows' with a remark behind; a category and its remarked twin stand together."""
    names = [twin for name in column.cat.categories for twin in (name, f"{name}\n({remark})")]
    values = [f"{name}\n({remark})" if remarked else str(name) for name, remarked in zip(column, where, strict=True)]
    return pd.Series(pd.Categorical(values, names, ordered=True), index=column.index)
