"""Reading the artifacts that several stages take in."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.paths import identity

if TYPE_CHECKING:
    from pandas import DataFrame

    from spurious_rewards.analysis.conditions import Source
    from spurious_rewards.config.problems import Benchmark
    from spurious_rewards.generation.tasks import Task


def problem_sets(paths: list[Path]) -> "dict[str, DataFrame]":
    """tables.Problems of prepared sets, by the name of the set."""
    return {path.stem: tables.read(path, tables.Problems) for path in paths}


def tasks(benchmarks: "Mapping[str, Benchmark]", problems: list[Path]) -> "list[Task]":
    """What each benchmark asks of a model."""
    from spurious_rewards.generation.tasks import Task

    sets = problem_sets(problems)
    return [
        Task(name, sets[benchmark.problems], benchmark.samples, benchmark.temperature)
        for name, benchmark in benchmarks.items()
    ]


def true_answers(benchmarks: Mapping[str, str], problems: list[Path]) -> dict[tuple[str, str], str]:
    """The true answer by (benchmark, problem id); `benchmarks` says which problem set each is of."""
    sets = problem_sets(problems)
    return {
        (benchmark, id_): answer
        for benchmark, name in benchmarks.items()
        for id_, answer in zip(sets[name]["id"], sets[name]["answer"], strict=True)
    }


def sources(paths: list[Path]) -> "list[Source]":
    """Tables of conditions, each with the condition that its path names."""
    from spurious_rewards.analysis.conditions import Source

    return [Source(*identity(path), path) for path in paths]


def joined(paths: list[Path]) -> "DataFrame":
    """The rows of several CSV files, of which some may have none."""
    import pandas as pd

    frames = [tables.read_csv(path) for path in paths]
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
