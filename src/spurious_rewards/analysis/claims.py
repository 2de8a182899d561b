"""The claims ledger: what each rule of `claims` makes of the numbers of a suite, one row a claim.

A measure gives one row a condition, with a value and its 95 % interval; `judge` turns intervals into verdicts.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from spurious_rewards import statistics
from spurious_rewards.analysis.scores import from_base, of_experiment
from spurious_rewards.config.claims import READS, Claim, Ledger, Rule
from spurious_rewards.config.endpoints import CONDITION
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import Training

VERDICTS = ("supported", "contradicted", "inconclusive", "not testable", "not run")

LEDGER = [
    *("id", "claim", "source", "verdict", "paper_claim", "effect", "low", "high", "unit", "n", "n_of", "k", "seeds"),
    *("measured_on", "exhibit", "rule", "by_construction", "remark"),
]

ROWS = ["experiment", *CONDITION, "benchmark", "value", "low", "high", "n", "k", "seeds", "testable"]
"""Columns of a measure: a row a condition; `n` problems (or what `Measured.of` says) with `k` responses to each."""

Frames = Mapping[str, pd.DataFrame]
"""The numbers of a suite by what they are, each with a column `experiment`; what was not made is not there.

headline, comparisons, before: as the stage `score` leaves them; scores: tables.Scores; labels: `analysis.labels`; training:
`analysis.training.training_change`; switches, contributions, perturbation, clipping: the numbers of the exhibits of these
kinds; recall: `analysis.contamination.recall`.
"""


@dataclass(frozen=True)
class Measured:
    """The frames that a measure reads, how its rows come about, and what its values are.

    `of` is what its n counts, `over` what an interval needs two of, `untestable` what it means that no condition is testable.
    """

    frames: tuple[str, ...]
    rows: Callable[[Rule, Suite, Frames], pd.DataFrame]
    unit: str
    words: str
    of: str = "problems"
    over: str = "seeds"
    untestable: str = (
        "nothing to learn from: no rewards of a group differed, or no condition shows what the rule looks at"
    )


def ledger(claims: Ledger, suite: Suite, frames: Frames) -> pd.DataFrame:
    """One row a claim, in the ledger's order.

    `verdict` is that within the suite. `paper_claim` is the same where every model is the paper's own, trained with the paper's
    algorithm for as long and tested on whole benchmarks, else "not run"; empty for what the paper does not claim. Effect,
    interval, n (of `n_of`), k and seeds are of the condition that decides (`measured_on`): with several, the one furthest from
    supporting the claim, or the nearest where one is enough; empty where nothing was measured. `exhibit` is a key of the suite,
    empty for what was not run. `by_construction` stands beside what an organism supports. `remark` says why there is no verdict,
    or what stands in its way.

    Args:
        claims: the claims and their rules.
        suite: as it ran.
        frames: its numbers.
    """
    return pd.DataFrame([_judged(claim, claims, suite, frames) for claim in claims.claims], columns=LEDGER)


def _judged(claim: Claim, claims: Ledger, suite: Suite, frames: Frames) -> dict[str, Any]:
    rule, measured = claim.rule, MEASURES[claim.rule.measure]
    rows = _rows(rule, suite, frames)
    verdict, decisive = judge(rows, rule, claims.margin)
    row: dict[str, Any] = {
        **{"id": claim.id, "claim": claim.claim, "source": claim.source, "verdict": verdict},
        **{"paper_claim": _paper_claim(claim, verdict, rows, suite, claims), "unit": measured.unit},
        "exhibit": "" if verdict == "not run" else _exhibit(claim, rows, suite),
        "rule": in_words(rule, claims.margin),
        "by_construction": claim.by_construction if suite.organism and verdict == "supported" else "",
        "remark": _remark(rule, rows, suite, verdict),
    }
    if verdict not in ("not run", "not testable"):
        row |= {
            "effect": decisive["value"],
            "n_of": measured.of,
            **{name: decisive[name] for name in ("low", "high", "n", "k", "seeds")},
        }
        row["measured_on"] = _measured_on(decisive, len(rows), rule, suite)
    return row


# ---------------------------------------------------------------- verdicts


def verdict_of(row: Mapping[Any, Any], expect: str, margin: float) -> str:
    """What the interval of one condition says of a claim; no interval says nothing."""
    low, high = row["low"], row["high"]
    if not row["testable"]:
        return "not testable"
    if pd.isna(low) or pd.isna(high):
        return "inconclusive"
    if expect == "above":
        return "supported" if low > margin else "contradicted" if high < margin else "inconclusive"
    if expect == "below":
        return "supported" if high < margin else "contradicted" if low > margin else "inconclusive"
    return "supported" if high < margin else "contradicted" if low > 0 else "inconclusive"


def judge(rows: pd.DataFrame, rule: Rule, margin: float) -> tuple[str, dict[Any, Any]]:
    """The verdict of all conditions together, and the condition that decides (none where there are no rows).

    all: contradicted if any contradicts, supported if all support. any: supported if any supports, contradicted if all
    contradict. Otherwise inconclusive. Where no condition is testable, so is the claim; a condition that is not testable
    beside others neither supports nor contradicts. Nor does what one seed showed of training: its interval is over problems
    only, and says nothing of how another seed would have come out.
    """
    if rows.empty:
        return "not run", {}
    limit = rule.margin if rule.margin is not None else margin if rule.expect == "no gain" else 0.0
    verdicts = [
        "inconclusive" if alone and verdict != "not testable" else verdict
        for row, alone in zip(rows.to_dict("records"), _of_one_seed(rows, rule), strict=True)
        for verdict in [verdict_of(row, rule.expect, limit)]
    ]
    eager, unanimous = ("contradicted", "supported") if rule.across == "all" else ("supported", "contradicted")
    if set(verdicts) == {"not testable"}:
        overall = "not testable"
    elif eager in verdicts:
        overall = eager
    else:
        overall = unanimous if set(verdicts) == {unanimous} else "inconclusive"
    wanted = [overall] if overall in verdicts else [verdict for verdict in verdicts if verdict != "not testable"]
    deciding = rows[np.isin(verdicts, wanted)]
    # Nearest to supporting first: with "above" the highest interval.
    ordered = deciding.sort_values(["low", "value"] if rule.expect == "above" else ["high", "value"], kind="stable")
    ordered = ordered[::-1] if rule.expect == "above" else ordered
    return overall, ordered.iloc[-1 if rule.across == "all" else 0].to_dict()


def _of_one_seed(rows: pd.DataFrame, rule: Rule) -> "pd.Series[bool]":
    """Which rows are of training with one seed; a model before training that all seeds share has no other seed."""
    of_training = "variants" in READS[rule.measure] and "experiments" in READS[rule.measure]
    return rows["seeds"].eq(1) & rows["reward"].ne("") & of_training


# ---------------------------------------------------------------- conditions


def _rows(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    """A row a condition of the rule; with `against`, differences between conditions."""
    measured = MEASURES[rule.measure]
    needed = measured.frames if rule.equal is None else ("comparisons",)
    if not set(needed) <= frames.keys():
        return pd.DataFrame(columns=ROWS)
    rows = measured.rows(rule, suite, frames).reindex(columns=ROWS)
    if rule.against is None or rows.empty:
        return rows
    others = measured.rows(rule.model_copy(update=rule.against.changed), suite, frames).reindex(columns=ROWS)
    return difference(rows, others, rule.against.changed)


def difference(rows: pd.DataFrame, others: pd.DataFrame, changed: Collection[str] = ()) -> pd.DataFrame:
    """The rows less the others, matched by the conditions that are not `changed` (the keys of `claims.Others`).

    The interval reaches from the one's lower end less the other's upper end to the reverse. Since no standard error of a
    difference is larger than the sum of the two, it is wide enough however the two hang together.
    """
    keys = [name for name in ("experiment", *CONDITION, "benchmark") if f"{name}s" not in changed]
    if "models" in changed:
        keys.remove("prompt")  # each model has its own
    both = rows.merge(others, on=keys, suffixes=("", "_other"))
    seeds = both[["seeds", "seeds_other"]].min(axis=1)
    return both.assign(
        value=both["value"] - both["value_other"],
        low=both["low"] - both["high_other"],
        high=both["high"] - both["low_other"],
        seeds=seeds,
        testable=both["testable"].astype(bool) & both["testable_other"].astype(bool),
        model=both["model"] + " against " + both["model_other"] if "models" in changed else both["model"],
    )[ROWS]


def select(frame: pd.DataFrame, rule: Rule, suite: Suite) -> pd.DataFrame:
    """The rows of the first of the rule's experiments that has all its conditions; none if no experiment has them."""
    for experiment in rule.experiments:
        here = frame[frame["experiment"] == experiment]
        if experiment in suite.experiments and len(here):
            chosen = _of_conditions(here, experiment, rule, suite)
            if _has_all(chosen, experiment, rule, suite):
                return chosen
    return frame.iloc[:0]


def _of_conditions(frame: pd.DataFrame, experiment: str, rule: Rule, suite: Suite) -> pd.DataFrame:
    wanted: dict[str, Any] = {}
    if rule.models:
        wanted["model"] = behaving(suite, rule.models)
    if rule.rewards:
        wanted["reward"] = rule.rewards
    if "variant" in frame:
        wanted["variant"] = ["", *_variants(rule, suite)]  # before training there is none
    if "benchmark" in frame and "benchmark" in READS[rule.measure]:
        wanted["benchmark"] = [_benchmark(experiment, rule, suite)]
    if isinstance(rule.prompts, tuple):
        wanted["prompt"] = rule.prompts
    for column, values in wanted.items():
        if column in frame:
            frame = frame[frame[column].isin(values)]
    if rule.prompts == "own" and "prompt" in frame:
        frame = frame[frame["prompt"] == frame["model"].map({key: model.prompt for key, model in suite.models.items()})]
    return frame


def _has_all(rows: pd.DataFrame, experiment: str, rule: Rule, suite: Suite) -> bool:
    """Whether the rewards and prompts that the rule names are there, and with a model all that the suite has of them for it."""
    named = {"reward": rule.rewards, "prompt": rule.prompts if isinstance(rule.prompts, tuple) else ()}
    there = {column: set(rows[column]) if column in rows else set(keys) for column, keys in named.items()}
    if not len(rows) or not all(set(keys) <= there[column] for column, keys in named.items()):
        return False
    if not rule.rewards or not set(CONDITION) <= set(rows.columns):
        return True
    runs = suite.runs_of(suite.experiments[experiment])
    planned = pd.DataFrame([{name: getattr(run, name) for name in CONDITION} for run in runs], columns=CONDITION)
    planned = _of_conditions(planned[planned["model"].isin(rows["model"])], experiment, rule, suite)
    return set(planned.itertuples(index=False, name=None)) <= set(rows[CONDITION].itertuples(index=False, name=None))


def behaving(suite: Suite, behaviour: str) -> list[str]:
    """The models of a behaviour; one that starts from the end of a run is RL-trained already, and none of them."""
    return [key for key, model in suite.models.items() if model.behaviour == behaviour and model.source != "run"]


def _variants(rule: Rule, suite: Suite) -> list[str]:
    return [
        name
        for name, training in suite.algorithms.items()
        if name in rule.variants and rule.optimizer in (None, training.optimizer)
    ]


def _benchmark(experiment: str, rule: Rule, suite: Suite) -> str:
    if rule.benchmark != "generated":
        return rule.benchmark
    asked = suite.benchmarks_of(suite.experiments[experiment])
    return next((name for name in asked if _cannot_be_known(suite, suite.benchmarks[name].problems)), "")


def _cannot_be_known(suite: Suite, problems: str) -> bool:
    """Whether no pretraining corpus can hold a problem set: it is drawn from a seed, and not for pretraining."""
    found = suite.problems[problems]
    return bool(found.reasoning_gym) or (found.generated is not None and found.generated.part != "pretraining")


# ---------------------------------------------------------------- measures


def _of_tables(column: str) -> Callable[[Rule, Suite, Frames], pd.DataFrame]:
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


def _of(frame: str, column: str) -> Callable[[Rule, Suite, Frames], pd.DataFrame]:
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


def _over_own_prompt(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    before = frames["before"]
    return _of("before", "over_own_prompt")(rule, suite, {"before": before[before["over_own_prompt"].notna()]})


def _code_over_language(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    code, language = (
        _of("before", f"accuracy_with_{how}")(rule, suite, frames).assign(reward="") for how in ("code", "language")
    )
    return difference(code.assign(variant=""), language.assign(variant=""))


def _code_with_accuracy(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
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


def _change_in_training(quantity: str) -> Callable[[Rule, Suite, Frames], pd.DataFrame]:
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


def _gain_where_entropy_fell(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    """Gains of the conditions whose entropy clearly fell in training; where it fell in none, all of them, untestable."""
    gains = _of_tables("difference")(rule, suite, frames)
    entropy = _change_in_training("entropy")(rule, suite, frames)
    fell = entropy.loc[entropy["high"] < 0, ["experiment", *CONDITION]]
    there = pd.MultiIndex.from_frame(gains[fell.columns]).isin(pd.MultiIndex.from_frame(fell))
    return gains[there] if there.any() else gains.assign(testable=False)


def _pass_at_k_with_gain(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    """Pearson's r over models between pass@k before training and the mean gain under the rewards (scipy's interval)."""
    gains = _of_tables("difference")(rule, suite, frames)
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


LEAST_MODELS = 4
"""With fewer, Fisher's interval of a correlation does not exist."""


def _recall(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    """How much more often a model completes a benchmark's problems than problems that it cannot know."""
    benchmark = suite.benchmarks.get(rule.benchmark)
    if benchmark is None:
        return pd.DataFrame(columns=ROWS)
    found = frames["recall"]
    if rule.models:
        found = found[found["model"].isin(behaving(suite, rule.models))]
    unknown = [name for name in suite.problems if _cannot_be_known(suite, name)]
    known, others = (
        _as_rows(found[found["problem_set"].isin(sets)].assign(experiment=""), "word_for_word").assign(
            **dict.fromkeys(["prompt", "reward", "variant", "benchmark"], "")
        )
        for sets in ([benchmark.problems], unknown)
    )
    if _cannot_be_known(suite, benchmark.problems):
        return known.assign(testable=False)
    return difference(known, others)


def _probe(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    found = frames["clipping"]
    models = behaving(suite, rule.models) if rule.models else list(suite.models)
    found = found[(found["part"] == "probe") & found["variant"].isin(_variants(rule, suite))]
    found = found[found["model"].isin(models)]
    return found.assign(
        n=found["pairs"], k=np.nan, testable=True, **dict.fromkeys(["prompt", "reward", "benchmark"], "")
    )


def _bandit(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
    """Change of the mean probability from the start, which is the same in every run, to the last step."""
    found = frames["clipping"]
    found = found[(found["part"] == "bandit") & found["variant"].isin(rule.variants)]
    found = found[found["optimiser"] == rule.optimizer] if rule.optimizer else found
    rows = []
    for (variant, optimizer), path in found.sort_values("step").groupby(["variant", "optimiser"], sort=False):
        start, last = path["value"].iloc[0], path.iloc[-1]
        ends = {name: last[name] - start for name in ("value", "low", "high")}
        condition = {"model": f"bandit ({OPTIMIZERS[str(optimizer)]})", "variant": variant}
        rows.append({**condition, **ends, "n": last["runs"], "testable": True})
    frame = pd.DataFrame(rows, columns=ROWS)
    return frame.assign(**dict.fromkeys(["experiment", "prompt", "reward", "benchmark"], ""))


OPTIMIZERS = {"sgd": "SGD", "adamw": "Adam"}

POINTS, SHARE, LOGITS, R, NATS = "points", "share", "logits", "r", "nats"
"""Units: differences of rates, rates (both as fractions of 1), and plain numbers."""

MEASURES: dict[str, Measured] = {
    "gain": Measured(
        ("headline",), _of_tables("difference"), POINTS, "change of accuracy from before training to its end"
    ),
    "over random": Measured(
        ("headline",), _of_tables("over_random"), POINTS, "accuracy after training less the random reward's"
    ),
    "over best prompt": Measured(
        ("headline",),
        _of_tables("over_best_prompt"),
        POINTS,
        "accuracy after training less that before it under the best prompt, which held-out problems chose",
    ),
    "accuracy over own prompt": Measured(
        ("before",), _over_own_prompt, POINTS, "accuracy before training less the own prompt's"
    ),
    "share of code": Measured(
        ("before",), _of("before", "code_rate"), SHARE, "share of responses with code before training"
    ),
    "code over language": Measured(
        ("before",),
        _code_over_language,
        POINTS,
        "accuracy before training of responses with code less that of the others",
    ),
    "change of code": Measured(
        ("switches",), _of("switches", "code_change"), POINTS, "change of the share of code in training"
    ),
    "contribution": Measured(
        ("contributions",),
        _of("contributions", "partial_contribution"),
        SHARE,
        "what a switch of strategy contributes to the gain, mean and interval over the rewards that steered the strategy",
        over="rewards that steered the strategy",
    ),
    "same strategy": Measured(
        ("perturbation",),
        _of("perturbation", "same_strategy"),
        SHARE,
        "share of responses in the original's strategy",
    ),
    "code with accuracy": Measured(
        ("scores",),
        _code_with_accuracy,
        R,
        "correlation of the changes of code and accuracy since the start, over rewards and evaluations of a seed",
        of="evaluations",
    ),
    "entropy": Measured(
        ("training",),
        _change_in_training("entropy"),
        NATS,
        "change of the rollouts' entropy per token, last fifth of the steps less first",
        of="steps",
    ),
    "token probability": Measured(
        ("training",),
        _change_in_training("token_probability"),
        POINTS,
        "change of the rollouts' mean token probability, last fifth of the steps less first",
        of="steps",
    ),
    "code of rollouts": Measured(
        ("training",),
        _change_in_training("code_rate"),
        POINTS,
        "change of the rollouts' share of code, last fifth of the steps less first",
        of="steps",
    ),
    "gain where entropy fell": Measured(
        ("headline", "training"),
        _gain_where_entropy_fell,
        POINTS,
        "change of accuracy in the conditions whose entropy fell in training (interval below 0)",
    ),
    "pass@k with gain": Measured(
        ("labels", "headline"),
        _pass_at_k_with_gain,
        R,
        f"correlation over models (at least {LEAST_MODELS}) of pass@k before training with the mean gain",
        of="models",
    ),
    "recall": Measured(
        ("recall",),
        _recall,
        POINTS,
        "share of problems completed word for word from their beginning, less that of problems no corpus holds",
        untestable="no corpus can hold the benchmark's problems",
    ),
    "probe": Measured(
        ("clipping",),
        _probe,
        LOGITS,
        "bias of one rollout batch on the logit of code",
        of="pairs",
    ),
    "bandit": Measured(
        ("clipping",),
        _bandit,
        POINTS,
        "change of the bandit's mean probability of its first action",
        of="runs",
    ),
}

# ---------------------------------------------------------------- words


def in_words(rule: Rule, margin: float) -> str:
    """A rule as a sentence, made from its data: what is measured, where, and what decides."""
    scale = 100 if MEASURES[rule.measure].unit in (POINTS, SHARE) else 1
    limit = scale * (rule.margin if rule.margin is not None else margin if rule.expect == "no gain" else 0)
    parts = [MEASURES[rule.measure].words[0].upper() + MEASURES[rule.measure].words[1:], *_where(rule)]
    if rule.against:
        parts.append(
            f"less the same of {' and '.join(map(_said, rule.against.changed.values()))} (its interval is as wide as those "
            "of both sides together)"
        )
    several = {
        "all": "every condition must support it",
        "any": "one condition that supports it is enough, however many there are",
    }
    decides = {
        "above": f"supported if the 95 % interval lies above {limit:g}, contradicted if below",
        "below": f"supported if the 95 % interval lies below {limit:g}, contradicted if above",
        "no gain": f"supported if the 95 % interval ends below {limit:g}, else contradicted if it begins above 0",
    }
    return f"{', '.join(parts)}: {decides[rule.expect]}; {several[rule.across]}."


def _where(rule: Rule) -> list[str]:
    reads = READS[rule.measure]
    said = []
    if rule.experiments:
        said.append("experiment " + " or else ".join(rule.experiments))
    if "models" in reads:
        said.append(f"models with {rule.models}" if rule.models else "all models")
    if rule.rewards:
        said.append("reward " + _said(rule.rewards))
    if rule.prompts != "own":
        said.append("prompt " + ("any" if rule.prompts == "all" else _said(rule.prompts)))
    if rule.variants != ("default",):
        said.append("variant " + " or ".join(rule.variants))
    if rule.optimizer:
        said.append(OPTIMIZERS[rule.optimizer])
    if "benchmark" in reads:
        said.append("the first benchmark that no corpus holds" if rule.benchmark == "generated" else rule.benchmark)
    if rule.equal:
        said.append(f"at equal {rule.equal}")
    if rule.group:
        said.append(rule.group.replace("_", " "))
    return said


def _said(value: Any) -> str:
    return f"models with {value}" if isinstance(value, str) else ", ".join(value)


def _measured_on(row: Mapping[Any, Any], conditions: int, rule: Rule, suite: Suite) -> str:
    titles = {
        **{key: model.title for key, model in suite.models.items() if model.title},
        **{key: reward.title for key, reward in suite.rewards.items() if reward.title},
        **{key: benchmark.title for key, benchmark in suite.benchmarks.items() if benchmark.title},
    }
    named = {
        name: str(row[name]) for name in ("model", "reward", "prompt", "variant", "benchmark") if pd.notna(row[name])
    }
    if rule.prompts == "own":
        named.pop("prompt", None)
    if named.get("variant") == "default":
        named.pop("variant")
    words = [_titled(value, titles).replace("_", " ") for value in named.values() if value]
    if rule.against:
        changed = [value for key, value in rule.against.changed.items() if key != "models"]  # which stand in `model`
        words += [f"against {_titled(_said(value), titles).replace('_', ' ')}" for value in changed]
    if conditions > 1:
        words.append(f"{'the worst' if rule.across == 'all' else 'the best'} of {conditions} conditions")
    return ", ".join(words) or "no model"


def _titled(keys: str, titles: Mapping[str, str]) -> str:
    for separator in (" against ", " and "):
        if separator in keys:
            return separator.join(_titled(key, titles) for key in keys.split(separator))
    return titles.get(keys, keys)


def _remark(rule: Rule, rows: pd.DataFrame, suite: Suite, verdict: str) -> str:
    """Why there is no verdict, or what stands in its way."""
    if verdict == "not testable":
        return MEASURES[rule.measure].untestable
    if verdict != "not run":
        remarks = {
            f"no interval: it needs two {MEASURES[rule.measure].over}": rows["low"].isna().all(),
            "one seed, and another may come out otherwise": (_of_one_seed(rows, rule) & rows["low"].notna()).any(),
            "some conditions were not testable": not rows["testable"].astype(bool).all(),
        }
        return "; ".join(remark for remark, holds in remarks.items() if holds)
    if rule.experiments and not set(rule.experiments) & suite.experiments.keys():
        return f"the suite has no experiment {' or '.join(rule.experiments)}"
    if rule.models and not behaving(suite, rule.models):
        return f"the suite has no model with {rule.models}"
    where = f"experiment {' or '.join(rule.experiments)}" if rule.experiments else "the suite"
    return f"{where} has no such conditions, or they were not measured"


# ---------------------------------------------------------------- the paper's own


ALGORITHM = (
    *("rollout_prompts", "rollouts_per_prompt", "updates_per_rollout", "passes", "clip", "loss", "temperature"),
    *("optimizer", "learning_rate", "adam_betas", "weight_decay", "max_grad_norm", "max_new_tokens"),
)
"""Keys of `training` whose defaults are the paper's values, and with which its claims stand."""


def _paper_claim(claim: Claim, verdict: str, rows: pd.DataFrame, suite: Suite, claims: Ledger) -> str:
    if not claim.of_paper:
        return ""
    return verdict if _is_the_papers(rows, suite, claims) else "not run"


def _is_the_papers(rows: pd.DataFrame, suite: Suite, claims: Ledger) -> bool:
    """Whether the rows are of the paper's own models, trained as there for at least as many steps, on whole benchmarks."""
    models, rewards, variants = (_names(rows[name]) for name in ("model", "reward", "variant"))
    if not models or not all(_is_the_papers_model(suite, key, claims) for key in models):
        return False
    if any(getattr(suite.algorithms["default"], key) != getattr(Training(), key) for key in ALGORITHM):
        return False
    asked = [
        suite.benchmarks[name].problems for name in rows["benchmark"].dropna().unique() if name in suite.benchmarks
    ]
    if any(suite.problems[name].limit or suite.problems[name].only or suite.problems[name].skip for name in asked):
        return False
    return all(
        steps >= claims.paper_steps.get(name, 0)
        for name in rows["experiment"].unique()
        if name
        for run, steps in suite.runs_of(suite.experiments[name]).items()
        if run.model in models and (not rewards or run.reward in rewards) and (not variants or run.variant in variants)
    )


def _names(column: "pd.Series[Any]") -> set[str]:
    """The names in a column, also in the differences between conditions that `difference` makes."""
    joined = column.dropna().astype(str)
    return {name for names in joined for both in names.split(" and ") for name in both.split(" against ") if name}


def _is_the_papers_model(suite: Suite, key: str, claims: Ledger) -> bool:
    """Whether a model is the paper's of this name: on the hub the names are the same, behind their owner's."""
    model = suite.models.get(key)
    named = model is not None and (model.id or "").rpartition("/")[2] == key
    return named and key in claims.paper_models and suite.models[key].source == "hub"


def _exhibit(claim: Claim, rows: pd.DataFrame, suite: Suite) -> str:
    """The first of the claim's exhibits that the suite has and that shows the models measured."""
    models = set(rows["model"]) & suite.models.keys()
    for name in claim.exhibits:
        if name in suite.exhibits and (
            not suite.exhibits[name].models or not models or models & set(suite.exhibits[name].models)
        ):
            return name
    return ""
