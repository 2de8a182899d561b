"""From grades to the numbers that tables and figures show: frames in, frames out, no plotting.

grades -> collect -> scores -> from_base -> smooth      (curves)
                  -> headline                           (tables, bars)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandera.typing.pandas import DataFrame

from spurious_rewards import statistics, tables
from spurious_rewards.errors import UserError
from spurious_rewards.suite import Experiment, Suite, seeds_of

CONDITION = ["model", "prompt", "reward", "variant"]
"""What tells runs apart, but for the seed. A base model has reward "" and variant ""."""

RATES = {
    "accuracy": "correct",
    "code_rate": "has_code",
    "box_rate": "has_box",
    "repetition_rate": "repeats",
    "truncation_rate": "truncated",
}
"""Column of scores -> the column of grades that it averages."""

TEXTS = {"problem", "answer", "majority", "extracted"}
"""Columns that no analysis reads; without them a whole study fits into memory."""

VERDICT_RULE = (
    "A difference is accuracy after the last training step minus accuracy before training, the step fixed in the suite "
    'before the run. The verdict is "gain" if the whole 95 % interval lies above 0, "loss" if it lies below 0, '
    'otherwise "no clear change". A reward beats the random reward if the interval of its difference from the random '
    "reward's runs, paired by seed and problem, lies above 0. Intervals take seeds and problems as drawn at random and "
    "crossed (two-way random effects, Satterthwaite's degrees of freedom); with one seed they are over problems only. "
    "They are not corrected for the number of comparisons."
)


@dataclass(frozen=True)
class Source:
    """A table of one condition; reward and variant are "" for a base model."""

    model: str
    prompt: str
    reward: str
    variant: str
    path: Path


def collect(sources: Iterable[Source], table: type[tables.Table] = tables.Grades) -> pd.DataFrame:
    """All rows of the sources without their texts, and with the condition's columns before them.

    Other columns of strings become categoricals. Metrics' mean `reward` is called `mean_reward`, for `reward` is the
    condition's.
    """
    frames = []
    for source in sources:
        frame = _without_texts(tables.read(source.path, table))
        condition = {name: getattr(source, name) for name in CONDITION}
        frames.append(pd.DataFrame(condition, index=frame.index).join(frame))
    if not frames:
        frames.append(pd.DataFrame(columns=CONDITION, dtype=str).join(_without_texts(tables.empty(table))))
    everything = pd.concat(frames, ignore_index=True)
    return everything.astype(dict.fromkeys(everything.select_dtypes(["str", "object"]).columns, "category"))


def _without_texts(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns=list(TEXTS.intersection(frame.columns))).rename(columns={"reward": "mean_reward"})


def per_problem(graded: pd.DataFrame) -> pd.DataFrame:
    """One row (condition, seed, step, benchmark, id): number of samples and the mean of each rate over them."""
    keys = [*CONDITION, "seed", "step", "benchmark", "id"]
    return (
        graded.groupby(keys, observed=True, sort=False)
        .agg(samples=("correct", "size"), **{rate: (column, "mean") for rate, column in RATES.items()})
        .reset_index()
    )


def scores(graded: pd.DataFrame) -> DataFrame[tables.Scores]:
    """Means over problems, one row (condition, seed, step, benchmark). Base models have their own rows (reward "")."""
    keys = [*CONDITION, "seed", "step", "benchmark"]
    averaged = (
        per_problem(graded)
        .groupby(keys, observed=True)
        .agg(problems=("id", "size"), samples=("samples", "max"), **{rate: (rate, "mean") for rate in RATES})
        .reset_index()
        .astype(dict.fromkeys([*CONDITION, "benchmark"], str))
    )
    return DataFrame[tables.Scores](averaged.sort_values(keys, ignore_index=True))


def from_base(scores: pd.DataFrame) -> pd.DataFrame:
    """The runs' scores, each run with its base model's as step 0; base models' own rows are gone."""
    whole = pd.concat([_bases(scores, ["benchmark"]), scores[scores["reward"] != ""]])
    return whole.sort_values([*CONDITION, "seed", "benchmark", "step"], ignore_index=True)


def _bases(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Rows of base models, repeated for each condition and seed that was trained from them."""
    base = frame[frame["reward"] == ""].drop(columns=["reward", "variant"])
    runs = frame.loc[frame["reward"] != "", [*CONDITION, "seed", *keys]].drop_duplicates()
    own = runs.merge(base, on=["model", "prompt", "seed", *keys])
    shared = runs.merge(base[base["seed"] == tables.SHARED_BASE].drop(columns="seed"), on=["model", "prompt", *keys])
    return pd.concat([own[frame.columns], shared[frame.columns]])


def of_experiment(scores: pd.DataFrame, suite: Suite, experiment: Experiment) -> pd.DataFrame:
    """The rows of the experiment's runs, up to its last step, and of their base models."""
    conditions = {(run.model, run.prompt, run.reward, run.variant) for run in suite.runs_of(experiment)}
    conditions |= {(model, prompt, "", "") for model, prompt, _, _ in conditions}
    seeds = [tables.SHARED_BASE, *_seeds(experiment)]
    inside: NDArray[np.bool_] = pd.MultiIndex.from_frame(scores[CONDITION]).isin(conditions)
    return scores[inside & scores["seed"].isin(seeds) & (scores["step"] <= experiment.steps)]


def _seeds(experiment: Experiment) -> list[int]:
    return [seed for group in experiment.seeds for seed in seeds_of(group)]


def smooth(scores: pd.DataFrame, steps: int) -> pd.DataFrame:
    """Each rate averaged over the evaluations of the last `steps` training steps; step 0 stays (paper, Fig. 2).

    Args:
        scores: rows of runs, as `from_base` gives them.
        steps: length of the window in training steps; 0 and 1 smooth nothing.
    """
    keys = [*CONDITION, "seed", "benchmark"]
    smoothed = []
    for step in scores["step"].unique():
        first = min(step, max(step - steps + 1, 1))
        window = scores[scores["step"].between(first, step)].groupby(keys, observed=True)[list(RATES)].mean()
        here = scores[scores["step"] == step]
        smoothed.append(here.drop(columns=list(RATES)).merge(window, left_on=keys, right_index=True))
    whole: pd.DataFrame = pd.concat(smoothed)[list(scores.columns)]
    return whole.sort_values([*keys, "step"], ignore_index=True)


def headline(graded: pd.DataFrame, suite: Suite, experiment: Experiment) -> pd.DataFrame:
    """Before and after training, one row (condition, benchmark) of the experiment that has grades.

    Rates are fractions of 1; `*_low` and `*_high` are the ends of 95 % intervals (`statistics`). Gained and lost are
    problems, mean over seeds, for benchmarks of one response a problem. `over_random` is the difference from the runs
    of the experiment's first random reward with the same model, prompt and variant, over the seeds that both have;
    `share_of_ground_truth` is the difference over ground truth's, where that one is a gain. Verdicts: `VERDICT_RULE`.

    Raises:
        UserError: runs that were not graded on the same problems as their base model.
    """
    runs = dict.fromkeys((run.model, run.prompt, run.reward, run.variant) for run in suite.runs_of(experiment))
    paired = _paired(graded, experiment.steps, _seeds(experiment))
    random, truth = (_first_reward(suite, experiment, function) for function in ("random", "ground_truth"))

    rows = {}
    for model, prompt, reward, variant in runs:
        for benchmark, settings in suite.benchmarks.items():
            key = (model, prompt, reward, variant, benchmark)
            if key in paired:
                row = dict(zip([*CONDITION, "benchmark"], key, strict=True)) | _change(
                    paired[key], settings.samples == 1
                )
                if reward != random and (other := paired.get((model, prompt, random, variant, benchmark))):
                    row |= _columns("over_random", _difference_over_common_seeds(other["after"], paired[key]["after"]))
                rows[key] = row
    for (model, prompt, _, variant, benchmark), row in rows.items():
        best = rows.get((model, prompt, truth, variant, benchmark))
        if best and best["verdict"] == "gain":
            row["share_of_ground_truth"] = row["difference"] / best["difference"]
    return pd.DataFrame(list(rows.values()), columns=HEADLINE)


HEADLINE = [
    *(*CONDITION, "benchmark", "problems", "samples", "seeds"),
    *("before", "before_low", "before_high", "after", "after_low", "after_high"),
    *("difference", "difference_low", "difference_high", "verdict", "gained", "lost", "code_before", "code_after"),
    *("over_random", "over_random_low", "over_random_high", "share_of_ground_truth"),
]

Key = tuple[str, str, str, str, str]  # condition and benchmark


def _paired(graded: pd.DataFrame, step: int, seeds: list[int]) -> dict[Key, dict[str, pd.DataFrame]]:
    """For each condition and benchmark: before, after, code_before, code_after and samples, each seeds x problems."""
    keys = [*CONDITION, "seed", "benchmark", "id"]
    rates = per_problem(graded[graded["step"].isin([0, step])])
    after = rates[(rates["reward"] != "") & (rates["step"] == step) & rates["seed"].isin(seeds)]
    base = rates[(rates["reward"] == "") & (rates["step"] == 0)]
    before = _bases(pd.concat([base, after]), ["benchmark", "id"])
    both = after.merge(before, on=keys, suffixes=("_after", "_before"), how="left")
    columns = {
        "before": "accuracy_before",
        "after": "accuracy_after",
        "code_before": "code_rate_before",
        "code_after": "code_rate_after",
        "samples": "samples_after",
    }
    paired: dict[Key, dict[str, pd.DataFrame]] = {}
    for key, group in both.groupby([*CONDITION, "benchmark"], observed=True):
        grids = {name: group.pivot(index="seed", columns="id", values=column) for name, column in columns.items()}
        if any(grid.isna().to_numpy().any() for grid in grids.values()):
            raise UserError(
                f"grades of {', '.join(map(str, key))}: not every seed has all {grids['after'].shape[1]} problems "
                "before and after training; delete the grades of this condition and of its base model and run again"
            )
        paired[cast(Key, key)] = grids
    return paired


def _change(grids: dict[str, pd.DataFrame], one_response: bool) -> dict[str, Any]:
    """The columns of a headline row that need no other row."""
    before, after = grids["before"].to_numpy(), grids["after"].to_numpy()
    difference = statistics.difference(before, after)
    row: dict[str, Any] = {
        "problems": difference.problems,
        "samples": int(grids["samples"].to_numpy().max()),
        "seeds": difference.seeds,
        **_columns("before", statistics.mean(before)),
        **_columns("after", statistics.mean(after)),
        **_columns("difference", difference),
        "verdict": verdict(difference.low, difference.high),
        "code_before": grids["code_before"].to_numpy().mean(),
        "code_after": grids["code_after"].to_numpy().mean(),
    }
    if one_response:
        row |= {"gained": (after > before).sum(axis=1).mean(), "lost": (after < before).sum(axis=1).mean()}
    return row


def verdict(low: float, high: float) -> str:
    """What `VERDICT_RULE` makes of an interval."""
    return "gain" if low > 0 else "loss" if high < 0 else "no clear change"


def _columns(name: str, estimate: statistics.Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _difference_over_common_seeds(before: pd.DataFrame, after: pd.DataFrame) -> statistics.Estimate:
    seeds = before.index.intersection(after.index)
    return statistics.difference(before.loc[seeds].to_numpy(), after.loc[seeds].to_numpy())


def _first_reward(suite: Suite, experiment: Experiment, function: str) -> str:
    """The experiment's first reward of a function, or "" (which is no run's reward)."""
    return next((reward for reward in experiment.rewards if suite.rewards[reward].function == function), "")


def labels_summary(labels: pd.DataFrame, votes: pd.DataFrame) -> pd.DataFrame:
    """What majority voting made of the training problems, one row (model, prompt).

    Args:
        labels: tables.Labels of base models, collected.
        votes: grades of the responses that voted, collected.
    """
    rows = []
    for (model, prompt), group in labels.groupby(["model", "prompt"], observed=True, sort=False):
        wrong = (~group["correct"] & (group["votes"] > 0)).groupby(group["seed"]).sum()
        right = votes[(votes["model"] == model) & (votes["prompt"] == prompt)].groupby(["seed", "id"], observed=True)[
            "correct"
        ]
        rows.append(
            {
                "model": model,
                "prompt": prompt,
                "problems": group["id"].nunique(),
                "samples": int(group["samples"].max()),
                "seeds": group["seed"].nunique(),
                "label_accuracy": group.groupby("seed")["correct"].mean().mean(),
                "incorrect_min": int(wrong.min()),
                "incorrect_max": int(wrong.max()),
                "pass_at_1": right.mean().mean(),
                "pass_at_k": right.max().mean(),
            }
        )
    return pd.DataFrame(rows, columns=LABELS)


LABELS = [
    *("model", "prompt", "problems", "samples", "seeds", "label_accuracy"),
    *("incorrect_min", "incorrect_max", "pass_at_1", "pass_at_k"),
]

HEALTH = ["zero_variance_groups", "clip_fraction", "truncation_rate", "entropy"]
"""Columns of training metrics that tell a healthy run from a sick one."""


def training_health(metrics: pd.DataFrame) -> pd.DataFrame:
    """First and last step of each condition's training, means over seeds: `{metric}_first` and `{metric}_last`.

    Args:
        metrics: tables.Metrics of all segments, collected.
    """
    runs = metrics.sort_values("step").groupby([*CONDITION, "seed"], observed=True)[["step", *HEALTH]]
    ends = runs.first().join(runs.last(), lsuffix="_first", rsuffix="_last").drop(columns="step_first")
    means = ends.groupby(CONDITION, observed=True).mean().reset_index().rename(columns={"step_last": "steps"})
    return means[[*CONDITION, "steps", *(f"{name}_{end}" for name in HEALTH for end in ("first", "last"))]]


def grading(graded: pd.DataFrame) -> pd.DataFrame:
    """How grading went, one row a benchmark: responses, those without any answer, and checks that did not end."""
    return (
        graded.assign(
            unanswered=graded["rule"] == "none",
            timeouts=graded["status"] == "timeout",
            crashes=graded["status"] == "crash",
        )
        .groupby("benchmark", observed=True)
        .agg(
            responses=("id", "size"),
            unanswered=("unanswered", "sum"),
            timeouts=("timeouts", "sum"),
            crashes=("crashes", "sum"),
        )
        .reset_index()
    )
