"""Checks that figures and tables can be made of their experiments: what they name exists, and lines are unambiguous.

Each line must show one condition. The checks run before the first job, so that nothing is left to find out about the
suite when an exhibit is made.
"""

from collections import defaultdict
from collections.abc import Mapping

from spurious_rewards.config.endpoints import CONDITION, DUMMIES, Condition, End, ends, only_reward
from spurious_rewards.config.experiments import Exhibit, Experiment, Run
from spurious_rewards.config.messages import FoundError, known, known_once
from spurious_rewards.config.reward_names import SPLIT
from spurious_rewards.config.suite import Suite

OF_ROLLOUTS = ("probability", "health")
"""Kinds of exhibit that show the training itself; they can show nothing of an imported run."""

WITH_LINES = ("gains", "baselines", "noise", "curves", "code", "switches", "control", "coverage", *OF_ROLLOUTS)
"""Kinds of exhibit with panels and lines."""

OF_TRAINING = (*WITH_LINES, "split", "contributions")
"""Kinds of exhibit that show what training did, and so need runs."""

OF_ONE_BENCHMARK = ("control", "coverage")
"""Kinds of exhibit that show one benchmark."""

OF_GREEDY_ANSWERS = ("switches", "contributions")
"""Kinds of exhibit that compare two responses to the same problem."""


def check(suite: Suite) -> None:
    """Check that each exhibit can be made.

    Raises:
        FoundError: an exhibit cannot be made; only the first one is reported.
    """
    for name, exhibit in suite.exhibits.items():
        where = f"exhibits.{name}"
        if exhibit.experiment is None:
            if suite.clipping is None:
                raise FoundError(f"{where}.kind", exhibit.kind, "the suite has no section clipping; add one")
            continue
        known(exhibit.experiment, f"{where}.experiment", suite.experiments)
        experiment = suite.experiments[exhibit.experiment]
        _shows_what_is_there(suite, exhibit, experiment, where)
        if exhibit.kind in OF_TRAINING:
            runs = _runs(suite, exhibit, experiment)
            _has_runs(suite, exhibit, runs, where)
            if exhibit.kind in WITH_LINES:
                _one_condition_a_line(exhibit, runs, where)
        if exhibit.kind == "baselines":
            _has_dummies(suite, exhibit, experiment, where)
        if exhibit.kind == "split":
            _has_parts(suite, exhibit, experiment, where)
        if exhibit.kind == "noise":
            _has_verifiers(suite, runs, where)
        if exhibit.kind == "forcing":
            _has_forced_prompts(suite, exhibit, experiment, where)


def _shows_what_is_there(suite: Suite, exhibit: Exhibit, experiment: Experiment, where: str) -> None:
    answered = suite.benchmarks_of(experiment)
    there = {
        "models": [model for grid in experiment.grids for model in grid.models],
        "rewards": [reward for grid in experiment.grids for reward in grid.rewards],
        "benchmarks": answered,
    }
    for key, names in there.items():
        known_once(getattr(exhibit, key), f"{where}.{key}", names)
    shown = exhibit.benchmarks or answered
    if exhibit.kind in OF_GREEDY_ANSWERS and not any(suite.benchmarks[name].temperature == 0 for name in shown):
        raise FoundError(
            f"{where}.benchmarks",
            list(shown),
            f"kind {exhibit.kind} compares greedy responses, and none of these has temperature 0; name one that has",
        )
    if exhibit.kind in OF_ONE_BENCHMARK and len(shown) != 1:
        raise FoundError(f"{where}.benchmarks", list(shown), f"kind {exhibit.kind} shows one benchmark; name it")
    if exhibit.kind == "coverage" and suite.benchmarks[shown[0]].samples == 1:
        raise FoundError(
            f"{where}.benchmarks", list(shown), "kind coverage needs several samples a problem; name one that has"
        )
    if exhibit.kind == "baselines" and len(exhibit.rewards) != 1:
        raise FoundError(f"{where}.rewards", list(exhibit.rewards), "kind baselines tests one reward; name it")


def _runs(suite: Suite, exhibit: Exhibit, experiment: Experiment) -> dict[Run, int]:
    """Return the runs that an exhibit shows, with their steps."""
    return {
        run: steps
        for run, steps in suite.runs_of(experiment).items()
        if run.model in (exhibit.models or (run.model,))
        and run.reward in (exhibit.rewards or (run.reward,))
        and not (exhibit.kind in OF_ROLLOUTS and suite.imported(run))
    }


def _has_runs(suite: Suite, exhibit: Exhibit, runs: Mapping[Run, int], where: str) -> None:
    if not runs:
        raise FoundError(
            f"{where}.experiment",
            exhibit.experiment,
            f"kind {exhibit.kind} needs training runs, and the experiment trains none of the exhibit's models with its "
            "rewards; name an experiment that does",
        )
    if exhibit.step is not None:
        long_enough = [run for run, steps in runs.items() if steps >= exhibit.step]
        missed = [run for run in long_enough if exhibit.step % suite.algorithms[run.variant].eval_every]
        if missed or not long_enough:
            multiple_of = sorted({suite.algorithms[run.variant].eval_every for run in missed or runs})
            raise FoundError(
                f"{where}.step",
                exhibit.step,
                f"allowed: multiples of eval_every {', '.join(map(str, multiple_of))} up to {max(runs.values())}",
            )


def _one_condition_a_line(exhibit: Exhibit, runs: Mapping[Run, int], where: str) -> None:
    panels, lines = exhibit.panels, "variant" if exhibit.kind == "probability" else exhibit.lines
    places: dict[tuple[str, str], set[Condition]] = defaultdict(set)
    for run, steps in runs.items():
        if steps >= (exhibit.step or 0):
            places[getattr(run, panels), getattr(run, lines)].add((run.model, run.prompt, run.reward, run.variant))
    several = [
        column
        for index, column in enumerate(CONDITION)
        if any(len({condition[index] for condition in conditions}) > 1 for conditions in places.values())
    ]
    if several:
        raise FoundError(
            f"{where}.experiment",
            exhibit.experiment,
            f"with one panel per {panels} and one line per {lines}, a line would mix several values of "
            f"{', '.join(several)}; restrict the exhibit, set panels and lines, or name another experiment",
        )


def _has_dummies(suite: Suite, exhibit: Exhibit, experiment: Experiment, where: str) -> None:
    last, [tested] = ends(suite, experiment), exhibit.rewards
    dummies = [only_reward(suite, experiment, function) for function in DUMMIES]
    for (model, prompt, reward, variant), end in last.items():
        if reward == tested and model in (exhibit.models or (model,)):
            beside = [last.get((model, prompt, dummy, variant)) for dummy in dummies if dummy != tested]
            if len(beside) == len(DUMMIES) and all(other and _as_long(end, other) for other in beside):
                return
    raise FoundError(
        f"{where}.experiment",
        exhibit.experiment,
        f"kind baselines needs exactly one reward with function {' and exactly one with function '.join(DUMMIES)} "
        f"beside {tested}, with the same last step and at least one seed in common; add what is missing, or move "
        "further random rewards to an experiment of their own",
    )


def _has_parts(suite: Suite, exhibit: Exhibit, experiment: Experiment, where: str) -> None:
    last = ends(suite, experiment)
    rewards = [only_reward(suite, experiment, function) for function in SPLIT]
    for model, prompt, reward, variant in last:
        if reward == rewards[-1] and model in (exhibit.models or (model,)):
            first, *others = (last.get((model, prompt, name, variant)) for name in rewards)
            if first and all(other and _as_long(first, other) for other in others):
                return
    raise FoundError(
        f"{where}.experiment",
        exhibit.experiment,
        f"kind split needs exactly one reward of each function {', '.join(SPLIT)}, with the same last step and at "
        "least one seed in common; add what is missing, or move further random rewards to an experiment of their own",
    )


def _has_verifiers(suite: Suite, runs: Mapping[Run, int], where: str) -> None:
    errors = {reward: suite.rewards[reward].errors for reward in dict.fromkeys(run.reward for run in runs)}
    for reward, of in errors.items():
        if of is None:
            raise FoundError(
                f"{where}.rewards",
                reward,
                "kind noise shows verifiers of the truth: rewards of function noisy, ground_truth or random, without unless "
                "and problems; name those",
            )
        if same := next((other for other, its in errors.items() if its == of and other != reward), ""):
            raise FoundError(f"{where}.rewards", reward, f"{same} has the same error rates; keep one of the two")


def _as_long(one: End, other: End) -> bool:
    return one.step == other.step and bool(set(one.seeds) & set(other.seeds))


def _has_forced_prompts(suite: Suite, exhibit: Exhibit, experiment: Experiment, where: str) -> None:
    answered = {(model, prompt) for model, prompt, _ in suite.bases_of(experiment)}
    for model, prompt in answered:
        own = suite.models[model].prompt
        beside = prompt != own and (model, own) in answered and model in (exhibit.models or (model,))
        if beside and suite.prompt(model, prompt).response_prefix:
            return
    raise FoundError(
        f"{where}.experiment",
        exhibit.experiment,
        "kind forcing needs a prompt with a response_prefix and the model's own prompt; list both in `prompts` of the "
        "experiment",
    )
