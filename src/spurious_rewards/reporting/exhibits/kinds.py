"""Benchmarks and pictures of an exhibit of each kind; it imports no plotting, because planning a run needs none."""

from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite

GROUPS = {
    **dict.fromkeys(("strategies", "contributions", "forcing", "prompts"), "Tables"),
    "qualitative": "Responses",
    "health": "Training",
}
"""Kind -> group of its exhibits in the report's contents; all other kinds are in Figures."""

ENDINGS = ("svg", "pdf", "png")
"""Endings of the files that each picture is saved as."""


def benchmarks(suite: Suite, exhibit: Exhibit) -> tuple[str, ...]:
    """Return the benchmarks that an exhibit shows; switches of strategy need greedy responses."""
    if exhibit.experiment is None:
        return ()
    chosen = exhibit.benchmarks or suite.benchmarks_of(suite.experiments[exhibit.experiment])
    if exhibit.kind in ("switches", "contributions"):
        return tuple(name for name in chosen if suite.benchmarks[name].temperature == 0)
    return chosen


def pictures(suite: Suite, exhibit: Exhibit) -> tuple[str, ...]:
    """Return the file stems of an exhibit's pictures."""
    if exhibit.kind in ("gains", "baselines", "split", "noise", "curves", "code", "switches"):
        return benchmarks(suite, exhibit)
    if exhibit.kind == "health":
        return _trained(suite, exhibit)
    if exhibit.kind == "control":
        known = {suite.models[model].family is not None for model in shown_models(suite, exhibit)}
        return tuple(stem for stem, of in {"wrong": True, "gains": False}.items() if of in known)
    return {
        "probability": ("rollouts",),
        "clipping": ("probe", "bandit"),
        "coverage": ("pass_at_k", "cover_at_tau"),
    }.get(exhibit.kind, ())


def shown_models(suite: Suite, exhibit: Exhibit) -> tuple[str, ...]:
    """Return the models that an exhibit of an experiment shows."""
    assert exhibit.experiment is not None
    return exhibit.models or suite.experiments[exhibit.experiment].all_models


def _trained(suite: Suite, exhibit: Exhibit) -> tuple[str, ...]:
    """Return the shown models that are trained here: an imported run has no training metrics."""
    assert exhibit.experiment is not None
    experiment = suite.experiments[exhibit.experiment]
    trained = {
        run.model
        for run, steps in suite.runs_of(experiment).items()
        if steps and run.reward in (exhibit.rewards or suite.rewards) and not suite.imported(run)
    }
    return tuple(model for model in exhibit.models or experiment.all_models if model in trained)
