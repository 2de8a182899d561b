"""What a claim is judged by: the value of a condition, its interval at any confidence, and differences of values."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from spurious_rewards import statistics
from spurious_rewards.analysis.conditions import aligned
from spurious_rewards.config.endpoints import CONDITION
from spurious_rewards.statistics.crossed import as_proportion, crossed

Ends = Callable[[float], tuple[float, float]]
"""A function from a confidence, in (0, 1), to the two ends of an interval."""


@dataclass(frozen=True)
class Condition:
    """The condition that a measurement belongs to.

    Fields that do not apply are "". `against` is the condition whose value was subtracted.
    """

    experiment: str = ""
    model: str = ""
    prompt: str = ""
    reward: str = ""
    variant: str = ""
    benchmark: str = ""
    against: "Condition | None" = None

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> "Condition":
        """Return the condition of a row of a table; fields without a column are ""."""
        names = ("experiment", *CONDITION, "benchmark")
        given: dict[str, Any] = {name: str(row[name]) for name in names if name in row and not pd.isna(row[name])}
        return cls(**given)

    @property
    def run(self) -> tuple[str, str, str, str]:
        """Model, prompt, reward and variant."""
        return self.model, self.prompt, self.reward, self.variant

    @property
    def both(self) -> "tuple[Condition, ...]":
        """The condition, and the one whose value was subtracted."""
        return (self,) if self.against is None else (replace(self, against=None), *self.against.both)

    def matches(self, other: "Condition", changed: Collection[str]) -> bool:
        """Whether the two differ only in what may differ (keys of `config.claims.Others`)."""
        free = {key.removesuffix("s") for key in changed} | ({"prompt"} if "models" in changed else set())
        names = {"experiment", *CONDITION, "benchmark"} - free
        return all(getattr(self, name) == getattr(other, name) for name in names)


@dataclass(frozen=True)
class Grid:
    """Values of seeds (rows) and problems (columns); no mean of them is below `least` or above `most`."""

    values: pd.DataFrame
    least: float
    most: float

    @property
    def ends(self) -> Ends:
        """The ends of the interval of the mean over seeds and problems, crossed; rates have Wilson's."""
        found = crossed(self.values.to_numpy(float), largest=max(-self.least, self.most))
        if (self.least, self.most) == (0, 1):
            return as_proportion(found).ends
        return found.within(self.least, self.most).ends

    def less(self, other: "Grid") -> "Grid | None":
        """Return the difference over the seeds and problems that both have; None if they share none of either."""
        both = aligned(self.values, other.values)
        if both is None:
            return None
        here, there = both
        return Grid(here - there, self.least - other.most, self.most - other.least)


@dataclass(frozen=True)
class Measurement:
    """A value with its interval, over `n` problems (or what `Measured.of` says) with `k` responses each.

    `seeds` is the number of seeds; for a difference it counts the seeds that both sides have, or the smaller number if
    they share none. A measurement that is not `testable` says nothing, for the reason `why`. `note` is what a reader
    must know of a testable one, for example what was left out. `made_of` is what the value is the mean of: a grid, or
    one value per seed (a series by seed). It is None if the interval was computed elsewhere.
    """

    condition: Condition
    value: float
    n: float
    k: float
    seeds: float
    ends: Ends = field(repr=False, compare=False)
    testable: bool = True
    why: str = ""
    note: str = ""
    made_of: "Grid | pd.Series[float] | None" = field(default=None, repr=False, compare=False)

    def interval(self, confidence: float = statistics.CONFIDENCE) -> tuple[float, float]:
        """Return the ends of the interval at a confidence; NaN if there is none."""
        return self.ends(confidence)

    def untestable(self, why: str) -> "Measurement":
        """Return the measurement as one that says nothing, with the reason."""
        return replace(self, testable=False, why=why)

    def less(self, other: "Measurement") -> "Measurement":
        """Return the difference from another measurement.

        It is paired by seed and problem if both are grids that share seeds and problems. It is paired by seed if both
        have one value per seed and share seeds.

        Otherwise the lower end is this one's lower end minus the other's upper end, and the upper end the reverse. That
        is wide enough, because no standard error of a difference is larger than the sum of the two.
        """
        paired = self._paired(other)
        found = paired or replace(
            self,
            value=self.value - other.value,
            n=_least(self.n, other.n),
            seeds=_least(self.seeds, other.seeds),
            ends=lambda confidence: _apart(self.ends(confidence), other.ends(confidence)),
            made_of=None,
        )
        untestable = next((each for each in (self, other) if not each.testable), self)
        return replace(
            found,
            condition=replace(self.condition, against=other.condition),
            testable=untestable.testable,
            why=untestable.why,
            note="; ".join(dict.fromkeys(filter(None, (self.note, other.note)))),
        )

    def _paired(self, other: "Measurement") -> "Measurement | None":
        here, there = self.made_of, other.made_of
        if isinstance(here, Grid) and isinstance(there, Grid):
            grid = here.less(there)
            return None if grid is None else of_grid(self.condition, grid, self.k)
        if isinstance(here, pd.Series) and isinstance(there, pd.Series):
            shared = here.index.intersection(there.index)
            if not shared.empty:
                return of_seeds(self.condition, here.loc[shared] - there.loc[shared], _least(self.n, other.n), self.k)
        return None


def of_grid(condition: Condition, grid: Grid, k: float) -> Measurement:
    """Return the mean of a grid, with its interval over seeds and problems."""
    seeds, problems = grid.values.shape
    return Measurement(condition, float(grid.values.to_numpy().mean()), problems, k, seeds, grid.ends, made_of=grid)


def of_seeds(
    condition: Condition,
    values: "pd.Series[float]",
    n: float,
    k: float = math.nan,
    least: float = -math.inf,
    most: float = math.inf,
) -> Measurement:
    """Return the mean of one value per seed, with Student's interval, cut off at bounds that no value passes."""
    array = np.asarray(values, dtype=np.float64)

    def ends(confidence: float) -> tuple[float, float]:
        low, high = statistics.seed_band(array, confidence)
        return float(np.clip(low, least, most)), float(np.clip(high, least, most))

    return Measurement(
        condition, float(array.mean()) if len(array) else math.nan, n, k, len(array), ends, made_of=values
    )


def ready(
    condition: Condition,
    value: float,
    low: float,
    high: float,
    n: float,
    k: float = math.nan,
    seeds: float = math.nan,
    freedom: float = math.inf,
) -> Measurement:
    """Return a value whose 95 % interval was computed elsewhere.

    At another confidence, each half of the interval grows as Student's quantile does; `freedom` are its degrees of
    freedom.
    """

    def ends(confidence: float) -> tuple[float, float]:
        if confidence == statistics.CONFIDENCE:
            return low, high
        wider = stats.t.ppf((1 + confidence) / 2, freedom) / stats.t.ppf((1 + statistics.CONFIDENCE) / 2, freedom)
        return value - wider * (value - low), value + wider * (high - value)

    return Measurement(condition, value, n, k, seeds, ends)


def _apart(here: tuple[float, float], there: tuple[float, float]) -> tuple[float, float]:
    return here[0] - there[1], here[1] - there[0]


def _least(a: float, b: float) -> float:
    return float(np.fmin(a, b))
