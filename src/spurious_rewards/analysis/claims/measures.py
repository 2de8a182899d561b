"""The measures that a claim can be judged by: for each what it reads, what its values are, and how a reader is told."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from spurious_rewards.analysis.claims import values
from spurious_rewards.analysis.claims.rows import ROWS, Frames, difference
from spurious_rewards.config.claims import Rule
from spurious_rewards.config.suite import Suite


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


POINTS, SHARE, LOGITS, R, NATS = "points", "share", "logits", "r", "nats"
"""Units: differences of rates, rates (both as fractions of 1), and plain numbers."""

MEASURES: dict[str, Measured] = {
    "gain": Measured(
        ("headline",),
        values.of_headline("difference"),
        POINTS,
        "change of accuracy from before training to its end",
    ),
    "over random": Measured(
        ("headline",),
        values.of_headline("over_random"),
        POINTS,
        "accuracy after training less the random reward's",
    ),
    "over best prompt": Measured(
        ("headline",),
        values.of_headline("over_best_prompt"),
        POINTS,
        "accuracy after training less that before it under the best prompt, which held-out problems chose",
    ),
    "accuracy over own prompt": Measured(
        ("before",), values.over_own_prompt, POINTS, "accuracy before training less the own prompt's"
    ),
    "share of code": Measured(
        ("before",), values.of_frame("before", "code_rate"), SHARE, "share of responses with code before training"
    ),
    "code over language": Measured(
        ("before",),
        values.code_over_language,
        POINTS,
        "accuracy before training of responses with code less that of the others",
    ),
    "change of code": Measured(
        ("switches",),
        values.of_frame("switches", "code_change"),
        POINTS,
        "change of the share of code in training",
    ),
    "contribution": Measured(
        ("contributions",),
        values.of_frame("contributions", "partial_contribution"),
        SHARE,
        "what a switch of strategy contributes to the gain, mean and interval over the rewards that steered the strategy",
        over="rewards that steered the strategy",
    ),
    "same strategy": Measured(
        ("perturbation",),
        values.of_frame("perturbation", "same_strategy"),
        SHARE,
        "share of responses in the original's strategy",
    ),
    "code with accuracy": Measured(
        ("scores",),
        values.code_with_accuracy,
        R,
        "correlation of the changes of code and accuracy since the start, over rewards and evaluations of a seed",
        of="evaluations",
    ),
    "entropy": Measured(
        ("training",),
        values.change_in_training("entropy"),
        NATS,
        "change of the rollouts' entropy per token, last fifth of the steps less first",
        of="steps",
    ),
    "token probability": Measured(
        ("training",),
        values.change_in_training("token_probability"),
        POINTS,
        "change of the rollouts' mean token probability, last fifth of the steps less first",
        of="steps",
    ),
    "code of rollouts": Measured(
        ("training",),
        values.change_in_training("code_rate"),
        POINTS,
        "change of the rollouts' share of code, last fifth of the steps less first",
        of="steps",
    ),
    "gain where entropy fell": Measured(
        ("headline", "training"),
        values.gain_where_entropy_fell,
        POINTS,
        "change of accuracy in the conditions whose entropy fell in training (interval below 0)",
    ),
    "pass@k with gain": Measured(
        ("labels", "headline"),
        values.pass_at_k_with_gain,
        R,
        f"correlation over models (at least {values.LEAST_MODELS}) of pass@k before training with the mean gain",
        of="models",
    ),
    "memorization": Measured(
        ("memorization",),
        values.memorization,
        POINTS,
        "share of problems completed word for word from their beginning, less that of problems no corpus holds",
        untestable="no corpus can hold the benchmark's problems",
    ),
    "probe": Measured(
        ("clipping",),
        values.probe,
        LOGITS,
        "bias of one rollout batch on the logit of code",
        of="pairs",
    ),
    "bandit": Measured(
        ("clipping",),
        values.bandit,
        POINTS,
        "change of the bandit's mean probability of its first action",
        of="runs",
    ),
}


def rows_of(rule: Rule, suite: Suite, frames: Frames) -> pd.DataFrame:
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
