"""What the kinds of exhibits share: which rows they show, how a row finds its place, and the words around numbers."""

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
"""{"title", "columns", "rows", "note"}: a table as text, which JSON can hold."""


@dataclass(frozen=True)
class ResultTables:
    """What the stages before left, each None where the kind does not need it (`stages.plot.NEEDS`); rows keep their keys."""

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


LAST = "each condition's last step, fixed before the run"
EQUAL = "the last step at which all variants were evaluated"
"""Step rules, as `sizes_of` words them."""


def needed(frame: pd.DataFrame | None, name: str) -> pd.DataFrame:
    """A frame that must be there."""
    if frame is None:
        raise ValueError(f"this kind of exhibit needs the frame {name} (`stages.plot.NEEDS`)")
    return frame


def experiment_of(exhibit: Exhibit, suite: Suite) -> Experiment:
    """What an exhibit is of; kind clipping alone has none."""
    assert exhibit.experiment is not None
    return suite.experiments[exhibit.experiment]


def rows_shown(
    frame: pd.DataFrame, name: str, exhibit: Exhibit, suite: Suite, may_be_empty: bool = False
) -> pd.DataFrame:
    """The rows that the exhibit is restricted to.

    Raises:
        UserError: there are none.
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
    """The rows with the titles of their panel and line; a line is of one condition (`config.exhibits`)."""
    return named.assign(panel=named[exhibit.panels], line=named[exhibit.lines])


def looks(suite: Suite, exhibit: Exhibit) -> dict[str, palette.Look]:
    """The look of what the exhibit's lines are."""
    return (
        palette.rewards(suite)
        if exhibit.lines == "reward"
        else palette.variants(naming.titles(suite)["variant"].values())
    )


WHISKERS = "Lines: 95 % intervals. Circles: single seeds."
"""What a figure of bars shows beside them."""


def drawn_seeds(rows: pd.DataFrame, name: str) -> "pd.Series[Any]":
    """Each seed's difference in percentage points, a list a row; empty where there is one seed, which the bar itself is."""
    each = [[100 * value for value in by_seed(of, name)] for of in rows.to_dict("records")]
    return pd.Series([values if len(values) > 1 else [] for values in each], index=rows.index, dtype=object)


def by_benchmark(rows: pd.DataFrame, suite: Suite, exhibit: Exhibit) -> list[tuple[str, pd.DataFrame]]:
    """(key, rows) of each benchmark that is shown and has rows."""
    pairs = ((key, rows[rows["benchmark"] == name_of(suite, key)]) for key in kinds.benchmarks(suite, exhibit))
    return [(key, here) for key, here in pairs if len(here)]


def name_of(suite: Suite, benchmark: str) -> str:
    """A benchmark's title."""
    return suite.benchmarks[benchmark].title or benchmark


def title_of(suite: Suite, exhibit: Exhibit, benchmark: str) -> str:
    """What stands over a figure: what it shows, of which suite, on which benchmark."""
    return f"{exhibit.title}\n{suite.title}: {name_of(suite, benchmark)}"


def as_table(title: str, frame: pd.DataFrame, note: str) -> Table:
    """A frame of text as JSON can hold it."""
    return {"title": title, "columns": list(frame.columns), "rows": frame.to_numpy().tolist(), "note": note}


def sizes_of(rows: pd.DataFrame, suite: Suite, benchmark: str, rule: str = LAST) -> str:
    """n, k, seeds and the step rule, as far as the rows have them: they belong to every number."""
    known = []
    if "problems" in rows:
        known.append(f"n = {whole_range(rows['problems'])} problems")
    if "samples" in rows:
        greedy = suite.benchmarks[benchmark].temperature == 0
        known.append("one greedy response each" if greedy else f"{whole_range(rows['samples'])} sampled responses each")
    if "seeds" in rows:
        known.append(f"{whole_range(rows['seeds'])} seeds")
    if "steps" in rows:
        known.append(f"after step {whole_range(rows['steps'])}, {rule}")
    return ((", ".join(known) + ".") if known else "") + _imported_among(rows, suite)


def _imported_among(rows: pd.DataFrame, suite: Suite) -> str:
    """A sentence for each run among the rows, of keys or of titles, that was trained elsewhere."""
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


def whole_range(numbers: "pd.Series[float]") -> str:
    """5, or 5 to 10."""
    least, most = int(numbers.min()), int(numbers.max())
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
