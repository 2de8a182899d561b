"""The steps at which the conditions of an experiment are evaluated and compared, from the suite alone."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from spurious_rewards.config.experiments import Experiment, Run, seeds_of
from spurious_rewards.config.suite import Suite

CONDITION = ["model", "prompt", "reward", "variant"]
"""Columns that distinguish runs, apart from the seed. A base model has reward "" and variant ""."""

DUMMIES = ("random", "format")
"""Reward functions that cannot teach what is right."""

LEAST_SEEDS = 3
"""Seeds that a reward must share with each dummy for a verdict."""

Condition: TypeAlias = tuple[str, str, str, str]


@dataclass(frozen=True)
class End:
    """The point at which a condition is evaluated: a rollout step, and the seeds that reach it."""

    step: int
    seeds: tuple[int, ...]


def ends(suite: Suite, experiment: Experiment) -> dict[Condition, End]:
    """Return the conditions of an experiment's runs, each with its last step and the seeds of its longest runs."""
    found: dict[Condition, End] = {}
    for run, steps in suite.runs_of(experiment).items():
        condition = (run.model, run.prompt, run.reward, run.variant)
        before = found.get(condition, End(0, ()))
        if steps >= before.step:
            known = before.seeds if steps == before.step else ()
            found[condition] = End(steps, (*known, *seeds_of(run.seeds)))
    return found


def compared_steps(suite: Suite, experiment: Experiment) -> dict[Condition, set[int]]:
    """Return the steps at which the comparisons of variants look at each condition."""
    found: dict[Condition, set[int]] = defaultdict(set)
    for measure in measures(suite).values():
        for condition, end in at_equal(suite, experiment, measure).items():
            found[condition].add(end.step)
    return found


def measures(suite: Suite) -> dict[str, Callable[[str, int], int]]:
    """Return what comparisons hold equal: name -> function of a variant and a step."""
    return {
        "equal rollout steps": lambda variant, step: step,
        "equal updates": lambda variant, step: step * suite.algorithms[variant].optimizer_steps,
    }


def at_equal(suite: Suite, experiment: Experiment, measure: Callable[[str, int], int]) -> dict[Condition, End]:
    """Return the conditions that have several variants, each at the last step at which all variants agree in `measure`.

    `measure` is a function of a variant and a step.
    """
    runs = {(run.model, run.prompt, run.reward, run.variant): run for run in suite.runs_of(experiment)}
    last = ends(suite, experiment)
    found: dict[Condition, End] = {}
    for case in dict.fromkeys(condition[:3] for condition in last):
        steps = {
            condition: {
                measure(condition[3], step): step for step in _evaluated(suite, runs[condition]) if step <= end.step
            }
            for condition, end in last.items()
            if condition[:3] == case
        }
        common = set.intersection(*map(set, steps.values()))
        if len(steps) > 1 and common:
            found |= {condition: End(of[max(common)], last[condition].seeds) for condition, of in steps.items()}
    return found


def _evaluated(suite: Suite, run: Run) -> list[int]:
    return [step for start, stop in suite.segments(run) for step in suite.eval_steps(run, start, stop)]


def only_reward(suite: Suite, experiment: Experiment, function: str) -> str:
    """Return the experiment's one reward that is only this function; "" (no run's reward) if there is not just one."""
    plain = [
        name
        for name in dict.fromkeys(reward for grid in experiment.grids for reward in grid.rewards)
        if (reward := suite.rewards[name]).function == function
        and (reward.unless, reward.problems, reward.right_labels) == (None, None, 0)
    ]
    return plain[0] if len(plain) == 1 else ""


def untrained_rewards(suite: Suite) -> list[str]:
    """Return the rewards that are always 0 on the suite's training problems.

    In their runs, only weight decay moves weights.
    """
    return [
        name
        for name, reward in suite.rewards.items()
        if (reward.function, reward.gamma, reward.file, reward.problems) == ("random", 0, None, None)
    ]


def untrained_lengths(suite: Suite, experiment: Experiment) -> tuple[int, ...]:
    """Return the lengths of the runs with which an experiment's runs without weight changes are compared.

    Empty if the experiment has no such runs.
    """
    rewards = untrained_rewards(suite)
    here = {run.model for run in suite.runs_of(experiment) if run.reward in rewards}
    every = (suite.runs_of(each).items() for each in suite.experiments.values())
    return tuple(sorted({steps for runs in every for run, steps in runs if run.model in here}))
