"""The measures of accuracies and code: each reads a suite's numbers and returns one measurement per condition."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, cast

import numpy as np
import pandas as pd
from scipy import stats

from spurious_rewards import statistics
from spurious_rewards.analysis.claims.conditions import select
from spurious_rewards.analysis.claims.evidence import BEFORE, Evidence
from spurious_rewards.analysis.claims.measurement import Condition, Grid, Measurement, of_grid, of_seeds, ready
from spurious_rewards.analysis.conditions import aligned
from spurious_rewards.analysis.conditions import of_seeds as of_the_seeds
from spurious_rewards.analysis.scores import from_base, of_experiment
from spurious_rewards.config.claims import Rule
from spurious_rewards.config.endpoints import CONDITION, only_reward

Row: TypeAlias = dict[Any, Any]

Measure: TypeAlias = Callable[[Rule, Evidence], list[Measurement]]

LEAST_MODELS = 4
"""The fewest models of a correlation: with fewer, Fisher's interval does not exist."""

NOTHING_TO_LEARN = "nothing to learn from: all rewards within each group were equal"
NO_BOX = "no response had a box, before training or after"


# ---------------------------------------------------------------- of runs


def change_of(rate: str) -> Measure:
    """Return the measure of a rate's change from before training to its end, or to where variants are equally long."""

    def measurements(rule: Rule, evidence: Evidence) -> list[Measurement]:
        found = []
        for row in _at_the_end(rule, evidence):
            condition = Condition.of(row)
            of_run = condition.experiment, condition.run, condition.benchmark
            grid = evidence.change(*of_run, row["steps"], rate, rule.before)
            if grid is not None:
                found.append(_of_run(row, Grid(grid, -1, 1)))
        return found

    return measurements


def coverage(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """Measure the change of pass@k from before training to its end.

    k is the number of samples, so pass@k is whether any sample is right.
    """
    found = []
    for row in _at_the_end(rule, evidence):
        here = Condition.of(row)
        after = evidence.grid(here.experiment, here.run, here.benchmark, row["steps"])
        before = evidence.untrained(here.experiment, here.run, here.benchmark)
        if after is not None and before is not None:
            was = of_the_seeds(cast(pd.DataFrame, before["accuracy"]), after.index).dropna()
            grids = (Grid((rates > 0).astype(float), 0, 1) for rates in (cast(pd.DataFrame, after["accuracy"]), was))
            grid = next(grids).less(next(grids))
            if grid is not None:
                found.append(_of_run(row, grid))
    return found


def over_random(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """Measure accuracy after training minus that of the random reward after as many steps, over the seeds of both."""
    found = []
    for row in _at_the_end(rule, evidence):
        here = Condition.of(row)
        random = only_reward(evidence.suite, evidence.suite.experiments[here.experiment], "random")
        after, other = (
            evidence.grid(
                here.experiment, (here.model, here.prompt, reward, here.variant), here.benchmark, row["steps"]
            )
            for reward in (here.reward, random)
        )
        if after is not None and other is not None and here.reward != random:
            grid = _accuracy(after).less(_accuracy(other))
            if grid is not None:
                found.append(_of_run(row, grid))
    return found


def over_best_prompt(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """Measure accuracy after training minus that before it under the model's best prompt, over the seeds of both."""
    found = []
    for row in _at_the_end(rule, evidence):
        here, best = Condition.of(row), row.get("best_prompt")
        after = evidence.grid(here.experiment, here.run, here.benchmark, row["steps"])
        before = evidence.untrained(here.experiment, (here.model, str(best), *BEFORE), here.benchmark)
        if after is not None and before is not None:
            of_best = of_the_seeds(cast(pd.DataFrame, before["accuracy"]), after.index).dropna()
            grid = _accuracy(after).less(Grid(of_best, 0, 1))
            if grid is not None:
                found.append(_of_run(row, grid))
    return found


def _at_the_end(rule: Rule, evidence: Evidence) -> list[Row]:
    """Return the headline's rows of the rule's conditions, or those of comparisons if the rule has `equal`."""
    frame = evidence.frames["comparisons" if rule.equal else "headline"]
    if rule.equal:
        frame = frame[frame["comparison"] == f"equal {rule.equal}"]
    return select(frame, rule, evidence.suite).to_dict("records")


def _of_run(row: Row, grid: Grid) -> Measurement:
    found = of_grid(Condition.of(row), grid, row["samples"])
    return found.untestable(NOTHING_TO_LEARN) if row["verdict"] == "not testable" else found


def _accuracy(rates: pd.DataFrame) -> Grid:
    return Grid(cast(pd.DataFrame, rates["accuracy"]), 0, 1)


def code_with_accuracy(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """Measure Pearson's r between changes of code and of accuracy since the start, for each model.

    r is taken over rewards and evaluations. There is one r for each seed that has all the rewards. The interval is
    Student's over seeds, cut off at -1 and 1.
    """
    found = []
    of_model = ["experiment", "model", "prompt", "benchmark"]
    for key, runs in _along_training(rule, evidence).groupby(of_model, observed=True):
        keys = ["reward", "variant", "seed"]
        start = runs[runs["step"] == 0].set_index(keys)[["accuracy", "code_rate"]]
        points = runs[runs["step"] > 0].set_index(keys)[["accuracy", "code_rate"]]
        changes = (points - start.reindex(points.index)).reset_index()
        every = changes["reward"].nunique()
        by_seed = {seed: of for seed, of in changes.groupby("seed") if of["reward"].nunique() == every}
        values = pd.Series({seed: of["code_rate"].corr(of["accuracy"]) for seed, of in by_seed.items()}, dtype=float)
        condition = Condition.of(dict(zip(of_model, key, strict=True)))
        evaluations = max(map(len, by_seed.values()), default=0)
        each = of_seeds(condition, values.dropna(), evaluations, least=-1, most=1)
        found.append(each if each.seeds else each.untestable("code or accuracy never changed"))
    return found


def change_of_boxes(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """Measure the change of the share of responses with a box from before training to its end.

    The interval is Student's over seeds.
    """
    found = []
    of_run = ["experiment", *CONDITION, "benchmark"]
    for key, run in _along_training(rule, evidence).groupby(of_run, observed=True, sort=False):
        boxes = run.pivot(index="seed", columns="step", values="box_rate")
        change = (boxes[boxes.columns.max()] - boxes[0]).dropna()
        condition = Condition.of(dict(zip(of_run, key, strict=True)))
        each = of_seeds(condition, change, run["problems"].max(), run["samples"].max(), least=-1, most=1)
        found.append(each if boxes.any(axis=None) else each.untestable(NO_BOX))
    return found


def _along_training(rule: Rule, evidence: Evidence) -> pd.DataFrame:
    """Return the scores of the rule's runs, each with its model's scores before training as step 0."""
    scores, suite = evidence.frames["scores"], evidence.suite
    kept = []
    for name in rule.experiments:
        here = scores[scores["experiment"] == name]
        if len(here):
            runs = of_experiment(from_base(here.drop(columns="experiment")), suite, suite.experiments[name])
            kept.append(runs.assign(experiment=name))
    return select(pd.concat(kept), rule, suite) if kept else scores.iloc[:0]


def contribution(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """Measure what a group of problems contributes to the gain."""
    chosen = select(evidence.frames["contributions"], rule, evidence.suite)
    chosen = chosen[chosen["group"] == rule.group]
    return [_from_columns(row, "partial_contribution", "there is no clear gain to share") for row in _rows(chosen)]


def pass_at_k_with_gain(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """Measure Pearson's r over models between pass@k before training and the mean gain under the rewards.

    The interval is scipy's. r is over the models that have both values. The measurement's note says which were left
    out, and why.
    """
    every = change_of("accuracy")(rule, evidence)
    gains = [each for each in every if each.testable]
    if not gains:
        return every
    of_run = [
        {"experiment": of.experiment, "model": of.model, "prompt": of.prompt, "gain": each.value, "seeds": each.seeds}
        for each in gains
        for of in [each.condition]
    ]
    by_model = ["experiment", "model", "prompt"]
    mean = pd.DataFrame(of_run).groupby(by_model, as_index=False).agg(gain=("gain", "mean"), seeds=("seeds", "min"))
    labels = evidence.frames["labels"][[*by_model, "pass_at_k"]].dropna(subset="pass_at_k")
    both = mean.merge(labels, on=by_model)
    if both.empty:
        return []
    note = _left_out(every, both)
    condition = Condition(
        experiment=gains[0].condition.experiment,
        model=" and ".join(both["model"]),
        benchmark=gains[0].condition.benchmark,
    )
    few = len(both) < LEAST_MODELS or both["gain"].nunique() < 2 or both["pass_at_k"].nunique() < 2
    if few:
        unknown = ready(condition, np.nan, np.nan, np.nan, len(both), seeds=both["seeds"].min())
        return [replace(unknown.untestable(f"a correlation needs {LEAST_MODELS} models that differ"), note=note)]
    found = stats.pearsonr(both["pass_at_k"].astype(float), both["gain"].astype(float))

    def ends(confidence: float) -> tuple[float, float]:
        interval = found.confidence_interval(confidence)
        return float(interval.low), float(interval.high)

    return [Measurement(condition, float(found.statistic), len(both), np.nan, both["seeds"].min(), ends, note=note)]


def _left_out(gains: Sequence[Measurement], kept: pd.DataFrame) -> str:
    """Say which models are not `kept`, which rewards do not count for the kept ones, and why."""
    there = set(kept[["model", "prompt"]].itertuples(index=False, name=None))
    testable = {(each.condition.model, each.condition.prompt) for each in gains if each.testable}
    said = []
    for each in gains:
        of = each.condition
        key = of.model, of.prompt
        if key in there and not each.testable:
            said.append(f"{of.model} without {of.reward}: {each.why}")
        elif key not in there:
            said.append(f"without {of.model}: {'its pass@k was not measured' if key in testable else each.why}")
    return "; ".join(dict.fromkeys(said))


# ---------------------------------------------------------------- before training


def share_of_code(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """Measure the share of responses with code before training."""
    return [
        of_grid(condition, Grid(cast(pd.DataFrame, rates["code_rate"]), 0, 1), row["samples"])
        for row, condition, rates in _before(rule, evidence)
    ]


def over_own_prompt(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """Measure accuracy before training under each prompt that is not the model's own, minus that under its own."""
    found = []
    for row, here, rates in _before(rule, evidence):
        own = evidence.suite.models[here.model].prompt
        of_own = evidence.untrained(here.experiment, (here.model, own, *BEFORE), here.benchmark)
        if here.prompt != own and of_own is not None:
            grid = _accuracy(rates).less(_accuracy(of_own))
            if grid is not None:
                found.append(of_grid(here, grid, row["samples"]))
    return found


LEAST_ANSWERED = 20
"""How many problems a model must answer with code, and without: over fewer, a ratio's interval covers too little."""


def code_over_language(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """Measure accuracy of responses with code minus that of the others, before training.

    The value is the mean over the seeds that have both kinds. It is not testable where either kind is rare: its few
    responses vary too little to tell how far off their accuracy may be.
    """
    found = []
    for row, here, rates in _before(rule, evidence):
        code, right, both = (rates[name].to_numpy(float) for name in ("code_rate", "accuracy", "right_with_code"))
        values = statistics.ratio_values(both, code) - statistics.ratio_values(right - both, 1 - code)
        each = _of_values(values, cast(pd.DataFrame, rates["code_rate"]), here, row)
        rarer = min(code.sum(axis=1).mean(), (1 - code).sum(axis=1).mean())
        rare = f"a seed has answers to fewer than {LEAST_ANSWERED} problems with code, or without"
        found.append(each if rarer >= LEAST_ANSWERED else each.untestable(rare))
    return found


def same_strategy(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """Measure Cohen's kappa of code in responses to problems and to the changed ones of the same ids.

    It is measured before training.
    """
    found = []
    for row, here, rates in _before(rule, evidence):
        changed = cast(pd.DataFrame, rates["code_rate"])
        original = _original(here, changed, evidence)
        both = None if original is None else aligned(changed, original)
        if both is not None:
            a, b = (each.to_numpy(float) for each in both)
            values = statistics.kappa_values(a * b + (1 - a) * (1 - b), a, b)
            found.append(_of_values(values, both[0], here, row))
    return found


def _original(of: Condition, changed: pd.DataFrame, evidence: Evidence) -> pd.DataFrame | None:
    """Return code in responses to the experiment's first other benchmark with ids of the changed problems, or None."""
    suite = evidence.suite
    for name in suite.benchmarks_of(suite.experiments[of.experiment]):
        rates = evidence.untrained(of.experiment, of.run, name) if name != of.benchmark else None
        if rates is not None and set(rates["code_rate"].columns) & set(changed.columns):
            return cast(pd.DataFrame, rates["code_rate"])
    return None


def _of_values(values: statistics.Array, like: pd.DataFrame, of: Condition, row: Row) -> Measurement:
    """Return the mean of values of seeds and problems, over the seeds that have values."""
    frame = pd.DataFrame(values, index=like.index, columns=like.columns).dropna()
    if frame.empty:
        return _unknown(of, row, "all responses have code, or none has")
    return of_grid(of, Grid(frame, -1, 1), row["samples"])


def _unknown(of: Condition, row: Row, why: str) -> Measurement:
    """Return the measurement of a model before training that has no value, with the reason."""
    return ready(of, np.nan, np.nan, np.nan, row["problems"], row["samples"], row["seeds"]).untestable(why)


def _before(rule: Rule, evidence: Evidence) -> Iterator[tuple[Row, Condition, pd.DataFrame]]:
    """Yield the rows of the rule's models before training, each with its condition and its rates, seeds x problems."""
    for row in _rows(select(evidence.frames["before"], rule, evidence.suite)):
        condition = Condition.of(row)
        rates = evidence.untrained(condition.experiment, condition.run, condition.benchmark)
        if rates is not None:
            yield row, condition, rates


def _rows(frame: pd.DataFrame) -> list[Row]:
    return frame.to_dict("records")


def _from_columns(row: Row, column: str, why: str) -> Measurement:
    """Return a value of a table with the interval in the columns beside it; not testable if there is no value."""
    value, low, high = (float(row[f"{column}{end}"]) for end in ("", "_low", "_high"))
    seeds = row.get("seeds", np.nan)
    freedom = max(seeds - 1, 1) if seeds > 1 else np.inf
    n, k = row.get("problems", np.nan), row.get("samples", np.nan)
    found = ready(Condition.of(row), value, low, high, n, k, seeds, freedom)
    return found.untestable(why) if np.isnan(found.value) else found
