"""Curves along training, computed in this order: grades -> scores -> from_base -> of_experiment -> smooth."""

import numpy as np
import pandas as pd
from pandera.typing.pandas import DataFrame

from spurious_rewards.analysis.conditions import RATES, bases, per_problem
from spurious_rewards.artifacts import tables
from spurious_rewards.config.endpoints import CONDITION, compared_steps, ends
from spurious_rewards.config.experiments import Experiment, seeds_of
from spurious_rewards.config.suite import Suite


def scores(graded: pd.DataFrame) -> DataFrame[tables.Scores]:
    """Return means over problems, one row per (condition, seed, step, benchmark).

    Base models have rows of their own, with reward "".
    """
    keys = [*CONDITION, "seed", "step", "benchmark"]
    averaged = (
        per_problem(graded)
        .groupby(keys, observed=True)
        .agg(problems=("id", "size"), samples=("samples", "max"), **{rate: (rate, "mean") for rate in RATES})
        .reset_index()
        .astype(dict.fromkeys([*CONDITION, "benchmark"], str))
    )
    return DataFrame[tables.Scores](averaged.sort_values(keys, ignore_index=True))


def rates(
    graded: pd.DataFrame, suite: Suite, experiment: Experiment, prompts: pd.DataFrame | None = None
) -> DataFrame[tables.Rates]:
    """Return the rates of each problem at the steps that headline and comparisons use, and before training.

    There is one row per (condition, seed, step, benchmark, id).

    Args:
        graded: tables.Grades, collected.
        suite: names the benchmarks.
        experiment: one of the suite's experiments.
        prompts: tables.Grades of models before training, collected, under the prompts from which `report.best_prompt`
            chooses.
    """
    steps = {condition: {end.step} for condition, end in ends(suite, experiment).items()}
    for condition, compared in compared_steps(suite, experiment).items():
        steps[condition] |= compared
    looked_at = pd.MultiIndex.from_tuples(
        [(*condition, step) for condition, at in steps.items() for step in at], names=[*CONDITION, "step"]
    )
    here = pd.MultiIndex.from_frame(graded[[*CONDITION, "step"]].astype(dict.fromkeys(CONDITION, str)))
    kept = [graded[here.isin(looked_at) | (graded["step"] == 0)]]
    if prompts is not None:
        kept.append(prompts[prompts["step"] == 0])
    each = pd.concat(kept, ignore_index=True).drop_duplicates([*CONDITION, "seed", "step", "benchmark", "id", "sample"])
    each = each[each["benchmark"].isin(suite.benchmarks_of(experiment))]
    each = each.assign(right_with_code=each["correct"] & each["has_code"])
    by_problem = per_problem(
        each, {"accuracy": "correct", "code_rate": "has_code", "right_with_code": "right_with_code"}
    ).astype(dict.fromkeys([*CONDITION, "benchmark", "id"], str))
    keys = [*CONDITION, "seed", "step", "benchmark", "id"]
    return DataFrame[tables.Rates](by_problem.sort_values(keys, ignore_index=True))


def from_base(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of the runs, each with its base model's as step 0; the base models' own rows are left out."""
    whole = pd.concat([bases(scores, ["benchmark"]), scores[scores["reward"] != ""]])
    return whole.sort_values([*CONDITION, "seed", "benchmark", "step"], ignore_index=True)


def of_experiment(frame: pd.DataFrame, suite: Suite, experiment: Experiment) -> pd.DataFrame:
    """Return the rows of the experiment's runs, each condition up to its last step, and of the models before training.

    Args:
        frame: scores, grades, or collected metrics.
        suite: the suite of the experiment.
        experiment: the experiment whose rows are kept.
    """
    last = {(*condition, seed): end.step for condition, end in ends(suite, experiment).items() for seed in end.seeds}
    for model, prompt, seeds in suite.bases_of(experiment):
        last |= {(model, prompt, "", "", seed): 0 for seed in (tables.SHARED_BASE, *seeds_of(seeds))}
    run = pd.MultiIndex.from_frame(frame[[*CONDITION, "seed"]].astype(dict.fromkeys(CONDITION, str)))
    # A run of another experiment has NaN as its last step, and no step is at most NaN.
    return frame[frame["step"].to_numpy() <= pd.Series(last, dtype=float).reindex(run).to_numpy()]


def smooth(scores: pd.DataFrame, steps: int) -> pd.DataFrame:
    """Average each rate over the evaluations of the last `steps` training steps; step 0 stays (paper, Fig. 2).

    Args:
        scores: rows of runs, as `from_base` returns them.
        steps: length of the window in training steps; 0 and 1 smooth nothing.
    """
    keys = [*CONDITION, "seed", "benchmark"]
    smoothed = []
    for step in scores["step"].unique():
        averaged = scores[scores["step"].between(window(step, steps), step)]
        means = averaged.groupby(keys, observed=True)[list(RATES)].mean()
        here = scores[scores["step"] == step]
        smoothed.append(here.drop(columns=list(RATES)).merge(means, left_on=keys, right_index=True))
    whole: pd.DataFrame = pd.concat(smoothed)[list(scores.columns)]
    return whole.sort_values([*keys, "step"], ignore_index=True)


def window(step: int, steps: int) -> int:
    """Return the first of the last `steps` training steps up to `step`."""
    return min(step, max(step - steps + 1, 1))


def is_smoothed(frame: pd.DataFrame, steps: int) -> "pd.Series[bool]":
    """Return, for each row, whether any window of `steps` steps holds more than one evaluation of its condition."""
    evaluated = frame["step"].where(frame["step"] > 0)
    keys = [frame[name] for name in CONDITION]
    return evaluated.groupby(keys, observed=True).transform(_closest) < steps


def _closest(steps: "pd.Series[float]") -> float:
    return float(np.diff(np.unique(steps.dropna().astype(float))).min(initial=np.inf))
