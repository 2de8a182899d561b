"""Whether a claim was judged on all that the paper's suite has for its rule, defined as there."""

from collections.abc import Sequence
from typing import Any

from spurious_rewards.analysis.claims.conditions import Planned, benchmark_of, planned
from spurious_rewards.analysis.claims.measurement import Measurement
from spurious_rewards.config.base import Frozen
from spurious_rewards.config.claims import READS, Rule
from spurious_rewards.config.endpoints import only_reward
from spurious_rewards.config.suite import Suite

NO_RESULT = {
    *("title", "about", "license", "origin", "paper", "gated", "num_parameters"),  # words, and what planning needs
    *(
        "engine",
        "vllm_mode",
        "max_model_len",
        "micro_batch",
        "gradient_checkpointing",
        "batch_tokens",
        "batch_invariant",
    ),
    *("segment_steps", "eval_every", "rollouts_every"),
}
"""Keys of models, problems, training and so on that do not affect what is measured."""


def are_the_papers(rule: Rule, found: Sequence[Measurement], suite: Suite, paper: Suite) -> bool:
    """Whether exactly those models were measured that the paper's suite has for the rule, and all is defined as there.

    Models (ids and revisions), prompts, rewards, data sets, evaluation, votes, the algorithm of every variant, and the
    steps of every run are compared. What a job runs on is not.
    """
    measured = {name for each in found for of in each.condition.both for name in of.model.split(" and ")}
    if not measured <= paper.models.keys():
        return False
    sides = [rule, *([rule.model_copy(update=rule.against.changed)] if rule.against else [])]
    presupposed = [rule.model_copy(update={"against": None, **where.changed}) for where in rule.where]
    looked_at = [planned(each, suite) for each in (*sides, *presupposed)]
    if looked_at != [planned(each, paper) for each in (*sides, *presupposed)] or not all(looked_at):
        return False
    models = {run.model for each in looked_at[: len(sides)] if each for run in each.runs}
    if measured != models:
        return False
    return _of_all(suite) == _of_all(paper) and all(
        _defined(each, runs, suite) == _defined(each, runs, paper)
        for each, runs in zip((*sides, *presupposed), looked_at, strict=True)
        if runs
    )


def _of_all(suite: Suite) -> dict[str, Any]:
    """Return the settings that every number depends on."""
    keys = ("data_seed", "overlap", "organism", "vote", "vote_problems", "sampling", "strategies", "imports")
    return {key: _plain(getattr(suite, key)) for key in keys}


def _defined(rule: Rule, runs: Planned, suite: Suite) -> dict[str, Any]:
    """Return the settings that the numbers of a rule depend on, by kind."""
    models = {run.model for run in runs.runs}
    rewards = {run.reward for run in runs.runs if run.reward}
    sets = {suite.training_problems, *filter(None, (suite.rewards[name].problems for name in rewards))}
    found: dict[str, Any] = {
        "models": {name: _plain(suite.models[name]) for name in models},
        "prompts": {run.prompt: _plain(suite.prompt(run.model, run.prompt)) for run in runs.runs},
        "rewards": {name: _plain(suite.rewards[name]) for name in rewards},
        "algorithms": {run.variant: _plain(suite.algorithms[run.variant]) for run in runs.runs if run.variant},
    }
    if "benchmark" in READS[rule.measure]:
        benchmark = benchmark_of(runs.experiment, rule, suite)
        found["benchmark"] = _plain(suite.benchmarks[benchmark]) if benchmark in suite.benchmarks else None
        sets |= {suite.benchmarks[benchmark].problems} if benchmark in suite.benchmarks else set()
    if rule.group:
        shown = [each for each in suite.exhibits.values() if each.kind == "contributions"]
        found["exhibits"] = [_plain(each) for each in shown if each.experiment == runs.experiment]
        found["steered"] = suite.report.steered
    if rule.equal or rule.measure == "code with accuracy":
        found["evaluated"] = {run.variant: suite.algorithms[run.variant].eval_every for run in runs.runs if run.variant}
    if rule.measure == "over random":
        random = only_reward(suite, suite.experiments[runs.experiment], "random")
        found["random"] = _plain(suite.rewards[random]) if random else None
    found["problems"] = {name: _plain(suite.problems[name]) for name in sets}
    return found


def _plain(value: Any) -> Any:
    if not isinstance(value, Frozen):
        return value
    return {key: each for key, each in value.model_dump(mode="json").items() if key not in NO_RESULT}
