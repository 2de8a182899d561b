"""In which folder each artifact lies. Paths say what they hold.

Files that have a folder to themselves or are alone of their kind are named here; of the others, such as `grades.parquet`, the
stages that write and read them give the name.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from spurious_rewards.config.experiments import Run
from spurious_rewards.config.models import Model
from spurious_rewards.runtime.errors import UserError

BASE = "base"
"""The folder of a model before training that all seeds share."""


PARTIAL = "partial"
"""Below the results of a suite: the tree of a run that failed, none of which is a result."""


def bases(model: Model, seeds: str) -> str:
    """The folder of a model before training: of a seed group where each seed has a model of its own, else `BASE`."""
    return f"seeds{seeds}" if model.source in ("organism", "run") else BASE


def group_of(bases: str) -> str:
    """The seed group of a folder of models before training: "0-4" for "seeds0-4"; "base" stays."""
    return bases.removeprefix("seeds")


@dataclass(frozen=True)
class ResultPaths:
    """Paths below `results/{suite}/`. Arguments may be Snakemake wildcards in braces."""

    root: Path

    def problems(self, name: str) -> Path:
        """A prepared problem set."""
        return self.root / "problems" / f"{name}.parquet"

    def pretrained(self, model: str, seed: int | str) -> Path:
        """An organism's checkpoint folder."""
        return self.root / "models" / model / "pretrained" / f"seed{seed}"

    def base(self, model: str, bases: str, prompt: str) -> Path:
        """Folder of what the untrained model said: votes, labels, responses, grades."""
        return self.root / "models" / model / bases / prompt

    def run(self, run: Run) -> Path:
        """Folder of a run."""
        return self.root / "runs" / run.model / run.prompt / run.reward / run.variant / f"seeds{run.seeds}"

    def segment(self, run: Run, start: int, stop: int) -> Path:
        """Folder of one training job: checkpoints/, metrics, rollouts, responses, grades."""
        return self.run(run) / "segments" / f"{start}-{stop}"

    def experiment(self, name: str) -> Path:
        """Folder of what is made of an experiment."""
        return self.root / "experiments" / name

    def scored(self, experiment: str, model: str) -> Path:
        """Folder of what is made of an experiment's grades of one model: scores and tables of numbers."""
        return self.experiment(experiment) / model

    def exhibit(self, name: str) -> Path:
        """Folder of a figure or table."""
        return self.root / "exhibits" / name

    def claims(self) -> Path:
        """The claims ledger."""
        return self.root / "claims.csv"

    def graders(self) -> Path:
        """Folder of what other graders say of the headline's answers."""
        return self.root / "graders"

    def report(self) -> Path:
        """The report."""
        return self.root / "report.html"

    def headline(self) -> Path:
        """Root of the tree of the headline's own report, each of its files under its usual path."""
        return self.root / "headline"

    def partial(self) -> Path:
        """Root of the tree that holds what is made out of what a failed run left, each under its usual path."""
        return self.root / PARTIAL

    def unfinished(self) -> Path:
        """What the last run that failed left undone."""
        return self.partial() / "unfinished.json"

    def probe(self, model: str) -> Path:
        """Antithetic pairs of a model."""
        return self.root / "clipping" / "probe" / f"{model}.parquet"

    def contamination(self) -> Path:
        """Folder of what could have been known before training."""
        return self.root / "contamination"

    def memorization(self, model: str) -> Path:
        """What a model before training made of the beginnings of problems."""
        return self.contamination() / "memorization" / f"{model}.parquet"

    def bandit(self) -> Path:
        """Table of the bandit's probabilities."""
        return self.root / "clipping" / "bandit.parquet"


def results_of(path: Path) -> Path:
    """`results/{suite}` of a path below it.

    Raises:
        UserError: it lies nowhere below one.
    """
    for parent in path.parents:
        if parent.parent.name == "results":
            return parent
    raise UserError(f"{path}: not below results/SUITE; the stages write their artifacts there")


def checkpoint(segment: Path, seed: int | str, step: int | str) -> Path:
    """One checkpoint of a segment, a folder that transformers loads with the trainer's state beside the weights."""
    return segment / "checkpoints" / f"seed{seed}" / f"step{step}"


_OF_CONDITIONS = (
    re.compile(
        r"/runs/(?P<model>[^/]+)/(?P<prompt>[^/]+)/(?P<reward>[^/]+)/(?P<variant>[^/]+)/seeds(?P<seeds>[\d-]+)/"
        r"segments/(?P<steps>[\d-]+)/"
    ),
    re.compile(r"/models/(?P<model>[^/]+)/pretrained/seed(?P<seeds>\d+)/"),
    re.compile(r"/models/(?P<model>[^/]+)/seeds(?P<seeds>[\d-]+)/(?P<prompt>[^/]+)/"),
    re.compile(rf"/models/(?P<model>[^/]+)/{BASE}/(?P<prompt>[^/]+)/"),
)


def condition_of(path: Path) -> dict[str, str]:
    """What an artifact's path says of its condition, as far as it does: model, prompt, reward, variant, seeds, steps."""
    text = f"{path.as_posix()}/"
    matches = (place.search(text) for place in _OF_CONDITIONS)
    return next((found.groupdict() for found in matches if found), {})


def identity(path: Path) -> tuple[str, str, str, str]:
    """(model, prompt, reward, variant) of an artifact's path; reward and variant are empty for an untrained model.

    Raises:
        ValueError: the path names no model with a prompt.
    """
    found = condition_of(path)
    if "prompt" not in found:
        raise ValueError(f"{path} is no artifact of a model or a run")
    return found["model"], found["prompt"], found.get("reward", ""), found.get("variant", "")
