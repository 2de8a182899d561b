"""What each measure of a claim reads out of a suite's numbers: one row a condition, with a value and its 95 % interval."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from spurious_rewards import statistics
from spurious_rewards.analysis.claims.rows import ROWS, Frames, behaving, cannot_be_known, difference, select, variants
from spurious_rewards.analysis.scores import from_base, of_experiment
from spurious_rewards.config.claims import Rule
from spurious_rewards.config.endpoints import CONDITION
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import OPTIMIZERS

LEAST_MODELS = 4
"""With fewer, Fisher's interval of a correlation does not exist."""


def of_headline(column: str) -> Callable[[Rule, Suite, Frames], pd.DataFrame]:
    """A column of headline or comparisons, with its interval."""

    def rows(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
        frame = frames["comparisons" if rule.equal else "headline"]
        if column not in frame:
            return pd.DataFrame(columns=ROWS)
        if rule.equal:
            frame = frame[frame["comparison"] == f"equal {rule.equal}"]
        chosen = select(frame[frame[column].notna()], rule, suite)
        return _as_rows(chosen, column).assign(testable=chosen["verdict"] != "not testable")

    return rows


def of_frame(frame: str, column: str) -> Callable[[Rule, Suite, Frames], pd.DataFrame]:
    """A column of another frame that has its interval beside it."""

    def rows(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
        chosen = select(frames[frame], rule, suite)
        if rule.group:
            chosen = chosen[chosen["group"] == rule.group]
        return _as_rows(chosen, column).drop_duplicates(ROWS[:-1])  # change of code stands once a group

    return rows


def _as_rows(chosen: pd.DataFrame, column: str) -> pd.DataFrame:
    return chosen.assign(
        **{"value": chosen[column], "low": chosen[f"{column}_low"], "high": chosen[f"{column}_high"]},
        n=chosen.get("problems", np.nan),
        k=chosen.get("samples", np.nan),
        seeds=chosen.get("seeds", np.nan),
        testable=chosen[column].notna(),
    ).reindex(columns=ROWS)


def over_own_prompt(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    """Accuracy of prompts that are not the model's own, less its own prompt's."""
    before = frames["before"]
    return of_frame("before", "over_own_prompt")(rule, suite, {"before": before[before["over_own_prompt"].notna()]})


def code_over_language(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    """Accuracy of responses with code less that of the others, before training."""
    code, language = (
        of_frame("before", f"accuracy_with_{how}")(rule, suite, frames).assign(reward="")
        for how in ("code", "language")
    )
    return difference(code.assign(variant=""), language.assign(variant=""))


def code_with_accuracy(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    """For each model Pearson's r between changes of code and of accuracy since the start, over rewards and evaluations.

    One r a seed that has all the rewards; the interval is Student's over seeds, cut off at -1 and 1.
    """
    scores = frames["scores"]
    kept = []
    for name in rule.experiments:
        here = scores[scores["experiment"] == name]
        if len(here):
            runs = of_experiment(from_base(here.drop(columns="experiment")), suite, suite.experiments[name])
            kept.append(runs.assign(experiment=name))
    chosen = select(pd.concat(kept), rule, suite) if kept else scores.iloc[:0]
    rows = []
    for (experiment, model, prompt, benchmark), runs in chosen.groupby(
        ["experiment", "model", "prompt", "benchmark"], observed=True
    ):
        keys = ["reward", "variant", "seed"]
        start = runs[runs["step"] == 0].set_index(keys)[["accuracy", "code_rate"]]
        points = runs[runs["step"] > 0].set_index(keys)[["accuracy", "code_rate"]]
        changes = (points - start.reindex(points.index)).reset_index()
        every = changes["reward"].nunique()
        by_seed = [of for _, of in changes.groupby("seed") if of["reward"].nunique() == every]
        values = np.array([of["code_rate"].corr(of["accuracy"]) for of in by_seed])
        values = values[~np.isnan(values)]
        low, high = np.clip(statistics.seed_band(values), -1, 1)
        rows.append(
            {
                **{"experiment": experiment, "model": model, "prompt": prompt, "benchmark": benchmark},
                **{"value": values.mean() if len(values) else np.nan, "low": low, "high": high},
                **{"n": len(by_seed[0]) if by_seed else 0, "seeds": len(values), "testable": len(values) > 0},
            }
        )
    return pd.DataFrame(rows, columns=ROWS)


def change_in_training(quantity: str) -> Callable[[Rule, Suite, Frames], pd.DataFrame]:
    """Change of a training metric from the first fifth of the steps to the last; Student's interval over seeds."""

    def rows(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
        found = []
        for key, runs in select(frames["training"], rule, suite).groupby(
            ["experiment", *CONDITION], observed=True, sort=False
        ):
            changes = (runs[f"{quantity}_last"] - runs[f"{quantity}_first"]).to_numpy(float)
            low, high = statistics.seed_band(changes)
            found.append(
                {
                    **dict(zip(["experiment", *CONDITION], key, strict=True)),
                    **{"value": changes.mean(), "low": low, "high": high, "n": runs["steps"].max()},
                    **{"seeds": len(changes), "testable": True},
                }
            )
        return pd.DataFrame(found, columns=ROWS)

    return rows


def gain_where_entropy_fell(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    """Gains of the conditions whose entropy clearly fell in training; where it fell in none, all of them, untestable."""
    gains = of_headline("difference")(rule, suite, frames)
    entropy = change_in_training("entropy")(rule, suite, frames)
    fell = entropy.loc[entropy["high"] < 0, ["experiment", *CONDITION]]
    there = pd.MultiIndex.from_frame(gains[fell.columns]).isin(pd.MultiIndex.from_frame(fell))
    return gains[there] if there.any() else gains.assign(testable=False)


def pass_at_k_with_gain(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    """Pearson's r over models between pass@k before training and the mean gain under the rewards (scipy's interval)."""
    gains = of_headline("difference")(rule, suite, frames)
    mean = gains.groupby(["experiment", "model", "prompt", "benchmark"], as_index=False)["value"].mean()
    both = mean.merge(frames["labels"].drop(columns="seeds", errors="ignore"), on=["experiment", "model", "prompt"])
    if both.empty:
        return pd.DataFrame(columns=ROWS)
    row: dict[str, Any] = {
        **{"experiment": both["experiment"].iloc[0], "model": " and ".join(both["model"])},
        **{"benchmark": both["benchmark"].iloc[0], "n": len(both), "seeds": gains["seeds"].min()},
        "testable": len(both) >= LEAST_MODELS and both["value"].nunique() > 1 and both["pass_at_k"].nunique() > 1,
    }
    if row["testable"]:
        found = stats.pearsonr(both["pass_at_k"].astype(float), both["value"].astype(float))
        interval = found.confidence_interval(statistics.CONFIDENCE)
        row |= {"value": found.statistic, "low": interval.low, "high": interval.high}
    return pd.DataFrame([row], columns=ROWS)


def memorization(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    """How much more often a model completes a benchmark's problems than problems that it cannot know."""
    benchmark = suite.benchmarks.get(rule.benchmark)
    if benchmark is None:
        return pd.DataFrame(columns=ROWS)
    found = frames["memorization"]
    if rule.models:
        found = found[found["model"].isin(behaving(suite, rule.models))]
    unknown = [name for name in suite.problems if cannot_be_known(suite, name)]
    known, others = (
        _as_rows(found[found["problem_set"].isin(sets)].assign(experiment=""), "word_for_word").assign(
            **dict.fromkeys(["prompt", "reward", "variant", "benchmark"], "")
        )
        for sets in ([benchmark.problems], unknown)
    )
    if cannot_be_known(suite, benchmark.problems):
        return known.assign(testable=False)
    return difference(known, others)


def probe(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    """The bias of one rollout batch, for each model and variant."""
    found = frames["clipping"]
    models = behaving(suite, rule.models) if rule.models else list(suite.models)
    found = found[(found["part"] == "probe") & found["variant"].isin(variants(rule, suite))]
    found = found[found["model"].isin(models)]
    return found.assign(
        n=found["pairs"], k=np.nan, testable=True, **dict.fromkeys(["prompt", "reward", "benchmark"], "")
    )


def bandit(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    """Change of the mean probability from the start, which is the same in every run, to the last step."""
    found = frames["clipping"]
    found = found[(found["part"] == "bandit") & found["variant"].isin(rule.variants)]
    found = found[found["optimizer"] == rule.optimizer] if rule.optimizer else found
    rows = []
    for (variant, optimizer), path in found.sort_values("step").groupby(["variant", "optimizer"], sort=False):
        start, last = path["value"].iloc[0], path.iloc[-1]
        ends = {name: last[name] - start for name in ("value", "low", "high")}
        condition = {"model": f"bandit ({OPTIMIZERS[str(optimizer)]})", "variant": variant}
        rows.append({**condition, **ends, "n": last["runs"], "testable": True})
    frame = pd.DataFrame(rows, columns=ROWS)
    return frame.assign(**dict.fromkeys(["experiment", "prompt", "reward", "benchmark"], ""))
