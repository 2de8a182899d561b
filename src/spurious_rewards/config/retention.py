"""Which checkpoints of a run stay on disk, decided from the suite alone."""

from spurious_rewards.config.endpoints import compared_steps
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.suite import Suite


def kept_steps(suite: Suite, run: Run) -> set[int]:
    """Return the evaluated steps of a run whose weights are kept; none of an imported run, whose weights are not ours.

    With `keep_weights: reported` these are

    - the run's last step;
    - the steps that tables report: the last step of each experiment that has the run, the step of an exhibit on it, and
      the steps at which variants are compared;
    - the steps from which other models start;
    - the step from which a longer run would go on.
    """
    if suite.imported(run):
        return set()
    evaluated = {step for segment in suite.segments(run) for step in suite.eval_steps(run, *segment)}
    if suite.keep_weights == "all":
        return evaluated
    needed = {suite.runs[run], *suite.asked_steps(run), *kept_states(suite, run)}
    return evaluated & (needed | _looked_at(suite, run) | _compared(suite, run) | _started_from(suite, run))


def kept_states(suite: Suite, run: Run) -> set[int]:
    """Return the steps of a run whose trainer state is kept, beside their weights.

    Every segment leaves a state at its end. With `keep_weights: reported` only one state is kept, from which a longer
    run would go on: that at the end of the last whole segment.
    """
    if suite.imported(run):
        return set()
    segments = suite.segments(run)
    if suite.keep_weights == "all":
        return {stop for _, stop in segments}
    size = suite.algorithms[run.variant].segment_steps
    return {stop for _, stop in segments if stop == suite.runs[run] // size * size}


def _looked_at(suite: Suite, run: Run) -> set[int]:
    """Return the steps of exhibits that show the run at a step of their own."""
    return {
        exhibit.step
        for exhibit in suite.exhibits.values()
        if exhibit.step is not None
        and exhibit.experiment is not None
        and run.model in (exhibit.models or (run.model,))
        and run.reward in (exhibit.rewards or (run.reward,))
        and run in suite.runs_of(suite.experiments[exhibit.experiment])
    }


def _compared(suite: Suite, run: Run) -> set[int]:
    """Return the steps at which experiments compare the run with runs of other variants."""
    condition = run.model, run.prompt, run.reward, run.variant
    found: set[int] = set()
    for experiment in suite.experiments.values():
        runs = suite.runs_of(experiment)
        if run in runs and len({each.variant for each in runs}) > 1:
            found |= compared_steps(suite, experiment).get(condition, set())
    return found


def _started_from(suite: Suite, run: Run) -> set[int]:
    """Return the steps of the run from which other models start."""
    starts = (model.start for model in suite.models.values())
    return {start.step for start in starts if start and suite.run_before(start, run.seeds) == run}
