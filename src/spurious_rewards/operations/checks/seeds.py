"""Check whether a suite has enough seeds for the verdicts that it asks for."""

from collections.abc import Iterator

from spurious_rewards.config.endpoints import DUMMIES, LEAST_SEEDS, ends, only_reward
from spurious_rewards.operations.checks.finding import Finding
from spurious_rewards.stages.study import Study


def seeds(study: Study) -> Iterator[Finding]:
    """Check whether rewards that get a verdict against the dummy baselines share enough seeds with each of these."""
    suite = study.suite
    for name, exhibit in suite.exhibits.items():
        if exhibit.kind == "baselines" and exhibit.experiment:
            experiment = suite.experiments[exhibit.experiment]
            last = ends(suite, experiment)
            dummies = {only_reward(suite, experiment, function) for function in DUMMIES}
            shared = [
                len(set(end.seeds) & set(beside.seeds))
                for (model, prompt, reward, variant), end in last.items()
                if reward in exhibit.rewards
                for dummy in dummies - {reward}
                if (beside := last.get((model, prompt, dummy, variant)))
            ]
            if shared and min(shared) < LEAST_SEEDS:
                yield Finding(
                    "warns",
                    "seeds",
                    f"exhibit {name} will say `too few seeds`: a reward and a dummy share {min(shared)}, and a verdict takes "
                    f"{LEAST_SEEDS}",
                    f"add to `seeds` in experiments.{exhibit.experiment}; what was trained stays",
                )
