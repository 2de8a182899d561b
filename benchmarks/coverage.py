"""How often 95 % intervals cover the truth, and how often tests find an effect where there is none, by simulation.

`python benchmarks/coverage.py` prints the tables of docs/statistics.md; some minutes
on one core. `--studies 100` is quicker and rougher. A study draws seeds and problems anew; see `Regime`.
"""

import argparse
import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy

import numpy as np
from crossed_bootstrap import Draws, draw, resample
from scipy import stats

from spurious_rewards import statistics
from spurious_rewards.statistics import Array

Interval = tuple[float, float]

SPREADS = {"little": 0.05, "some": 0.2, "much": 0.5}
SIZES = [(problems, samples) for problems in (30, 83, 500) for samples in (1, 8)]
RESAMPLES = 500


@dataclass(frozen=True)
class Regime:
    """A crossed probit model of right answers.

    Seeds shift the score of their base model by 0.4 spreads and what training gains by a spread; problems differ by 1, in
    how they gain by 0.5, and in how a seed meets them by 0.3. `middle` is the mean score before, `gain` what training adds.
    """

    seeds: int
    spread: float
    problems: int
    samples: int
    gain: float = 0.6
    middle: float = -0.3
    shared_base: bool = False

    @property
    def _variances(self) -> tuple[float, float]:
        base = 0.0 if self.shared_base else (0.4 * self.spread) ** 2
        before = 1 + 1 + base + 0.3**2
        return before, before + self.spread**2 + 0.5**2

    @property
    def truth(self) -> tuple[float, float]:
        """Mean accuracy before and after, over all seeds and problems that could be drawn."""
        before, after = np.sqrt(self._variances)
        return float(stats.norm.cdf(self.middle / before)), float(stats.norm.cdf((self.middle + self.gain) / after))

    def without_effect(self) -> "Regime":
        """The same where training changes no mean accuracy: each problem and seed gains or loses."""
        before, after = np.sqrt(self._variances)
        return replace(self, gain=self.middle * (after / before - 1))

    def studies(self, count: int, trained: int = 1) -> Iterator[list[Array]]:
        """Rates of right answers before and after each of so many trainings, shape (seeds, problems)."""
        generator = np.random.default_rng(0)
        shape = self.seeds, self.problems
        for _ in range(count):
            difficulty = generator.normal(0, 1, self.problems)
            bases = 1 if self.shared_base else self.seeds
            base = 0.0 if self.shared_base else generator.normal(0, 0.4 * self.spread, (self.seeds, 1))
            untrained = self.middle + difficulty + base + np.zeros((bases, 1))
            before = self._answers(generator, untrained)
            score = np.broadcast_to(untrained, shape)
            found = [np.repeat(before, self.seeds // bases, axis=0)]
            for _ in range(trained):
                shift = generator.normal(0, self.spread, (self.seeds, 1)) + generator.normal(0, 0.5, self.problems)
                found.append(self._answers(generator, score + self.gain + shift))
            yield found

    def _answers(self, generator: np.random.Generator, score: Array) -> Array:
        met = score + generator.normal(0, 0.3, score.shape)
        if self.samples > 1:
            return generator.binomial(self.samples, stats.norm.cdf(met)) / self.samples
        return (generator.random(score.shape) < stats.norm.cdf(met)).astype(float)


# ---------------------------------------------------------------- intervals of a difference


def chosen(change: Array) -> Interval:
    found = statistics.difference(np.zeros_like(change), change)
    return found.low, found.high


def satterthwaite(change: Array) -> Interval:
    """Two-way random effects with Satterthwaite's degrees of freedom."""
    seeds, problems = change.shape
    by_seed, by_problem, centre = change.mean(axis=1), change.mean(axis=0), change.mean()
    rest = max(1, (seeds - 1) * (problems - 1))
    squares = np.array(
        [
            problems * by_seed.var(ddof=1) if seeds > 1 else 0,
            seeds * by_problem.var(ddof=1),
            ((change - by_seed[:, None] - by_problem + centre) ** 2).sum() / rest,
        ]
    )
    variance = max(squares[0] + squares[1] - squares[2], *squares[:2])
    freedom = variance**2 / (squares**2 / [max(1, seeds - 1), problems - 1, rest]).sum()
    half = stats.t.ppf(0.975, freedom) * np.sqrt(variance / change.size)
    return centre - half, centre + half


def candidates(change: Array, draws: Draws) -> dict[str, Interval]:
    resampled = resample(change, draws)
    return {
        "Cochran": chosen(change),
        "Satterthwaite": satterthwaite(change),
        "Student over seeds": statistics.seed_band(change.mean(axis=1)),
        "bootstrap-t": resampled.studentised(),
        "percentile": resampled.percentile(),
        "basic": resampled.basic(),
    }


def show_coverage(studies: int) -> None:
    chosen_rows, other_rows, width_rows = [], [], []
    for seeds, (size, spread) in itertools.product((1, 2, 3, 5, 10), SPREADS.items()):
        covered: dict[str, list[float]] = {}
        widths: dict[str, list[float]] = {}
        for problems, samples in SIZES:
            regime = Regime(seeds, spread, problems, samples)
            before, after = regime.truth
            draws = draw(seeds, problems, np.random.default_rng(1), RESAMPLES)
            found = [candidates(other - one, draws) for one, other in regime.studies(studies)]
            for name in found[0]:
                ends = np.array([each[name] for each in found])
                inside = (ends[:, 0] <= after - before) & (after - before <= ends[:, 1])
                covered.setdefault(name, []).append(100 * inside.mean())
                widths.setdefault(name, []).append(100 * float(np.median(ends[:, 1] - ends[:, 0])))
        names = [name for name in covered if seeds > 1 or name != "Student over seeds"]
        chosen_rows.append([str(seeds), size, *(f"{each:.1f}" for each in covered["Cochran"])])
        other_rows.append([str(seeds), size, *(f"{min(covered[n]):.1f}" if n in names else "-" for n in covered)])
        width_rows.append([str(seeds), size, *(f"{each:.1f}" for each in widths["Cochran"])])
    of_sizes = ["seeds", "they differ", *(f"n = {problems}, k = {samples}" for problems, samples in SIZES)]
    show("Coverage of the reported interval of a difference", of_sizes, chosen_rows)
    show("Its median width, in points", of_sizes, width_rows)
    show("Lowest coverage of each interval over the six sizes", ["seeds", "they differ", *covered], other_rows)


# ---------------------------------------------------------------- tests without an effect


def sign_flips(by_seed: Array) -> float:
    """p of the permutation test that flips the signs of the seeds' differences: at least 2 / 2 ** seeds."""
    signs = np.array(list(itertools.product((-1, 1), repeat=len(by_seed))))
    return float(np.mean(np.abs(signs @ by_seed) >= abs(by_seed.sum()) - 1e-12))


def tests(before: Array, after: Array) -> dict[str, float]:
    by_seed = (after - before).mean(axis=1)
    return {
        "Cochran": statistics.difference(before, after).p,
        "paired t over seeds": float(stats.ttest_1samp(by_seed, 0).pvalue) if by_seed.std() else 1.0,
        "sign flips of seeds": sign_flips(by_seed),
    }


def show_levels(studies: int) -> None:
    """p below 0.05 and below 0.005, of studies in which training changes no mean accuracy."""
    rows = []
    for seeds, (size, spread) in itertools.product((2, 3, 5, 10), SPREADS.items()):
        found: dict[str, list[Array]] = {}
        for problems, samples in SIZES:
            regime = Regime(seeds, spread, problems, samples).without_effect()
            p = [tests(*study) for study in regime.studies(studies)]
            for name in p[0]:
                found.setdefault(name, []).append(np.array([each[name] for each in p]))
        cells = [f"{100 * max((p < level).mean() for p in of):.1f}" for of in found.values() for level in (0.05, 0.005)]
        rows.append([str(seeds), size, *cells])
    header = ["seeds", "they differ", *(f"{name}, p < {level}" for name in found for level in (0.05, 0.005))]
    show("Effects found where there is none, the highest share of the six sizes", header, rows)


# ---------------------------------------------------------------- the other numbers of a row, with the chosen interval


def show_further(studies: int) -> None:
    def inside(found: statistics.Estimate, truth: float) -> bool | None:
        return found.low <= truth <= found.high if found.low == found.low else None

    measured: dict[str, tuple[dict[str, float | bool], Callable[[list[Array], tuple[float, float]], bool | None]]] = {
        "difference, one base model for all seeds": (
            {"shared_base": True},
            lambda of, truth: inside(statistics.difference(*of[:2]), truth[1] - truth[0]),
        ),
        "accuracy of 42 %": ({}, lambda of, truth: inside(statistics.mean(of[0]), truth[0])),
        "accuracy of 5 %": ({"middle": -2.4}, lambda of, truth: inside(statistics.mean(of[0]), truth[0])),
        "share of ground truth's gain": (
            {"gain": 1.0},
            lambda of, truth: inside(statistics.share(of[1] - of[0], of[2] - of[0]), 1.0),
        ),
    }
    rows = []
    for seeds, (size, spread) in itertools.product((3, 5), SPREADS.items()):
        for problems, samples in ((30, 1), (30, 8), (500, 8)):
            cells = []
            for changed, covers in measured.values():
                regime = replace(Regime(seeds, spread, problems, samples), **changed)  # type: ignore[arg-type]
                found = [covers(study, regime.truth) for study in regime.studies(studies, trained=2)]
                defined = [each for each in found if each is not None]
                rest = f" (of {100 * len(defined) / len(found):.0f} %)" if len(defined) < len(found) else ""
                cells.append(f"{100 * np.mean(defined):.1f}{rest}" if defined else "-")
            rows.append([str(seeds), size, str(problems), str(samples), *cells])
    show("Coverage of the other intervals", ["seeds", "they differ", "n", "k", *measured], rows)


def show(title: str, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a Markdown table."""
    header = list(header)
    print(
        f"{title}\n", *("| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows]), "", sep="\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000, help="of each regime")
    studies = parser.parse_args().studies
    show_coverage(studies)
    show_levels(studies)
    show_further(studies)
