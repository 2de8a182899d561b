"""What is asked of a model: which checkpoint answers which problems, and how often."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spurious_rewards.config.problems import Benchmark


@dataclass(frozen=True)
class Checkpoint:
    """A model folder and where it stands: its seed (`tables.SHARED_BASE` for one that all share) and rollout step."""

    seed: int
    step: int
    path: Path


@dataclass(frozen=True)
class Task:
    """Problems (columns `id`, `problem`) to answer `samples` times each; greedily at temperature 0."""

    benchmark: str
    problems: pd.DataFrame
    samples: int
    temperature: float


def tasks_of(benchmarks: Mapping[str, Benchmark], problems: Mapping[str, pd.DataFrame]) -> list[Task]:
    """What each benchmark asks of a model; `problems` are tables.Problems by the name of the set."""
    return [
        Task(name, problems[benchmark.problems], benchmark.samples, benchmark.temperature)
        for name, benchmark in benchmarks.items()
    ]
