"""The numbers by which a suite's claims are judged."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, cast

import pandas as pd

from spurious_rewards.analysis.conditions import of_seeds
from spurious_rewards.config.claims import Before
from spurious_rewards.config.endpoints import CONDITION
from spurious_rewards.config.suite import Suite

Frames = Mapping[str, pd.DataFrame]
"""Name -> the numbers of that name, with a column `experiment`. Numbers that were not made are missing.

- headline, comparisons, before: as the stage `score` leaves them
- rates: tables.Rates
- scores: tables.Scores
- labels: `analysis.labels`
- training: `analysis.training.last_fifth`
- contributions, clipping, control: the numbers of the exhibits of these kinds
- memorization: `analysis.contamination.memorization`
"""

Run: TypeAlias = tuple[str, str, str, str]
"""Model, prompt, reward and variant."""

BEFORE: tuple[str, str] = "", ""
"""Reward and variant of a model before training."""


@dataclass(frozen=True)
class Evidence:
    """A suite as it ran, its numbers, and the smallest effect that matters in each unit."""

    suite: Suite
    frames: Frames
    smallest: Mapping[str, float]

    def has(self, *frames: str) -> bool:
        """Whether all these numbers were made."""
        return set(frames) <= self.frames.keys()

    def grid(self, experiment: str, run: Run, benchmark: str, step: int) -> pd.DataFrame | None:
        """Return the rates of a run at a step, one row per seed, columns (rate or "samples", id); None without any."""
        rows = self._rates.get((experiment, *run, benchmark, step))
        if rows is None:
            return None
        grid = rows.pivot(index="seed", columns="id", values=["samples", "accuracy", "code_rate", "right_with_code"])
        return grid.dropna()  # without seeds that lack problems

    def untrained(self, experiment: str, run: Run, benchmark: str) -> pd.DataFrame | None:
        """Return the rates of a run's model before training, one row per seed, or row -1 if seeds share it."""
        return self.grid(experiment, (*run[:2], *BEFORE), benchmark, 0)

    def change(
        self, experiment: str, run: Run, benchmark: str, step: int, rate: str, before: Before | None = None
    ) -> pd.DataFrame | None:
        """Return the change of a rate from before training to a step, seeds x problems; None if one is missing."""
        untrained_of = (before.experiment, before.benchmark) if before else (experiment, benchmark)
        after = self.grid(experiment, run, benchmark, step)
        untrained = self.untrained(untrained_of[0], run, untrained_of[1])
        if after is None or untrained is None:
            return None
        at, start = (cast(pd.DataFrame, grid[rate]) for grid in (after, untrained))
        found = at - of_seeds(start, at.index).reindex(columns=at.columns)
        return None if (found := found.dropna()).empty else found

    @cached_property
    def _rates(self) -> dict[Hashable, pd.DataFrame]:
        keys = ["experiment", *CONDITION, "benchmark", "step"]
        return dict(iter(self.frames["rates"].groupby(keys, observed=True, sort=False)))
