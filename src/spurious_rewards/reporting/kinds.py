"""What each kind of exhibit reads and which pictures it leaves; plain data, so that planning a run imports no plotting."""

from spurious_rewards.suite import Exhibit, Suite

NEEDS: dict[str, tuple[str, ...]] = {
    "gains": ("headline", "seeds"),
    "curves": ("scores", "headline", "seeds", "comparisons"),
    "code": ("scores", "headline", "seeds"),
    "probability": ("metrics",),
    "switches": ("switches",),
    "clipping": ("probe", "bandit"),
    "strategies": ("before",),
    "contributions": ("contributions",),
    "forcing": ("before",),
    "prompts": ("before", "headline"),
    "qualitative": ("responses", "perturbation"),
}
"""Kind -> the frames that it reads: those of `exhibits.Frames`, and of kind qualitative what `qualitative.make` takes."""


def benchmarks(suite: Suite, exhibit: Exhibit) -> tuple[str, ...]:
    """The benchmarks that an exhibit shows; switches of strategy are between greedy responses only."""
    if exhibit.experiment is None:
        return ()
    chosen = exhibit.benchmarks or suite.benchmarks_of(suite.experiments[exhibit.experiment])
    if exhibit.kind in ("switches", "contributions"):
        return tuple(name for name in chosen if suite.benchmarks[name].temperature == 0)
    return chosen


def pictures(suite: Suite, exhibit: Exhibit) -> tuple[str, ...]:
    """The file names, without ending, of an exhibit's figures."""
    if exhibit.kind in ("gains", "curves", "code", "switches"):
        return benchmarks(suite, exhibit)
    return {"probability": ("rollouts",), "clipping": ("probe", "bandit")}.get(exhibit.kind, ())
