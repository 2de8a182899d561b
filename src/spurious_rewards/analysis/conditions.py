"""Grades and other tables of many conditions in one frame, and each run paired with the model that it started from."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pandas as pd

from spurious_rewards import statistics
from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.paths import identity
from spurious_rewards.config.endpoints import CONDITION, Condition, End
from spurious_rewards.runtime.errors import UserError

RATES = {
    "accuracy": "correct",
    "code_rate": "has_code",
    "box_rate": "has_box",
    "repetition_rate": "repeats",
    "truncation_rate": "truncated",
}
"""Each column of scores -> the column of grades whose mean it is."""

TEXTS = {"problem", "answer", "majority", "extracted"}
"""Columns that almost no analysis reads. Without them a whole study fits into memory."""


# ---------------------------------------------------------------- many tables in one


@dataclass(frozen=True)
class Source:
    """The table of one condition. Reward and variant are "" for a base model."""

    model: str
    prompt: str
    reward: str
    variant: str
    path: Path


def sources(paths: Iterable[Path]) -> list[Source]:
    """Return the tables of conditions, each with the condition that its path names."""
    return [Source(*identity(path), path) for path in paths]


def collect(
    sources: Iterable[Source], table: type[tables.Table] = tables.Grades, texts: Collection[str] = ()
) -> pd.DataFrame:
    """Return all rows of the sources, with the condition's columns before them.

    The columns `TEXTS` are dropped, except those in `texts`. Other columns of strings become categoricals.
    The mean `reward` of tables.Metrics is renamed to `mean_reward`, because `reward` belongs to the condition.
    """
    frames = []
    for source in sources:
        frame = _without_texts(tables.read(source.path, table), texts)
        condition = {name: getattr(source, name) for name in CONDITION}
        frames.append(pd.DataFrame(condition, index=frame.index).join(frame))
    if not frames:
        frames.append(pd.DataFrame(columns=CONDITION, dtype=str).join(_without_texts(tables.empty(table), texts)))
    everything = pd.concat(frames, ignore_index=True)
    return everything.astype(dict.fromkeys(everything.select_dtypes(["str", "object"]).columns, "category"))


def _without_texts(frame: pd.DataFrame, kept: Collection[str]) -> pd.DataFrame:
    return frame.drop(columns=list(TEXTS.intersection(frame.columns).difference(kept))).rename(
        columns={"reward": "mean_reward"}
    )


def per_problem(graded: pd.DataFrame, rates: Mapping[str, str] = RATES) -> pd.DataFrame:
    """Return one row per (condition, seed, step, benchmark, id): number of samples, and each rate's mean over them."""
    keys = [*CONDITION, "seed", "step", "benchmark", "id"]
    return (
        graded.groupby(keys, observed=True, sort=False)
        .agg(samples=("correct", "size"), **{rate: (column, "mean") for rate, column in rates.items()})
        .reset_index()
    )


def bases(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the rows of base models, repeated for each condition and seed that was trained from them."""
    base = frame[frame["reward"] == ""].drop(columns=["reward", "variant"])
    runs = frame.loc[frame["reward"] != "", [*CONDITION, "seed", *keys]].drop_duplicates()
    own = runs.merge(base, on=["model", "prompt", "seed", *keys])
    shared = runs.merge(base[base["seed"] == tables.SHARED_BASE].drop(columns="seed"), on=["model", "prompt", *keys])
    return pd.concat([own[frame.columns], shared[frame.columns]])


@dataclass(frozen=True)
class Pair:
    """One benchmark before training and after `step`: each frame is seeds x problems, with rates over the samples."""

    step: int
    before: pd.DataFrame
    after: pd.DataFrame
    code_before: pd.DataFrame
    code_after: pd.DataFrame
    samples: int


def pairs(
    graded: pd.DataFrame, ends: Mapping[Condition, End], benchmarks: Sequence[str]
) -> dict[tuple[Condition, str], Pair]:
    """Pair each condition with its model before training, on each benchmark that has grades at the condition's end.

    Raises:
        UserError: runs that were not graded on the same problems as their base model.
    """
    steps = {0, *(end.step for end in ends.values())}
    rates = per_problem(graded[graded["step"].isin(steps)]).astype({"id": str})
    of_condition = dict(iter(rates.groupby(CONDITION, observed=True, sort=False)))
    untrained = {
        (model, prompt): dict(grids(rows[rows["step"] == 0], benchmarks))
        for (model, prompt, reward, _), rows in of_condition.items()
        if not reward
    }
    found = {}
    for condition, end in ends.items():
        if condition in of_condition:
            rows = of_condition[condition]
            before = untrained.get(condition[:2], {})
            for benchmark, after in grids(rows[(rows["step"] == end.step) & rows["seed"].isin(end.seeds)], benchmarks):
                found[condition, benchmark] = _pair(
                    end.step, before.get(benchmark, after.iloc[:0]), after, condition, benchmark
                )
    return found


def grids(rates: pd.DataFrame, benchmarks: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each benchmark that has rates, in the order given, with its grid.

    A grid has one row per seed, and columns (rate or "samples", id).

    Args:
        rates: `per_problem` of one condition at one step, with `id` as text.
        benchmarks: the benchmarks to look for.

    Raises:
        UserError: seeds that were not graded on the same problems.
    """
    for benchmark in benchmarks:
        rows = rates[rates["benchmark"] == benchmark]
        if len(rows):
            values = [name for name in rows.columns if name not in (*CONDITION, "seed", "step", "benchmark", "id")]
            condition = tuple(map(str, rows[CONDITION].iloc[0]))
            yield benchmark, _whole(rows.pivot(index="seed", columns="id", values=values), condition, benchmark)


def of_seeds(untrained: pd.DataFrame, seeds: pd.Index) -> pd.DataFrame:
    """Return the rows of the models before training from which the runs of these seeds started, one per seed."""
    if tables.SHARED_BASE in untrained.index:
        return untrained.reindex([tables.SHARED_BASE] * len(seeds)).set_axis(seeds)
    return untrained.reindex(seeds)


def aligned(here: pd.DataFrame, there: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Return both grids over the seeds (rows) and problems (columns) that they share; None without a shared one."""
    seeds, problems = here.index.intersection(there.index), here.columns.intersection(there.columns)
    if seeds.empty or problems.empty:
        return None
    return here.loc[seeds, problems], there.loc[seeds, problems]


def over(here: pd.DataFrame, there: pd.DataFrame) -> statistics.Estimate | None:
    """Return the mean of one grid of rates minus that of another, paired by seed and problem.

    Returns None if the grids share no seed or no problem.
    """
    both = aligned(here, there)
    return None if both is None else statistics.difference(both[1].to_numpy(float), both[0].to_numpy(float))


def _pair(step: int, before: pd.DataFrame, after: pd.DataFrame, condition: Condition, benchmark: str) -> Pair:
    before = _whole(of_seeds(before, after.index).reindex(columns=after.columns), condition, benchmark)
    return Pair(
        step=step,
        before=cast(pd.DataFrame, before["accuracy"]),
        after=cast(pd.DataFrame, after["accuracy"]),
        code_before=cast(pd.DataFrame, before["code_rate"]),
        code_after=cast(pd.DataFrame, after["code_rate"]),
        samples=int(after["samples"].to_numpy().max()),
    )


def _whole(grid: pd.DataFrame, condition: tuple[str, ...], benchmark: str) -> pd.DataFrame:
    if grid.isna().to_numpy().any():
        raise UserError(
            f"grades of {', '.join(filter(None, (*condition, benchmark)))}: not every seed has all "
            f"{grid['samples'].shape[1]} problems before and after training; delete the grades of this condition and of "
            "its base model and run again"
        )
    return grid
