"""The rows of a suite's numbers that a claim's rule looks at."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from spurious_rewards.config.claims import READS, Rule
from spurious_rewards.config.endpoints import CONDITION
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.suite import Suite


def select(frame: pd.DataFrame, rule: Rule, suite: Suite) -> pd.DataFrame:
    """Return the rows of the first of the rule's experiments that has all its conditions; no rows if none has."""
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
        wanted["variant"] = variants(rule, suite)
    if "benchmark" in frame and "benchmark" in READS[rule.measure]:
        wanted["benchmark"] = [benchmark_of(experiment, rule, suite)]
    if isinstance(rule.prompts, tuple):
        wanted["prompt"] = rule.prompts
    for column, values in wanted.items():
        if column in frame:
            frame = frame[frame[column].isin(values)]
    if rule.prompts == "own" and "prompt" in frame:
        frame = frame[frame["prompt"] == frame["model"].map({key: model.prompt for key, model in suite.models.items()})]
    return frame


def _has_all(rows: pd.DataFrame, experiment: str, rule: Rule, suite: Suite) -> bool:
    """Whether the rows have all rewards and prompts that the rule names.

    They must also have, of each model in them, all runs that the suite has for the rule.
    """
    named = {"reward": rule.rewards, "prompt": rule.prompts if isinstance(rule.prompts, tuple) else ()}
    there = {column: set(rows[column]) if column in rows else set(keys) for column, keys in named.items()}
    if not len(rows) or not all(set(keys) <= there[column] for column, keys in named.items()):
        return False
    if not rule.rewards or not set(CONDITION) <= set(rows.columns):
        return True
    runs = suite.runs_of(suite.experiments[experiment])
    asked = pd.DataFrame([{name: getattr(run, name) for name in CONDITION} for run in runs], columns=CONDITION)
    asked = _of_conditions(asked[asked["model"].isin(rows["model"])], experiment, rule, suite)
    return set(asked.itertuples(index=False, name=None)) <= set(rows[CONDITION].itertuples(index=False, name=None))


@dataclass(frozen=True)
class Planned:
    """The runs that a suite has for a rule, without their seeds, and their steps; 0 for models before training."""

    experiment: str
    runs: dict[Run, int]


def planned(rule: Rule, suite: Suite) -> Planned | None:
    """Return the runs of the first of the rule's experiments that has all its conditions; None if none has."""
    for name in rule.experiments:
        if name in suite.experiments:
            experiment = suite.experiments[name]
            before = {
                Run(model=model, prompt=prompt, reward="", variant="", seeds=""): 0
                for model, prompt, _ in suite.bases_of(experiment)
            }
            of_runs = "variants" in READS[rule.measure]
            runs = suite.runs_of(experiment) if of_runs else before
            columns = CONDITION if of_runs else ["model", "prompt"]
            each = list(runs.items())
            frame = pd.DataFrame([{key: getattr(run, key) for key in columns} for run, _ in each], columns=columns)
            kept = _of_conditions(frame, name, rule, suite)
            if _has_all(kept, name, rule, suite):
                of_rule = [each[int(index)] for index in kept.index]
                return Planned(name, {run.model_copy(update={"seeds": ""}): steps for run, steps in of_rule})
    return None


def behaving(suite: Suite, behaviour: str) -> list[str]:
    """Return the models with a behaviour.

    A model that starts from the end of a run is left out, because it is RL-trained already.
    """
    return [key for key, model in suite.models.items() if model.behaviour == behaviour and model.source != "run"]


def variants(rule: Rule, suite: Suite) -> list[str]:
    """Return the variants that the rule names and the suite has, with the optimizer that the rule names."""
    return [
        name
        for name, training in suite.algorithms.items()
        if name in rule.variants and rule.optimizer in (None, training.optimizer)
    ]


def benchmark_of(experiment: str, rule: Rule, suite: Suite) -> str:
    """Return the benchmark that a rule looks at in an experiment.

    For "generated" it is the first benchmark that cannot be known, or "" if there is none.
    """
    if rule.benchmark != "generated":
        return rule.benchmark
    asked = suite.benchmarks_of(suite.experiments[experiment])
    return next((name for name in asked if cannot_be_known(suite, suite.benchmarks[name].problems)), "")


def cannot_be_known(suite: Suite, problems: str) -> bool:
    """Whether no pretraining corpus can hold a problem set.

    That is so if the set is generated from a seed, and no organism's corpus has any of it.
    """
    found = suite.problems[problems]
    if found.generated is None:
        return bool(found.reasoning_gym)
    leaks = any(model.family and model.family.leaked for model in suite.models.values())
    return found.generated.part == "reinforcement" or (found.generated.part == "evaluation" and not leaks)
