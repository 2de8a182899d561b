"""Read the problems that several stages take as input."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from spurious_rewards.artifacts import tables


def problem_sets(paths: list[Path]) -> dict[str, pd.DataFrame]:
    """Return the tables.Problems of prepared sets, by the name of the set."""
    return {path.stem: tables.read(path, tables.Problems) for path in paths}


def true_answers(benchmarks: Mapping[str, str], problems: list[Path]) -> dict[tuple[str, str], str]:
    """Return the true answer by (benchmark, problem id). `benchmarks` maps each benchmark to its problem set."""
    sets = problem_sets(problems)
    return {
        (benchmark, id_): answer
        for benchmark, name in benchmarks.items()
        for id_, answer in zip(sets[name]["id"], sets[name]["answer"], strict=True)
    }
