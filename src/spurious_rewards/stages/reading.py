"""Reading the problems that several stages take in."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from spurious_rewards.artifacts import tables


def problem_sets(paths: list[Path]) -> dict[str, pd.DataFrame]:
    """tables.Problems of prepared sets, by the name of the set."""
    return {path.stem: tables.read(path, tables.Problems) for path in paths}


def true_answers(benchmarks: Mapping[str, str], problems: list[Path]) -> dict[tuple[str, str], str]:
    """The true answer by (benchmark, problem id); `benchmarks` says which problem set each is of."""
    sets = problem_sets(problems)
    return {
        (benchmark, id_): answer
        for benchmark, name in benchmarks.items()
        for id_, answer in zip(sets[name]["id"], sets[name]["answer"], strict=True)
    }
