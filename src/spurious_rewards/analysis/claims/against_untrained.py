"""How training metrics changed: those of a run less those of a run in which nothing is learned, on the same prompts."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from spurious_rewards.analysis.claims.conditions import select
from spurious_rewards.analysis.claims.evidence import Evidence, Run
from spurious_rewards.analysis.claims.measurement import Condition, Measurement, of_seeds
from spurious_rewards.analysis.claims.values import Measure
from spurious_rewards.config.claims import Rule
from spurious_rewards.config.endpoints import CONDITION, untrained_rewards
from spurious_rewards.config.suite import Suite

OF_ROLLOUTS = (
    *("rollout_prompts", "rollouts_per_prompt", "temperature", "max_prompt_tokens", "max_new_tokens", "data_order"),
    *("engine", "dtype"),
)
"""Keys of `training` that decide what a policy that never moves answers at a step."""


def change_in_training(quantity: str) -> Measure:
    """A metric over the last fifth of the steps, less that of the run whose rewards are always 0, on the same steps, by seed.

    Such rewards move no weight. So the two differ by what training did: they have the same prompts, which differ
    from those of the first steps. Where the suite has no such run, nothing can be said.
    """

    def measurements(rule: Rule, evidence: Evidence) -> list[Measurement]:
        everything, orders = evidence.frames["training"], _orders(evidence.suite)
        untrained = everything[everything["reward"].isin(untrained_rewards(evidence.suite))]
        chosen = select(everything, rule, evidence.suite)
        found = []
        for key, runs in chosen.groupby(["experiment", *CONDITION], observed=True, sort=False):
            condition = Condition.of(dict(zip(["experiment", *CONDITION], key, strict=True)))
            steps = int(runs["steps"].max())
            trained = _by_seed(runs[runs["steps"] == steps], quantity)
            still = _by_seed(_untrained(untrained, condition, steps, evidence.suite, orders), quantity)
            shared = trained.index.intersection(still.index)
            if shared.empty:
                alone = of_seeds(condition, trained * float("nan"), steps)
                found.append(alone.untestable(_missing(condition, steps, evidence.suite)))
            else:
                found.append(of_seeds(condition, trained.loc[shared] - still.loc[shared], steps))
        return found

    return measurements


def _untrained(
    untrained: pd.DataFrame, condition: Condition, steps: int, suite: Suite, orders: Mapping[Run, object]
) -> pd.DataFrame:
    """Of the runs whose rewards are always 0, the rows of those that saw the condition's prompts."""
    if not _on_the_suites_problems(condition, suite):
        return untrained.iloc[:0]
    model, prompt, _, _ = condition.run
    here = untrained[(untrained["model"] == model) & (untrained["prompt"] == prompt) & (untrained["steps"] == steps)]
    alike = [
        orders.get(run) == orders[condition.run]
        and not suite.algorithms[run[-1]].weight_decay  # which moves weights too
        for run in here[CONDITION].itertuples(index=False, name=None)
    ]
    return here[np.array(alike, dtype=bool)]


def _on_the_suites_problems(condition: Condition, suite: Suite) -> bool:
    """Whether a run is trained on all training problems, as rewards on votes are not."""
    reward = suite.rewards[condition.reward]
    return reward.training_set == "truth" and reward.problems is None


def _orders(suite: Suite) -> dict[Run, object]:
    """What decides which prompts a run sees at a step, and how often it answers each; an order of each seed by the run's ends."""
    found: dict[Run, object] = {}
    for run in suite.runs:
        training = suite.algorithms[run.variant]
        ends = suite.reaches(run) if training.data_order == "per_seed" else ()
        condition = (run.model, run.prompt, run.reward, run.variant)
        found[condition] = (*(getattr(training, key) for key in OF_ROLLOUTS), ends)
    return found


def _by_seed(rows: pd.DataFrame, quantity: str) -> "pd.Series[float]":
    """A run that several experiments have is one."""
    values = rows.drop_duplicates("seed").set_index("seed")[f"{quantity}_last"].astype(float)
    return values[values.notna()]


def _missing(condition: Condition, steps: int, suite: Suite) -> str:
    if not _on_the_suites_problems(condition, suite):
        return f"{condition.reward} trains on other problems than a run with rewards that are always 0"
    of = " and ".join(filter(None, (condition.model, condition.prompt)))
    return f"no run with rewards that are always 0 of {of} over {steps} steps and with the same seeds to compare with"
