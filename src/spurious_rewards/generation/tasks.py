"""The work for a model: which checkpoint answers which problems, and how often."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spurious_rewards.config.problems import Benchmark


@dataclass(frozen=True)
class Checkpoint:
    """A model folder, with its seed (`tables.SHARED_BASE` for a model that all seeds share) and its rollout step."""

    seed: int
    step: int
    path: Path


@dataclass(frozen=True)
class Task:
    """Problems (columns `id`, `problem`), each to be answered `samples` times; greedily at temperature 0."""

    benchmark: str
    problems: pd.DataFrame
    samples: int
    temperature: float


def tasks_of(benchmarks: Mapping[str, Benchmark], problems: Mapping[str, pd.DataFrame]) -> list[Task]:
    """Return the task of each benchmark; `problems` maps the name of a problem set to tables.Problems."""
    return [
        Task(name, problems[benchmark.problems], benchmark.samples, benchmark.temperature)
        for name, benchmark in benchmarks.items()
    ]
