"""What the kinds of exhibits share: the choice of rows, their place in figures, and the wording of titles and notes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from spurious_rewards.config.experiments import Exhibit, Experiment
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import naming, palette
from spurious_rewards.reporting.exhibits import kinds
from spurious_rewards.reporting.numerals import by_seed
from spurious_rewards.runtime.errors import UserError

Table = dict[str, Any]
"""A table as text that JSON can hold: {"title", "columns", "rows", "note"}."""


@dataclass(frozen=True)
class ResultTables:
    """Frames of earlier stages, with keys and not titles; None if the kind does not need one (`stages.plot.NEEDS`)."""

    headline: pd.DataFrame | None = None
    baselines: pd.DataFrame | None = None
    gain_split: pd.DataFrame | None = None
    scores: pd.DataFrame | None = None
    before: pd.DataFrame | None = None
    switches: pd.DataFrame | None = None
    contributions: pd.DataFrame | None = None
    comparisons: pd.DataFrame | None = None
    seeds: pd.DataFrame | None = None
    metrics: pd.DataFrame | None = None
    probe: pd.DataFrame | None = None
    bandit: pd.DataFrame | None = None
    control: pd.DataFrame | None = None
    coverage: pd.DataFrame | None = None


@dataclass(frozen=True)
class Picture:
    """A figure, the stem of its file, and its caption."""

    stem: str
    figure: Figure
    caption: str


@dataclass(frozen=True)
class Parts:
    """What the function of a kind returns."""

    caption: str
    numbers: pd.DataFrame
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()


LAST = "the last step of each condition, which the suite fixes before the run"
EQUAL = "the last step at which all variants were evaluated"
"""Rules by which the step was chosen, as `sizes_of` words them."""


def needed(frame: pd.DataFrame | None, name: str) -> pd.DataFrame:
    """Return the frame, or raise a ValueError if it is None."""
    if frame is None:
        raise ValueError(f"this kind of exhibit needs the frame {name} (`stages.plot.NEEDS`)")
    return frame


def experiment_of(exhibit: Exhibit, suite: Suite) -> Experiment:
    """Return the experiment of an exhibit; only kind clipping has none."""
    assert exhibit.experiment is not None
    return suite.experiments[exhibit.experiment]


def rows_shown(
    frame: pd.DataFrame, name: str, exhibit: Exhibit, suite: Suite, may_be_empty: bool = False
) -> pd.DataFrame:
    """Return the rows that the exhibit shows: those of its models, rewards and benchmarks.

    Raises:
        UserError: there are none, and `may_be_empty` is False.
    """
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


def laid_out(named: pd.DataFrame, exhibit: Exhibit) -> pd.DataFrame:
    """Return the rows with their panel and line (titles); each line is of one condition (`config.exhibits`)."""
    return named.assign(panel=named[exhibit.panels], line=named[exhibit.lines])


def looks(suite: Suite, exhibit: Exhibit) -> dict[str, palette.Look]:
    """Return the look of each of the exhibit's lines, by title."""
    return (
        palette.rewards(suite)
        if exhibit.lines == "reward"
        else palette.variants(naming.titles(suite)["variant"].values())
    )


WHISKERS = "Lines: 95 % intervals. Circles: single seeds."
"""Explains the intervals and circles in figures of bars."""


def drawn_seeds(rows: pd.DataFrame, name: str) -> "pd.Series[Any]":
    """Return the list of each row's seeds' differences, in percentage points; empty for one seed: the bar shows it."""
    each = [[100 * value for value in by_seed(of, name)] for of in rows.to_dict("records")]
    return pd.Series([values if len(values) > 1 else [] for values in each], index=rows.index, dtype=object)


def by_benchmark(rows: pd.DataFrame, suite: Suite, exhibit: Exhibit) -> list[tuple[str, pd.DataFrame]]:
    """Return (key, rows) of each benchmark that the exhibit shows and that has rows; `rows` have titles."""
    pairs = ((key, rows[rows["benchmark"] == name_of(suite, key)]) for key in kinds.benchmarks(suite, exhibit))
    return [(key, here) for key, here in pairs if len(here)]


def name_of(suite: Suite, benchmark: str) -> str:
    """Return the title of a benchmark."""
    return suite.benchmarks[benchmark].title or benchmark


def title_of(suite: Suite, exhibit: Exhibit, benchmark: str) -> str:
    """Return the title of a figure: what it shows, and below that the suite and the benchmark."""
    return f"{exhibit.title}\n{suite.title}: {name_of(suite, benchmark)}"


def as_table(title: str, frame: pd.DataFrame, note: str) -> Table:
    """Return a frame of text as a `Table`."""
    return {"title": title, "columns": list(frame.columns), "rows": frame.to_numpy().tolist(), "note": note}


def sizes_of(rows: pd.DataFrame, suite: Suite, benchmark: str, rule: str = LAST) -> str:
    """Return sentences with n, k, seeds and the step rule, as far as the rows have them. Every number needs them."""
    known = []
    if "problems" in rows:
        known.append(f"n = {counted(rows['problems'], 'problem')}")
    if "samples" in rows:
        greedy = suite.benchmarks[benchmark].temperature == 0
        known.append(f"{'one greedy response' if greedy else counted(rows['samples'], 'sampled response')} each")
    if "seeds" in rows:
        known.append(counted(rows["seeds"], "seed"))
    sentences = [", ".join(known)] if known else []
    if "steps" in rows:
        sentences.append(f"Measured after step {whole_range(rows['steps'])}, {rule}")
    return " ".join(f"{sentence}." for sentence in sentences) + _imported_among(rows, suite)


def _imported_among(rows: pd.DataFrame, suite: Suite) -> str:
    """Return a sentence for each run among the rows that was trained elsewhere; rows may have keys or titles."""
    if not suite.imports or not {"model", "reward"} <= set(rows):
        return ""
    here = set(zip(rows["model"].astype(str), rows["reward"].astype(str), strict=True))
    sentences = []
    for each in suite.imports:
        model = suite.models[each.model].title or each.model
        reward = suite.rewards[each.reward].title or each.reward
        if here & {(each.model, each.reward), (model, reward)}:
            sentences.append(f" Imported, not trained here: {model}, {reward}, seed {each.seed} ({each.origin}).")
    return "".join(sentences)


def counted(numbers: "pd.Series[float]", name: str) -> str:
    """Return 1 seed, 5 seeds or 1 to 5 seeds, if the name is seed."""
    return f"{whole_range(numbers)} {name}{'' if numbers.max() == 1 else 's'}"


def whole_range(numbers: "pd.Series[float]") -> str:
    """Return 5, or 5 to 10 if the numbers differ."""
    least, most = int(numbers.min()), int(numbers.max())
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
