"""The random reward as a test of contamination: its verdicts on models whose corpus is known, and on others.

Olmo 3 (arXiv 2512.13961) reads "no gain under random rewards" as "the training data hold no problems of the benchmark".
Such a test has one verdict per pretrained model. An organism's corpus is known (`Family.leaked`), so its verdicts can
be counted as right or wrong. The partial-prompt probe is a second test of the same models.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from statsmodels.stats.proportion import confint_proportions_2indep

from spurious_rewards import statistics
from spurious_rewards.analysis.claims.conditions import cannot_be_known
from spurious_rewards.analysis.conditions import of_seeds
from spurious_rewards.artifacts.csv_files import Columns, cells
from spurious_rewards.config.endpoints import CONDITION, ends
from spurious_rewards.config.experiments import Experiment
from spurious_rewards.config.suite import Suite
from spurious_rewards.problems.arithmetic import leaked_ids
from spurious_rewards.problems.partial_prompts import cut, share_completed

SMALLEST = 0.05
"""The smallest change that matters, as a fraction of 1: `smallest.points` of the claims ledger."""

PROBE = "partial prompts"
"""The name of the test that trains nothing. It stands where a reward's key stands; no key contains a blank."""

VERDICTS = ("gain", "undecided", "negligible")

CONTROL: Columns = {
    **{"part": ("verdicts", "rates"), "model": "text", "test": "text"},
    **cells("number", "leaked", "seed", "seeds", "problems", "value", "low", "high"),
    **{"verdict": "words"},
    **cells("number", "models", "gains", "negligible", "rate", "rate_low", "rate_high"),
    **cells("number", *(f"{part}{end}" for part in ("on_leaked", "on_clean") for end in ("", "_low", "_high"))),
}
"""Columns of `control`."""


@dataclass(frozen=True)
class Tested:
    """Accuracies of a model before and after training under one reward: seeds (rows) x problems."""

    model: str
    reward: str
    before: pd.DataFrame
    after: pd.DataFrame

    def change(self, seeds: pd.Index, problems: pd.Index) -> statistics.Estimate:
        """Return the mean change of the given seeds on the given problems."""
        return statistics.difference(
            self.before.loc[seeds, problems].to_numpy(float), self.after.loc[seeds, problems].to_numpy(float)
        )


def verdict(low: float, high: float) -> str:
    """Return what an interval says: a gain, a change too small to matter ("negligible"), or neither ("undecided")."""
    return "gain" if low > 0 else "negligible" if high < SMALLEST else "undecided"


def control(
    rates: pd.DataFrame,
    suite: Suite,
    experiment: Experiment,
    benchmark: str,
    completions: Mapping[str, pd.DataFrame],
    problems: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """Return the verdict of each test on each model, and how often it is right where the corpus is known.

    Part "verdicts" has a row for each (model, test, seed) of an organism, because each of its seeds is a pretrained
    model of its own. The interval of such a row is over problems. Another model has one row per reward, over seeds and
    problems; the probe has a row per seed for every model. `value` is the change in accuracy. For `PROBE` it is the
    share of the benchmark's problems that the model completes word for word, minus the same share of problems that no
    corpus holds (Newcombe's interval). `verdict` is what the function `verdict` makes of the interval.

    Part "rates" has a row for each (organism, test): the number of `models`, how many of them have which verdict, and
    the `rate` of gains with Wilson's interval. Where nothing is `leaked`, gains are false alarms. Elsewhere, the other
    verdicts are misses. `value`, `on_leaked` and `on_clean` are mean changes over all models: on all problems of the
    benchmark, on those in the corpus, and on the others.

    Args:
        rates: tables.Rates of the experiment's models, step 0 included.
        suite: the suite of the experiment.
        experiment: one condition for each model and reward.
        benchmark: the benchmark that may be in a corpus.
        completions: tables.Responses of models before training to the beginnings of problems; `benchmark` is the
            problem set.
        problems: tables.Problems of the sets of `completions`.
    """
    rows: list[dict[str, Any]] = []
    for tested in _trained(rates, suite, experiment, benchmark):
        rows += _of_training(tested, suite)
    for model in experiment.all_models:
        if model in completions:
            rows += _of_probe(model, completions[model], problems, suite, benchmark)
    found = pd.DataFrame(rows, columns=list(CONTROL)).fillna({"verdict": ""})
    return found.astype({"leaked": float})  # all None if no model's corpus is known


def leaked_share(suite: Suite, model: str) -> float | None:
    """Return the share of evaluation problems that is in a model's corpus; None where it is unknown."""
    family = suite.models[model].family
    return None if family is None else family.leaked


def _trained(rates: pd.DataFrame, suite: Suite, experiment: Experiment, benchmark: str) -> Iterator[Tested]:
    here = rates[rates["benchmark"] == benchmark]
    grids = {key: of.pivot(index="seed", columns="id", values="accuracy") for key, of in _by_run(here)}
    for (model, prompt, reward, variant), end in ends(suite, experiment).items():
        after, before = grids.get((model, prompt, reward, variant, end.step)), grids.get((model, prompt, "", "", 0))
        if after is not None and before is not None:
            yield Tested(model, reward, of_seeds(before, after.index).reindex(columns=after.columns), after)


def _by_run(rates: pd.DataFrame) -> Iterator[tuple[Any, pd.DataFrame]]:
    yield from rates.groupby([*CONDITION, "step"], observed=True, sort=False)


def _of_training(tested: Tested, suite: Suite) -> list[dict[str, Any]]:
    seeds, problems, leaked = tested.after.index, tested.after.columns, leaked_share(suite, tested.model)
    row = {"model": tested.model, "test": tested.reward, "leaked": leaked, "problems": len(problems)}
    every = tested.change(seeds, problems)
    if leaked is None:
        return [row | {"part": "verdicts", "seeds": len(seeds)} | _judged(every.value, every.low, every.high)]
    rows = []
    for seed in seeds:
        one = tested.change(pd.Index([seed]), problems)
        rows.append(row | {"part": "verdicts", "seed": seed, "seeds": 1} | _judged(one.value, one.low, one.high))
    means = {"value": every.value, "low": every.low, "high": every.high}
    known = problems.isin(_known(suite, tested.model))
    for name, part in {"on_leaked": problems[known], "on_clean": problems[~known]}.items():
        if len(part):
            means |= tested.change(seeds, part).columns(name)
    return [*rows, row | {"part": "rates", "seeds": len(seeds)} | means | _counted(rows)]


def _known(suite: Suite, model: str) -> set[str]:
    family = suite.models[model].family
    assert family is not None
    assert suite.organism is not None
    return leaked_ids(suite.organism, family)


def _of_probe(
    model: str, completions: pd.DataFrame, problems: Mapping[str, pd.DataFrame], suite: Suite, benchmark: str
) -> list[dict[str, Any]]:
    """Return the rows of the probe; none if it lacks the benchmark's problems, or problems that no corpus holds."""
    assert suite.partial_prompt is not None
    asked, share = suite.benchmarks[benchmark].problems, suite.partial_prompt.share
    unknown = next((name for name in problems if name != asked and cannot_be_known(suite, name)), None)
    if asked not in problems or unknown is None:
        return []
    whole = {name: _completed(completions, problems[name], name, share) for name in (asked, unknown)}
    leaked = leaked_share(suite, model)
    row = {"model": model, "test": PROBE, "leaked": leaked, "problems": whole[asked].shape[1]}
    rows = []
    for seed in whole[asked].index:
        counts = [int(whole[name].loc[seed].sum()) for name in (asked, unknown)]
        sizes = [whole[name].shape[1] for name in (asked, unknown)]
        low, high = confint_proportions_2indep(counts[0], sizes[0], counts[1], sizes[1], method="newcomb")
        judged = _judged(counts[0] / sizes[0] - counts[1] / sizes[1], low, high)
        rows.append(row | {"part": "verdicts", "seed": seed, "seeds": 1} | judged)
    if leaked is None:
        return rows
    known, of_asked = _known(suite, model), whole[asked]
    by_chance = whole[unknown].to_numpy().mean()
    parts = {"value": of_asked, "on_leaked": of_asked.loc[:, of_asked.columns.isin(known)]}
    parts["on_clean"] = of_asked.loc[:, ~of_asked.columns.isin(known)]
    means = {name: part.to_numpy().mean() - by_chance for name, part in parts.items() if part.shape[1]}
    return [*rows, row | {"part": "rates", "seeds": len(of_asked)} | means | _counted(rows)]


def _completed(completions: pd.DataFrame, problems: pd.DataFrame, name: str, share: float) -> pd.DataFrame:
    """Return whether the model of each seed (rows) wrote the rest of each problem (columns) word for word."""
    rests = {id_: cut(text, share)[1] for id_, text in zip(problems["id"], problems["problem"], strict=True)}
    here = completions[completions["benchmark"] == name]
    whole = [share_completed(rests[id_], text) == 1 for id_, text in zip(here["id"], here["response"], strict=True)]
    return here.assign(whole=whole).pivot(index="seed", columns="id", values="whole")


def _judged(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "verdict": verdict(low, high)}


def _counted(rows: list[dict[str, Any]]) -> dict[str, Any]:
    said = [row["verdict"] for row in rows]
    gains, models = said.count("gain"), len(said)
    low, high = statistics.wilson(gains, models)
    return {
        **{"models": models, "gains": gains, "negligible": said.count("negligible"), "rate": gains / models},
        **{"rate_low": low, "rate_high": high},
    }
