"""Check whether a suite has enough seeds for the verdicts that it asks for."""

from collections.abc import Iterator

from spurious_rewards.config.experiments import seeds_of
from spurious_rewards.operations.checks.finding import Finding
from spurious_rewards.stages.study import Study


def seeds(study: Study) -> Iterator[Finding]:
    """Check whether experiments with a verdict against the dummy baselines have the seeds that it takes."""
    from spurious_rewards.analysis.dummy_rewards import LEAST_SEEDS  # it imports pandas, which planning does without

    for name, exhibit in study.suite.exhibits.items():
        if exhibit.kind == "baselines" and exhibit.experiment:
            grids = study.suite.experiments[exhibit.experiment].grids
            most = max(len({seed for group in grid.seeds for seed in seeds_of(group)}) for grid in grids)
            if most < LEAST_SEEDS:
                yield Finding(
                    "warns",
                    "seeds",
                    f"exhibit {name} will say `too few seeds`: experiment {exhibit.experiment} has {most}, a verdict takes "
                    f"{LEAST_SEEDS}",
                    f"add to `seeds` of experiments.{exhibit.experiment}; what was trained stays",
                )
