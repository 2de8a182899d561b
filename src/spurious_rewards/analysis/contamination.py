"""Contamination that is visible before training: problems in two sets, and problems that a model knows from memory."""

from collections.abc import Mapping

import pandas as pd

from spurious_rewards import statistics
from spurious_rewards.artifacts.csv_files import Columns, cells
from spurious_rewards.problems.partial_prompts import cut, share_completed

LEAKAGE: Columns = {
    **{"training_set": "text", "training_problems": "whole", "benchmark_set": "text"},
    **cells("whole", "problems", "exact", "n_gram"),
    **{"share_overlapping": "number"},
}
"""Columns of the problems that the training set shares with each benchmark."""

MEMORIZATION: Columns = {
    **cells("text", "model", "problem_set"),
    **cells("whole", "problems", "seeds"),
    **cells("number", *(f"{name}{end}" for name in ("word_for_word", "words") for end in ("", "_low", "_high"))),
}
"""Columns of what models complete from memory."""


def leakage(overlaps: pd.DataFrame, training: Mapping[str, int], benchmarks: Mapping[str, int]) -> pd.DataFrame:
    """Count the problems of each benchmark's set that are in the training set, one row per set.

    A problem that is there word for word counts as `exact`. One that shares only most of its n-grams counts as
    `n_gram`.

    Args:
        overlaps: `decontamination.overlaps`.
        training: the name of the training set -> its number of problems; a single entry.
        benchmarks: the same for the benchmarks' sets.
    """
    ((name, size),) = training.items()
    rows = []
    for benchmark, problems in benchmarks.items():
        here = overlaps[overlaps["benchmark"] == benchmark]
        exact = set(here.loc[here["kind"] == "exact", "id"])
        most = set(here["id"]) - exact
        share = (len(exact) + len(most)) / problems
        rows.append((name, size, benchmark, problems, len(exact), len(most), share))
    return pd.DataFrame(rows, columns=list(LEAKAGE))


def memorization(
    responses: Mapping[str, pd.DataFrame], problems: Mapping[str, pd.DataFrame], share: float
) -> pd.DataFrame:
    """Measure how much of the rest of each problem its model wrote, one row per (model, problem set).

    `word_for_word` is the fraction of problems whose whole rest was written. `words` is the mean share of the rest's
    words up to the first one that differs (`partial_prompts.share_completed`). Both have 95 % intervals.

    Args:
        responses: tables.Responses of each model to the beginnings of problems; `benchmark` is the problem set.
        problems: tables.Problems of each set.
        share: the share of a problem's words that was given to the model.
    """
    rests = {
        (name, id_): cut(problem, share)[1]
        for name, frame in problems.items()
        for id_, problem in zip(frame["id"], frame["problem"], strict=True)
    }
    rows = []
    for model, frame in responses.items():
        keys = zip(frame["benchmark"], frame["id"], frame["response"], strict=True)
        scored = frame.assign(words=[share_completed(rests[name, id_], response) for name, id_, response in keys])
        for name, group in scored.groupby("benchmark", sort=False):
            grid = group.pivot(index="seed", columns="id", values="words").to_numpy()
            rows.append(
                {
                    **{"model": model, "problem_set": name, "problems": grid.shape[1], "seeds": len(grid)},
                    **statistics.mean((grid == 1).astype(float)).columns("word_for_word"),
                    **statistics.mean(grid).columns("words"),
                }
            )
    return pd.DataFrame(rows, columns=list(MEMORIZATION))
