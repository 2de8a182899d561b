"""What is asked of a model: which checkpoint answers which problems, and how often."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd


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
