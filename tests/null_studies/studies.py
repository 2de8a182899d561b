"""Studies of the organism suite in which nothing is learned, judged by the whole ledger.

The numbers are those that the stages leave for the ledger, drawn for every run of the suite: no run makes its model better or
worse, nor changes what it does, on average over seeds. Whatever the ledger finds of training is chance.
"""

import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
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
    """

    words: str
    shift: Shifts = _still
    resampled: bool = True
    one_random: bool = False


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

    def frames(self) -> dict[str, pd.DataFrame]:
        """What the ledger reads."""
        found: dict[str, list[pd.DataFrame]] = {}
        for name, experiment in self.suite.experiments.items():
            for what, frame in self._of_experiment(experiment).items():
                found.setdefault(what, []).append(frame.assign(experiment=name))
        return {what: pd.concat(frames, ignore_index=True) for what, frames in found.items()}

    def _of_experiment(self, experiment: Experiment) -> Iterator[tuple[str, pd.DataFrame]] | dict[str, pd.DataFrame]:
        runs = list(self.suite.runs_of(experiment))
        found = {"rates": pd.DataFrame(list(self._rates(experiment))), "before": self._before(experiment)}
        if runs:
            found |= {"headline": self._headline(experiment), "comparisons": self._comparisons(experiment)}
            found |= {"scores": self._scores(experiment, runs), "training": self._training(experiment, runs)}
            found["labels"] = self._labels(experiment)
        return {what: frame for what, frame in found.items() if len(frame)}

    # ------------------------------------------------------------ accuracy and code

    def _seeds(self, reward: str, seeds: tuple[int, ...]) -> tuple[int, ...]:
        alone = self.regime.one_random and reward and self.suite.rewards[reward].function == "random"
        return tuple(seed for seed in seeds if seed == 0) if alone else seeds

    @cached_property
    def _easiness(self) -> Array:
        return self.generator("problems").normal(0, 0.12, PROBLEMS)

    def _levels(self, model: str, seed: int, what: str) -> Array:
        """Of a model before training, the chance of a right answer, or of code, of each problem."""
        of_seed = self.generator(model, seed, what).normal(0.45, 0.04)
        return np.asarray(np.clip(of_seed + self._easiness, 0.05, 0.95))

    def _shift(self, run: tuple[str, ...], seed: int, what: str, part: float) -> float:
        return part * self.regime.shift(self.generator("shift", run, seed, what))

    def _answers(self, run: tuple[str, ...], seed: int, benchmark: str, part: float, what: str) -> Array:
        """0 or 1 for each problem; `part` of training is done."""
        model, prompt, reward, _ = run
        levels = self._levels(model, seed, what)
        moved = levels + self._shift(run, seed, what, part) if reward and part else levels
        after = bool(reward) and self.regime.resampled
        draw = (
            self.generator("draw", run, part, seed, benchmark, what)
            if after
            else self.generator(model, prompt, seed, what)
        )
        return np.asarray((draw.random(PROBLEMS) < moved).astype(float))

    def _rates(self, experiment: Experiment) -> Iterator[dict[str, Any]]:
        for model, prompt, group in self.suite.bases_of(experiment):
            for seed in seeds_of(group):
                yield from self._cells(experiment, (model, prompt, "", ""), seed, 0, 0.0)
        if experiment is self.suite.experiments[self.suite.report.headline]:
            for model, prompt, group in self.suite.bases_of(experiment):  # its gains are also over another prompt
                for seed in seeds_of(group):
                    yield from self._cells(experiment, (model, f"not {prompt}", "", ""), seed, 0, 0.0)
        compared = compared_steps(self.suite, experiment)
        for condition, end in ends(self.suite, experiment).items():
            for seed in self._seeds(condition[2], end.seeds):
                for step in {end.step, *compared.get(condition, ())}:
                    yield from self._cells(experiment, condition, seed, step, 1.0)

    def _cells(
        self, experiment: Experiment, run: tuple[str, ...], seed: int, step: int, part: float
    ) -> Iterator[dict[str, Any]]:
        for benchmark in self.suite.benchmarks_of(experiment):
            right, code = (self._answers(run, seed, benchmark, part, what) for what in ("right", "code"))
            shared = dict(zip(CONDITION, run, strict=True)) | {"seed": seed, "step": step, "benchmark": benchmark}
            for number in range(PROBLEMS):
                yield shared | {
                    **{"id": f"problem-{number}", "samples": 1, "accuracy": right[number], "code_rate": code[number]},
                    "right_with_code": right[number] * code[number],
                }

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


def found_by_chance(suite: Suite, rules: claims.Ledger, paper: Suite, regime: Regime, studies: int) -> pd.DataFrame:
    """For each measure of training, how many claims with a verdict there were, and of how many it is one that nothing bears out.

    That is *supported* of what asks for a change, and *contradicted* of what says that there is none. A 95 % interval lies on one
    side of the truth in 2.5 % of all studies, so that no more are to be `expected`; `bound` is what chance passes once in a
    thousand (binomial). Claims with a threshold of their own have no such truth and do not count.
    """
    measure = {claim.id: claim.rule.measure for claim in rules.claims if claim.rule.threshold is None}
    expect = {claim.id: claim.rule.expect for claim in rules.claims}
    trials: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for seed in range(studies):
        judged = ledger(rules, suite, Study(suite, regime, seed).frames(), paper)
        for row in judged.to_dict("records"):
            name = measure.get(row["id"])
            if name is not None and MEASURES[name].of_training and row["verdict"] in JUDGED:
                trials[name] += 1
                wrong[name] += row["verdict"] == ("contradicted" if expect[row["id"]] == "no gain" else "supported")
    rows = [(name, trials[name], wrong[name]) for name in trials]
    rows.append(("all", trials.total(), wrong.total()))
    table = pd.DataFrame(rows, columns=["measure", "claims", "found"])
    table["expected"] = CHANCE * table["claims"]
    table["bound"] = stats.binom.ppf(0.999, table["claims"], CHANCE).astype(int)
    return table


CHANCE = 0.025
JUDGED = ("supported", "contradicted", "inconclusive")


def shipped() -> tuple[Suite, claims.Ledger, Suite]:
    """The organism suite, the ledger and the paper's suite."""
    suites = (load(ROOT / f"config/suites/{name}.yaml") for name in ("organism", "paper"))
    organism, paper = suites
    return organism, claims.read(ROOT / claims.FILE), paper
