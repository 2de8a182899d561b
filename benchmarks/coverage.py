"""Simulates how often 95 % intervals cover the truth, and how often tests find an effect where there is none.

`python benchmarks/coverage.py` prints the tables of docs/explanation/statistics-tables.md in some minutes on one core.
`--studies 100` is quicker and less exact, and `--tables few bimodal` prints only those tables.
Each simulated study draws new seeds and problems (`Regime`).
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

    All effects on the score are normal, and these are their standard deviations. Seeds shift the score of their base
    model by 0.4 * `spread`, and what training gains by `spread`. Problems differ by 1 in difficulty, by 0.5 in what
    they gain, and by 0.3 in how each seed meets them. `middle` is the mean score before training, and `gain` is what
    training adds to it. A share `gaining` of all seeds gets this gain, and the others get nothing.
    """

    seeds: int
    spread: float
    problems: int
    samples: int
    gain: float = 0.6
    middle: float = -0.3
    shared_base: bool = False
    gaining: float = 1.0

    @property
    def _variances(self) -> tuple[float, float]:
        base = 0.0 if self.shared_base else (0.4 * self.spread) ** 2
        before = 1 + 1 + base + 0.3**2
        return before, before + self.spread**2 + 0.5**2

    @property
    def truth(self) -> tuple[float, float]:
        """Mean accuracy before and after training, over all seeds and problems that could be drawn."""
        before, after = np.sqrt(self._variances)
        gained, not_gained = (float(stats.norm.cdf((self.middle + gain) / after)) for gain in (self.gain, 0))
        return (
            float(stats.norm.cdf(self.middle / before)),
            self.gaining * gained + (1 - self.gaining) * not_gained,
        )

    def without_effect(self) -> "Regime":
        """Return the same regime with no change in mean accuracy; single problems and seeds still gain or lose."""
        before, after = np.sqrt(self._variances)
        return replace(self, gain=self.middle * (after / before - 1))

    def studies(self, count: int, trained: int = 1) -> Iterator[list[Array]]:
        """Yield for each study the rates of right answers before and after each training, shape (seeds, problems)."""
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
                found.append(self._answers(generator, score + self._gains(generator) + shift))
            yield found

    def _gains(self, generator: np.random.Generator) -> float | Array:
        if self.gaining == 1:
            return self.gain
        return self.gain * (generator.random((self.seeds, 1)) < self.gaining)

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
    """Return the interval of two-way random effects with Satterthwaite's degrees of freedom."""
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
    """Return p of the permutation test that flips the signs of the seeds' differences: at least 2 / 2 ** seeds."""
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
    """Print how often p is below 0.05 and below 0.005 in studies where training changes no mean accuracy."""
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


# ---------------------------------------------------------------- where intervals promise too much


def show_bimodal(studies: int) -> None:
    """Print coverage where one seed in five, or in ten, gains much and the others gain nothing."""
    rows = []
    for gaining, seeds in itertools.product((0.2, 0.1), (5, 10, 20)):
        for size, spread in list(SPREADS.items())[:2]:
            regime = Regime(seeds, spread, 83, 8, gain=1.5, gaining=gaining)
            before, after = regime.truth
            found = [statistics.difference(*study) for study in regime.studies(studies)]
            inside = np.array([each.low <= after - before <= each.high for each in found])
            warned = np.array([each.split > 0 for each in found])
            nothing = np.array([each.low <= 0 for each in found])
            cells = [inside.mean(), warned.mean(), (inside | warned).mean(), nothing.mean()]
            rows.append([f"1 in {1 / gaining:.0f}", str(seeds), size, *(f"{100 * cell:.1f}" for cell in cells)])
    header = ["seeds that gain", "seeds", "others differ", "covered", "two groups told"]
    show("Seeds in two groups", [*header, "covered or told", "no gain seen"], rows)
    rows = []
    for seeds, (size, spread) in itertools.product((5, 10, 20), SPREADS.items()):
        found = [statistics.difference(*study) for study in Regime(seeds, spread, 83, 8).studies(studies)]
        rows.append([str(seeds), size, f"{100 * np.mean([each.split > 0 for each in found]):.1f}"])
    show("Two groups told where there is one", ["seeds", "they differ", "told"], rows)


HOPELESS = {"most": 3.0, "nearly all": 0.7}
"""How many problems are nearly hopeless for a model that is rarely right -> sum of the beta's two parameters."""


def _rare(
    accuracy: float, total: float, problems: int, samples: int, seeds: int, studies: int
) -> Iterator[list[Array]]:
    """Yield rates of right answers: twice with the same chances, and once after training that about doubles them.

    The chance of a problem is beta distributed. Training adds a beta distributed part of what is missing to 1.
    """
    generator = np.random.default_rng(0)
    for _ in range(studies):
        chance, added = generator.beta(total * accuracy, total * (1 - accuracy), (2, problems))
        chances = (chance, chance, chance + (1 - chance) * added)
        yield [generator.binomial(samples, each, (seeds, problems)) / samples for each in chances]


def show_few(studies: int) -> None:
    """Print coverage with few right answers: of an accuracy, of no change, and of a change to twice as many."""
    rows = []
    sizes = itertools.product((30, 83), (0.02, 0.05, 0.1, 0.2), (1, 5), HOPELESS.items())
    for problems, accuracy, seeds, (hopeless, total) in sizes:
        cells = []
        for samples in (1, 8):
            found = list(_rare(accuracy, total, problems, samples, seeds, studies))
            means = [statistics.mean(before) for before, _, _ in found]
            differences = [
                (statistics.difference(before, one), statistics.difference(before, more)) for before, one, more in found
            ]
            gain = (1 - accuracy) * accuracy
            cells += [
                np.mean([each.low <= accuracy <= each.high for each in means]),
                np.mean([each.low <= 0 <= each.high for each, _ in differences]),
                np.mean([each.low <= gain <= each.high for _, each in differences]),
            ]
        told = np.mean([statistics.few_right(each.value, problems) for each in means])
        rows.append(
            [
                str(problems),
                f"{100 * accuracy:.0f} %",
                str(seeds),
                hopeless,
                *(f"{100 * cell:.1f}" for cell in (*cells, told)),
            ]
        )
    of = [f"{what}, k = {samples}" for samples in (1, 8) for what in ("accuracy", "no change", "twice as many")]
    show("Few right answers", ["n", "accuracy", "seeds", "hopeless problems", *of, "few right told, k = 8"], rows)


def show_contributions(studies: int) -> None:
    """Print coverage of a group's share of the gain, for four rewards that share seeds and problems."""
    rows = []
    share = 0.4
    for seeds, (size, spread) in itertools.product((3, 5, 10), SPREADS.items()):
        for problems in (83, 500):
            generator = np.random.default_rng(1)
            inside: dict[str, list[bool]] = {"pooled, Fieller": [], "Student over rewards": []}
            for before, *after in Regime(seeds, spread, problems, 1, gain=1.0, shared_base=True).studies(studies, 4):
                group = (generator.random(problems) < share).astype(float)
                gains = [each - before for each in after]
                pooled = statistics.share(np.mean(gains, axis=0) * group, np.mean(gains, axis=0))
                if pooled.low == pooled.low:
                    inside["pooled, Fieller"].append(pooled.low <= share <= pooled.high)
                ratios = np.array([(each * group).sum() / each.sum() for each in gains if each.sum()])
                low, high = statistics.seed_band(ratios)
                inside["Student over rewards"].append(low <= share <= high)
            defined = len(inside["pooled, Fieller"]) / studies
            cells = [f"{100 * np.mean(each):.1f}" for each in inside.values()]
            rows.append([str(seeds), size, str(problems), *cells, f"{100 * defined:.0f}"])
    show("Contributions", ["seeds", "they differ", "n", *inside, "gain clear in"], rows)


def show(title: str, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a Markdown table."""
    header = list(header)
    print(
        f"{title}\n", *("| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows]), "", sep="\n"
    )
    sys.stdout.flush()


TABLES: dict[str, Callable[[int], None]] = {
    "coverage": show_coverage,
    "levels": show_levels,
    "further": show_further,
    "bimodal": show_bimodal,
    "few": show_few,
    "contributions": show_contributions,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000, help="of each regime")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES), help="which to print")
    asked = parser.parse_args()
    for name in asked.tables:
        TABLES[name](asked.studies)
