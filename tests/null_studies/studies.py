"""Studies of the organism suite in which nothing is learned, judged by the whole ledger.

The numbers are those that the stages leave for the ledger, drawn for every run of the suite: no run makes its model better or
worse, nor changes what it does, on average over seeds. Whatever the ledger finds of training is chance.
"""

import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from spurious_rewards.analysis.claims.ledger import ledger
from spurious_rewards.analysis.claims.measures import MEASURES
from spurious_rewards.config import claims
from spurious_rewards.config.endpoints import CONDITION, compared_steps, ends, untrained_rewards
from spurious_rewards.config.experiments import Experiment, Run, seeds_of
from spurious_rewards.config.loading import load
from spurious_rewards.config.suite import Suite

ROOT = Path(__file__).parents[2]
PROBLEMS = 60
EVALUATED = (5, 10, 15, 20, 25)
TRAINING = {"entropy": (0.4, 0.03), "token_probability": (0.85, 0.015), "code_rate": (0.5, 0.08)}
"""Metric -> about where it lies, and the standard deviation of what prompts, seeds and, if they move, policies do to it."""

Array = NDArray[np.float64]
Shifts = Callable[[np.random.Generator], float]


def _still(generator: np.random.Generator) -> float:
    del generator
    return 0.0


def _gaussian(generator: np.random.Generator) -> float:
    return float(generator.normal(0, 0.08))


def _one_in_five(generator: np.random.Generator) -> float:
    return 0.2 if generator.random() < 0.2 else -0.05


@dataclass(frozen=True)
class Regime:
    """What chance does in a study: how a seed's rates of right answers and of code move, 0 on average.

    `resampled` says that a response after training is another draw. `one_random` that random rewards have one seed.
    `code_helps` is by how much a response with code is likelier to be right than one without.
    """

    words: str
    shift: Shifts = _still
    resampled: bool = True
    one_random: bool = False
    code_helps: float = 0.0


REGIMES = {
    "relabelled": Regime(
        "runs whose rewards are always 0, under the names of all rewards, answering greedily", resampled=False
    ),
    "twice": Regime("models before training, sampled twice: as before and as after"),
    "gaussian": Regime("each seed's rates move by 8 points (standard deviation)", _gaussian),
    "bimodal": Regime("one seed in five gains 20 points, the others lose 5", _one_in_five),
    "one random seed": Regime("as gaussian, and random rewards have one seed", _gaussian, one_random=True),
}


@dataclass(frozen=True)
class Study:
    """One study: a suite, a regime and a seed; each run is drawn once, whichever experiments have it."""

    suite: Suite
    regime: Regime
    seed: int

    def generator(self, *of: object) -> np.random.Generator:
        """The same for the same things."""
        return np.random.default_rng([self.seed, zlib.crc32(repr(of).encode())])

    def frames(self, without: Collection[str] = ()) -> dict[str, pd.DataFrame]:
        """What the ledger reads; `without` what takes long and nobody asks for."""
        found: dict[str, list[pd.DataFrame]] = {}
        for name, experiment in self.suite.experiments.items():
            for what, make in self._of_experiment(experiment).items():
                if what not in without and len(frame := make()):
                    found.setdefault(what, []).append(frame.assign(experiment=name))
        return {what: pd.concat(frames, ignore_index=True) for what, frames in found.items()}

    def _of_experiment(self, experiment: Experiment) -> dict[str, Callable[[], pd.DataFrame]]:
        runs = list(self.suite.runs_of(experiment))
        of_runs: dict[str, Callable[[], pd.DataFrame]] = {
            "headline": lambda: self._headline(experiment),
            "comparisons": lambda: self._comparisons(experiment),
            "scores": lambda: self._scores(experiment, runs),
            "training": lambda: self._training(experiment, runs),
            "labels": lambda: self._labels(experiment),
        }
        always = {"rates": lambda: self._rates(experiment), "before": lambda: self._before(experiment)}
        return always | (of_runs if runs else {})

    # ------------------------------------------------------------ accuracy and code

    def _seeds(self, reward: str, seeds: tuple[int, ...]) -> tuple[int, ...]:
        alone = self.regime.one_random and reward and self.suite.rewards[reward].function == "random"
        return tuple(seed for seed in seeds if seed == 0) if alone else seeds

    @cached_property
    def _easiness(self) -> Array:
        return self.generator("problems").normal(0, 0.12, PROBLEMS)

    @cached_property
    def _levels(self) -> Callable[[str, int, str], Array]:
        """Of a model before training, the chance of a right answer, or of code, of each problem."""

        @cache
        def levels(model: str, seed: int, what: str) -> Array:
            of_seed = self.generator(model, seed, what).normal(0.45, 0.04)
            return np.asarray(np.clip(of_seed + self._easiness, 0.05, 0.95))

        return levels

    def _shift(self, run: tuple[str, ...], seed: int, what: str, part: float) -> float:
        return part * self.regime.shift(self.generator("shift", run, seed, what))

    def _answers(self, run: tuple[str, ...], seed: int, benchmark: str, part: float, what: str) -> Array:
        """0 or 1 for each problem; `part` of training is done."""
        model, prompt, reward, _ = run
        levels = self._levels(model, seed, what)
        moved = levels + self._shift(run, seed, what, part) if reward and part else levels
        if what == "right" and self.regime.code_helps:
            moved = moved + self.regime.code_helps * (self._answers(run, seed, benchmark, part, "code") - 0.5)
        after = bool(reward) and self.regime.resampled
        draw = (
            self.generator("draw", run, part, seed, benchmark, what)
            if after
            else self.generator(model, prompt, seed, what)
        )
        return np.asarray((draw.random(PROBLEMS) < moved).astype(float))

    def _rates(self, experiment: Experiment) -> pd.DataFrame:
        cells = list(self._cells(experiment))
        names = [*CONDITION, "seed", "step", "benchmark"]
        rows = pd.DataFrame([(*run, seed, step, benchmark) for run, seed, step, benchmark in cells], columns=names)
        part = [float(bool(step)) for _, _, step, _ in cells]
        right, code = (
            np.concatenate(
                [
                    self._answers(run, seed, benchmark, of, what)
                    for (run, seed, _, benchmark), of in zip(cells, part, strict=True)
                ]
            )
            for what in ("right", "code")
        )
        rates = rows.loc[rows.index.repeat(PROBLEMS)].reset_index(drop=True)
        ids = [f"problem-{number}" for number in range(PROBLEMS)] * len(cells)
        return rates.assign(id=ids, samples=1, accuracy=right, code_rate=code, right_with_code=right * code)

    def _cells(self, experiment: Experiment) -> Iterator[tuple[tuple[str, ...], int, int, str]]:
        """Run, seed, step and benchmark of all that is answered."""
        runs: list[tuple[tuple[str, ...], int, int]] = []
        headline = experiment is self.suite.experiments[self.suite.report.headline]
        for model, prompt, group in self.suite.bases_of(experiment):
            for asked in (prompt, f"not {prompt}") if headline else (prompt,):  # its gains are also over another prompt
                runs += [((model, asked, "", ""), seed, 0) for seed in seeds_of(group)]
        compared = compared_steps(self.suite, experiment)
        for condition, end in ends(self.suite, experiment).items():
            steps = {end.step, *compared.get(condition, ())}
            runs += [(condition, seed, step) for seed in self._seeds(condition[2], end.seeds) for step in steps]
        for run, seed, step in runs:
            for benchmark in self.suite.benchmarks_of(experiment):
                yield run, seed, step, benchmark

    def _headline(self, experiment: Experiment) -> pd.DataFrame:
        found = [
            dict(zip(CONDITION, condition, strict=True))
            | {
                "benchmark": benchmark,
                "steps": end.step,
                "problems": PROBLEMS,
                "samples": 1,
                "verdict": "no clear change",
            }
            | {"best_prompt": f"not {condition[1]}"}
            for condition, end in ends(self.suite, experiment).items()
            if self._seeds(condition[2], end.seeds)
            for benchmark in self.suite.benchmarks_of(experiment)
        ]
        return pd.DataFrame(found)

    def _comparisons(self, experiment: Experiment) -> pd.DataFrame:
        steps = {condition: min(at) for condition, at in compared_steps(self.suite, experiment).items()}
        headline = self._headline(experiment)
        there = [tuple(row) in steps for row in headline[CONDITION].itertuples(index=False, name=None)]
        compared = headline[there]
        at = [steps[tuple(row)] for row in compared[CONDITION].itertuples(index=False, name=None)]  # type: ignore[index]
        return compared.assign(comparison="equal rollout steps", steps=at)

    def _before(self, experiment: Experiment) -> pd.DataFrame:
        seeds: Counter[tuple[str, str]] = Counter()
        for model, prompt, group in self.suite.bases_of(experiment):
            seeds[model, prompt] += len(seeds_of(group))
        return pd.DataFrame(
            {"model": model, "prompt": prompt, "benchmark": benchmark, "problems": PROBLEMS, "samples": 1, "seeds": of}
            for (model, prompt), of in seeds.items()
            for benchmark in self.suite.benchmarks_of(experiment)
        )

    # ------------------------------------------------------------ along training

    def _scores(self, experiment: Experiment, runs: list[Run]) -> pd.DataFrame:
        found = []
        for model, prompt, group in self.suite.bases_of(experiment):
            found += [self._score((model, prompt, "", ""), seed, 0) for seed in seeds_of(group)]
        for run in runs:
            condition = (run.model, run.prompt, run.reward, run.variant)
            found += [
                self._score(condition, seed, step)
                for seed in self._seeds(run.reward, seeds_of(run.seeds))
                for step in EVALUATED
            ]
        return pd.DataFrame(found).drop_duplicates([*CONDITION, "seed", "step"])

    def _score(self, run: tuple[str, ...], seed: int, step: int) -> dict[str, Any]:
        part = step / EVALUATED[-1]
        rates = {
            name: self._answers(run, seed, "math500", part, what).mean()
            for name, what in (("accuracy", "right"), ("code_rate", "code"))
        }
        return dict(zip(CONDITION, run, strict=True)) | {"seed": seed, "step": step, "benchmark": "math500"} | rates

    def _training(self, experiment: Experiment, runs: list[Run]) -> pd.DataFrame:
        """The last steps have prompts of their own, the same in all runs of a model."""
        found = []
        steps = self.suite.runs_of(experiment)
        for run in runs:
            condition = (run.model, run.prompt, run.reward, run.variant)
            for seed in self._seeds(run.reward, seeds_of(run.seeds)):
                row = dict(zip(CONDITION, condition, strict=True)) | {"seed": seed, "steps": steps[run]}
                for name, (level, spread) in TRAINING.items():
                    prompts = self.generator("prompts", name).normal(0, 3 * spread)
                    of_seed = self.generator("metric", run.model, seed, name).normal(0, spread)
                    own = self.generator("metric of", condition, seed, name).normal(0, spread / 5)
                    moved = 0.0
                    if run.reward not in untrained_rewards(self.suite):
                        moved = self._shift(condition, seed, name, 1.0) * spread / 0.08
                    row[f"{name}_last"] = level + prompts + of_seed + own + moved
                found.append(row)
        return pd.DataFrame(found)

    def _labels(self, experiment: Experiment) -> pd.DataFrame:
        pairs = dict.fromkeys((model, prompt) for model, prompt, _ in self.suite.bases_of(experiment))
        return pd.DataFrame(
            {"model": model, "prompt": prompt, "pass_at_k": self.generator("labels", model, prompt).random()}
            for model, prompt in pairs
        )


# ---------------------------------------------------------------- what chance finds


def judged(
    suite: Suite,
    rules: Sequence[claims.Ledger],
    paper: Suite,
    regime: Regime,
    studies: int,
    without: Collection[str] = (),
) -> list[list[pd.DataFrame]]:
    """Of each of some rules the ledgers of so many studies; `without` the frames that none of them reads."""
    frames = (Study(suite, regime, seed).frames(without) for seed in range(studies))
    return list(map(list, zip(*([ledger(each, suite, of, paper) for each in rules] for of in frames), strict=True)))


def found_by_chance(rules: claims.Ledger, ledgers: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """For each measure of training, how many claims with a verdict there were, and of how many it is one that nothing bears out.

    That is *supported* of what asks for a change, and *contradicted* of what says that there is none. A 95 % interval lies on one
    side of the truth in 2.5 % of all studies, so that no more are to be `expected`; `bound` is what chance passes once in a
    thousand (binomial). Claims with a threshold of their own have no such truth and do not count.
    """
    measure = {claim.id: claim.rule.measure for claim in rules.claims if claim.rule.threshold is None}
    expect = {claim.id: claim.rule.expect for claim in rules.claims}
    trials: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for of_study in ledgers:
        for row in of_study.to_dict("records"):
            name = measure.get(row["id"])
            if name is not None and MEASURES[name].of_training and row["verdict"] in JUDGED:
                trials[name] += 1
                wrong[name] += row["verdict"] == ("contradicted" if expect[row["id"]] == "no gain" else "supported")
    rows = [(name, trials[name], wrong[name]) for name in trials]
    rows.append(("all", trials.total(), wrong.total()))
    table = pd.DataFrame(rows, columns=["measure", "claims", "found"])
    table["expected"] = CHANCE * table["claims"]
    table["bound"] = stats.binom.ppf(1 - SELDOM, table["claims"], CHANCE).astype(int)
    return table


CHANCE = 0.025
SELDOM = 0.001
JUDGED = ("supported", "contradicted", "inconclusive")


# ---------------------------------------------------------------- what intervals find, and no smallest effect keeps back

APART = (
    *("effective-python", "none-majority-vote", "bad-incorrect", "placebo-format"),
    *("correct-beats-random", "dummy-baselines", "clipping-matters-adam", "without-code-bad"),
    *("code-rises-format", "code-leaves-bad"),
    *("clip-lowers-entropy", "token-probability-clip-matters", "rollout-code-clip-matters"),
)
"""Claims of one condition each, such that no response, no shift of a run and no metric counts in two of them. What they do share,
how easy problems are and how good a model is before training, is taken off in each. So in a study every one stands for itself,
and how many are decided is binomial."""

MOST, LEAST = 0.05, 0.02
"""Shares of them whose interval may lie on one side of 0: as many as 95 % promises, and as few as if it covered 98 %, which it
does where seeds differ little or some (docs/explanation/statistics-tables.md)."""


def by_intervals_alone(rules: claims.Ledger) -> claims.Ledger:
    """The claims of `APART` with a smallest effect that keeps nothing back: verdicts say on which side of 0 an interval lies."""
    apart = tuple(claim for claim in rules.claims if claim.id in APART)
    return rules.model_copy(update={"claims": apart, "smallest": dict.fromkeys(rules.smallest, 1e-12)})


def decided(ledgers: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The claims of `by_intervals_alone` with an interval over seeds; `decided` where it lies on one side of 0."""
    rows = pd.concat(ledgers, ignore_index=True)
    rows = rows[rows["verdict"].isin(JUDGED) & (rows["seeds"] > 1)]
    return rows.assign(decided=rows["verdict"].ne("inconclusive"))


def bounds(claims: int) -> tuple[int, int]:
    """The fewest and the most of so many claims that are decided, but for one in a thousand tries each (binomial)."""
    return int(stats.binom.ppf(SELDOM, claims, LEAST)), int(stats.binom.ppf(1 - SELDOM, claims, MOST))


def shipped() -> tuple[Suite, claims.Ledger, Suite]:
    """The organism suite, the ledger and the paper's suite."""
    suites = (load(ROOT / f"config/suites/{name}.yaml") for name in ("organism", "paper"))
    organism, paper = suites
    return organism, claims.read(ROOT / claims.FILE), paper
