"""Paths of all artifacts. A path tells what an artifact contains.

This module names the folders, and the files that have a folder to themselves or are the only ones of their kind. The
stages that write and read the other files, such as `grades.parquet`, define their names.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from spurious_rewards.config.experiments import Run
from spurious_rewards.config.models import Model
from spurious_rewards.runtime.errors import UserError

BASE = "base"
"""Folder name of an untrained model that all seeds share."""


PARTIAL = "partial"
"""Folder below the results of a suite for the tree made from a failed run, none of which is a result."""


def bases(model: Model, seeds: str) -> str:
    """Return the folder name of an untrained model: a seed group if each seed has its own model, else `BASE`."""
    return f"seeds{seeds}" if model.source in ("organism", "run") else BASE


def group_of(bases: str) -> str:
    """Return the seed group of an untrained model's folder name: "0-4" for "seeds0-4"; "base" stays."""
    return bases.removeprefix("seeds")


@dataclass(frozen=True)
class ResultPaths:
    """Paths below `results/{suite}/`. Arguments may be Snakemake wildcards in braces."""

    root: Path

    def problems(self, name: str) -> Path:
        """Return the file of a prepared problem set."""
        return self.root / "problems" / f"{name}.parquet"

    def pretrained(self, model: str, seed: int | str) -> Path:
        """Return the checkpoint folder of a pretrained organism."""
        return self.root / "models" / model / "pretrained" / f"seed{seed}"

    def base(self, model: str, bases: str, prompt: str) -> Path:
        """Return the folder of the untrained model's outputs: votes, labels, responses, grades."""
        return self.root / "models" / model / bases / prompt

    def run(self, run: Run) -> Path:
        """Return the folder of a run."""
        return self.root / "runs" / run.model / run.prompt / run.reward / run.variant / f"seeds{run.seeds}"

    def segment(self, run: Run, start: int, stop: int) -> Path:
        """Return the folder of one training job: checkpoints/, metrics, rollouts, responses, grades."""
        return self.run(run) / "segments" / f"{start}-{stop}"

    def experiment(self, name: str) -> Path:
        """Return the folder of an experiment's results."""
        return self.root / "experiments" / name

    def scored(self, experiment: str, model: str) -> Path:
        """Return the folder of one model's results in an experiment: scores and tables of numbers."""
        return self.experiment(experiment) / model

    def exhibit(self, name: str) -> Path:
        """Return the folder of a figure or table."""
        return self.root / "exhibits" / name

    def claims(self) -> Path:
        """Return the file of the claims ledger."""
        return self.root / "claims.csv"

    def graders(self) -> Path:
        """Return the folder of the other graders' verdicts on the answers of the headline."""
        return self.root / "graders"

    def report(self) -> Path:
        """Return the file of the report."""
        return self.root / "report.html"

    def headline(self) -> Path:
        """Return the root of the tree of the headline's own report; its files have their usual paths below it."""
        return self.root / "headline"

    def partial(self) -> Path:
        """Return the root of the tree made from what a failed run left; its files have their usual paths below it."""
        return self.root / PARTIAL

    def unfinished(self) -> Path:
        """Return the record of what the last failed run left undone."""
        return self.partial() / "unfinished.json"

    def probe(self, model: str) -> Path:
        """Return the file of a model's antithetic pairs."""
        return self.root / "clipping" / "probe" / f"{model}.parquet"

    def contamination(self) -> Path:
        """Return the folder of the contamination checks: what a model could have known before training."""
        return self.root / "contamination"

    def memorization(self, model: str) -> Path:
        """Return the file of an untrained model's completions of truncated problems."""
        return self.contamination() / "memorization" / f"{model}.parquet"

    def bandit(self) -> Path:
        """Return the file of the bandit's log odds."""
        return self.root / "clipping" / "bandit.parquet"


def results_of(path: Path) -> Path:
    """Return the folder `results/{suite}` that contains a path.

    Raises:
        UserError: the path is not below such a folder.
    """
    for parent in path.parents:
        if parent.parent.name == "results":
            return parent
    raise UserError(f"{path}: not below results/SUITE; the stages write their artifacts there")


def checkpoint(segment: Path, seed: int | str, step: int | str) -> Path:
    """Return a checkpoint of a segment: a folder that transformers loads, with the trainer's state beside weights."""
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
    """Return what a path tells of an artifact's condition: any of model, prompt, reward, variant, seeds, steps."""
    text = f"{path.as_posix()}/"
    matches = (place.search(text) for place in _OF_CONDITIONS)
    return next((found.groupdict() for found in matches if found), {})


def identity(path: Path) -> tuple[str, str, str, str]:
    """Return (model, prompt, reward, variant) from an artifact's path; the last two are "" for an untrained model.

    Raises:
        ValueError: the path does not contain both a model and a prompt.
    """
    found = condition_of(path)
    if "prompt" not in found:
        raise ValueError(f"{path} is no artifact of a model or a run")
    return found["model"], found["prompt"], found.get("reward", ""), found.get("variant", "")
