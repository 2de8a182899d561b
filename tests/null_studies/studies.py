"""Studies of the organism suite in which nothing is learned, judged by the whole ledger.

A study draws the numbers that the stages would write for the ledger, for every run of the suite. On average over seeds,
no run makes its model better or worse, or changes its behaviour. Whatever the ledger finds about training is therefore
chance.
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
"""Each metric's mean and standard deviation.

Seeds deviate by this much and, where policies change, policies too. Prompts deviate by three times as much, and the
single run by a fifth (`Study._training`).
"""

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
    """The effect of chance in a study.

    Attributes:
        shift: draws the change of a seed's rate of right answers or of code; its mean is 0.
        resampled: whether a response after training is a new draw.
        one_random: whether random rewards have only one seed.
        code_helps: by how much a response with code is likelier to be right than one without.
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
    """A study of a suite under a regime, with a seed. Experiments that share a run get the same draws."""

    suite: Suite
    regime: Regime
    seed: int

    def generator(self, *of: object) -> np.random.Generator:
        """Return a generator that depends only on the study's seed and on these objects."""
        return np.random.default_rng([self.seed, zlib.crc32(repr(of).encode())])

    def frames(self, without: Collection[str] = ()) -> dict[str, pd.DataFrame]:
        """Return the tables that the ledger reads, by name, except those named in `without`.

        Some tables take long to draw, and not every caller needs them.
        """
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
        """Return a function of model, seed and "right" or "code".

        It gives each problem's chance of a right answer, or of code, before training.
        """

        @cache
        def levels(model: str, seed: int, what: str) -> Array:
            of_seed = self.generator(model, seed, what).normal(0.45, 0.04)
            return np.asarray(np.clip(of_seed + self._easiness, 0.05, 0.95))

        return levels

    def _shift(self, run: tuple[str, ...], seed: int, what: str, part: float) -> float:
        return part * self.regime.shift(self.generator("shift", run, seed, what))

    def _answers(self, run: tuple[str, ...], seed: int, benchmark: str, part: float, what: str) -> Array:
        """Return 0 or 1 for each problem, after the share `part` of training."""
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
        """Yield run, seed, step and benchmark of every evaluation."""
        runs: list[tuple[tuple[str, ...], int, int]] = []
        headline = experiment is self.suite.experiments[self.suite.report.headline]
        for model, prompt, group in self.suite.bases_of(experiment):
            for asked in (prompt, f"not {prompt}") if headline else (prompt,):  # its gains also refer to another prompt
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
        """Return metrics of the last rollout steps. These steps have prompts of their own, the same in all runs."""
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


# ---------------------------------------------------------------- findings by chance


def judged(
    suite: Suite,
    rules: Sequence[claims.Ledger],
    paper: Suite,
    regime: Regime,
    studies: int,
    without: Collection[str] = (),
) -> list[list[pd.DataFrame]]:
    """Judge this number of studies by each set of rules, and return the ledgers by set of rules, then by study.

    `without` names the tables that no rule reads.
    """
    frames = (Study(suite, regime, seed).frames(without) for seed in range(studies))
    return list(map(list, zip(*([ledger(each, suite, of, paper) for each in rules] for of in frames), strict=True)))


def found_by_chance(rules: claims.Ledger, ledgers: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Count, for each measure of training, the claims with a verdict, and the false verdicts among them.

    A false verdict is *supported* for a claim that expects a change, and *contradicted* for a claim that expects none.
    A 95 % interval lies on one given side of the truth in 2.5 % of all studies, so at most this share is `expected`.
    Chance exceeds `bound` once in a thousand tries (binomial). Claims with a threshold of their own are not counted,
    because they have no such truth.
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


# ---------------------------------------------------------------- findings by intervals alone, with no smallest effect

APART = (
    *("effective-python", "none-majority-vote", "bad-incorrect", "placebo-format"),
    *("correct-beats-random", "dummy-baselines", "clipping-matters-adam", "without-code-bad"),
    *("code-rises-format", "code-leaves-bad"),
    *("clip-lowers-entropy", "token-probability-clip-matters", "rollout-code-clip-matters"),
)
"""Claims of one condition each.

No two of them share a response, a shift of a run or a metric. They do share the difficulty of the problems and the
quality of the model before training, but each claim subtracts these. So the claims of a study are independent, and the
number of decided claims is binomial.
"""

MOST, LEAST = 0.05, 0.02
"""Largest and smallest allowed share of these claims whose interval excludes 0.

A 95 % interval promises at most 5 %. The intervals cover about 98 % where seeds differ little or moderately, which
gives 2 % (docs/explanation/statistics-tables.md).
"""


def by_intervals_alone(rules: claims.Ledger) -> claims.Ledger:
    """Return the claims of `APART`, with a smallest effect so small that it holds nothing back.

    Their verdicts then say on which side of 0 an interval lies.
    """
    apart = tuple(claim for claim in rules.claims if claim.id in APART)
    return rules.model_copy(update={"claims": apart, "smallest": dict.fromkeys(rules.smallest, 1e-12)})


def decided(ledgers: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the claims that have an interval over seeds; `decided` says whether the interval excludes 0."""
    rows = pd.concat(ledgers, ignore_index=True)
    rows = rows[rows["verdict"].isin(JUDGED) & (rows["seeds"] > 1)]
    return rows.assign(decided=rows["verdict"].ne("inconclusive"))


def bounds(claims: int) -> tuple[int, int]:
    """Return bounds on the number of decided claims. Chance exceeds each bound once in a thousand tries (binomial)."""
    return int(stats.binom.ppf(SELDOM, claims, LEAST)), int(stats.binom.ppf(1 - SELDOM, claims, MOST))


def shipped() -> tuple[Suite, claims.Ledger, Suite]:
    """Return the organism suite, the ledger, and the paper's suite."""
    suites = (load(ROOT / f"config/suites/{name}.yaml") for name in ("organism", "paper"))
    organism, paper = suites
    return organism, claims.read(ROOT / claims.FILE), paper
