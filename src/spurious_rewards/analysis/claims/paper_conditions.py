"""Whether what a claim was judged by is of the paper's own models, trained and tested as there."""

from typing import Any

import pandas as pd

from spurious_rewards.config.claims import Ledger
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import Training

ALGORITHM = (
    *("rollout_prompts", "rollouts_per_prompt", "updates_per_rollout", "num_iterations", "clip", "loss", "temperature"),
    *("optimizer", "learning_rate", "adam_betas", "weight_decay", "max_grad_norm", "max_new_tokens"),
)
"""Keys of `training` whose defaults are the paper's values, and with which its claims stand."""


def are_the_papers(rows: pd.DataFrame, suite: Suite, claims: Ledger) -> bool:
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
