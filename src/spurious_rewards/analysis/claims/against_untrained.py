"""How training changed the metrics of a run: the run minus one in which nothing is learned, on the same prompts."""

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
"""Keys of `training` that decide what a policy that never changes answers at a step."""


def change_in_training(quantity: str) -> Measure:
    """Return the measure of a metric over the last fifth of the steps, minus that of a run in which nothing is learned.

    The rewards of that run are always 0, which moves no weight. The two runs are compared by seed and on the same
    steps, so they have the same prompts; the first steps have other prompts. So the difference is what training did. If
    the suite has no such run, the measurement is not testable.
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
    """Return the rows of the runs whose rewards are always 0 and that saw the condition's prompts."""
    if not _on_the_suites_problems(condition, suite):
        return untrained.iloc[:0]
    model, prompt, _, _ = condition.run
    here = untrained[(untrained["model"] == model) & (untrained["prompt"] == prompt) & (untrained["steps"] == steps)]
    alike = [
        orders.get(run) == orders[condition.run] and not suite.algorithms[run[-1]].weight_decay  # it moves weights too
        for run in here[CONDITION].itertuples(index=False, name=None)
    ]
    return here[np.array(alike, dtype=bool)]


def _on_the_suites_problems(condition: Condition, suite: Suite) -> bool:
    """Whether a run is trained on all training problems; with rewards on votes, for example, it is not."""
    reward = suite.rewards[condition.reward]
    return reward.training_set == "truth" and reward.problems is None


def _orders(suite: Suite) -> dict[Run, object]:
    """Return, for each run, all that decides which prompts it sees at a step, and how often it answers each.

    If each seed has an order of its own, the order depends on the run's ends.
    """
    found: dict[Run, object] = {}
    for run in suite.runs:
        training = suite.algorithms[run.variant]
        ends = suite.reaches(run) if training.data_order == "per_seed" else ()
        condition = (run.model, run.prompt, run.reward, run.variant)
        found[condition] = (*(getattr(training, key) for key in OF_ROLLOUTS), ends)
    return found


def _by_seed(rows: pd.DataFrame, quantity: str) -> "pd.Series[float]":
    """Return the quantity of each seed; a run that several experiments have counts once."""
    values = rows.drop_duplicates("seed").set_index("seed")[f"{quantity}_last"].astype(float)
    return values[values.notna()]


def _missing(condition: Condition, steps: int, suite: Suite) -> str:
    if not _on_the_suites_problems(condition, suite):
        return f"{condition.reward} trains on other problems than the control run (rewards always 0), so they cannot be compared"
    of = " and ".join(filter(None, (condition.model, condition.prompt)))
    return f"no control run (rewards always 0) of {of} with {steps} steps and the same seeds"
