"""The published results of a study, in `expected/SUITE/CLASS/`: hashes of weights and responses, and its numbers.

made.json             from which commit, on which processor, with which versions and settings it was made
digests.csv           artifacts up to the responses, in the order of the pipeline, each with its hash
experiments/*/*.csv   the headline of each experiment: a file for each of its models
exhibits/*.csv        the numbers of every figure and table
claims.csv            the claims ledger
"""

import csv
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path

import pandas as pd

from spurious_rewards.analysis.claims.ledger import LEDGER
from spurious_rewards.artifacts import csv_files, manifests
from spurious_rewards.artifacts.csv_files import cells
from spurious_rewards.artifacts.paths import checkpoint
from spurious_rewards.config.base import Frozen
from spurious_rewards.config.experiments import seeds_of
from spurious_rewards.config.messages import validate
from spurious_rewards.runtime.errors import UserError, in_a_line
from spurious_rewards.runtime.files import read_json, read_text, sha256
from spurious_rewards.stages.study import Study

FOLDER = Path("expected")
DIGESTS = cells("text", "stage", "artifact", "sha256")
"""Columns of digests.csv."""

CLAIMS = {name: LEDGER[name] for name in ("id", "verdict", "effect", "low", "high")}
"""Columns of the ledger that are compared when digits may differ."""

PROSE = {"claim", "source", "measured_on", "rule", "reading", "by_construction", "remark"}
"""Columns of the ledger that hold text, which may be reworded without a new run."""

LARGEST = 4 * 10**6
"""Largest size of a table of numbers, in bytes."""


class Made(Frozen):
    """How the stages up to the responses made a study, according to their manifests."""

    commits: tuple[str, ...]
    date: str
    """When the last of their artifacts was made."""
    processors: tuple[str, ...]
    gpus: tuple[str, ...]
    """The GPUs that were used; empty if there were none."""
    portable: bool
    threads: tuple[int, ...]
    versions: dict[str, str]
    """Versions of the packages that constraints.txt pins."""

    def otherwise(self, other: "Made") -> str:
        """Return why digits may differ from those of `other`, apart from the processor; "" if there is no reason."""
        if self.gpus or other.gpus:
            return "digits of GPUs differ"
        for name in ("portable", "threads"):
            if (own := getattr(self, name)) != (its := getattr(other, name)):
                return f"published with {name} {_shown(its)}, here {_shown(own)}"
        for name in sorted(
            self.versions.keys() & other.versions.keys()
        ):  # a package that only one has is for tests, or for a cluster
            if self.versions[name] != other.versions[name]:
                return f"published with {name} {other.versions[name]}, here {self.versions[name]}"
        return ""


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


@dataclass(frozen=True)
class Outcome:
    """The results of a study: the tree of a run, or published results."""

    root: Path

    @cached_property
    def digests(self) -> pd.DataFrame:
        """Return the table `DIGESTS`, in the order of the pipeline."""
        return csv_files.read(self.root / "digests.csv", DIGESTS)

    @cached_property
    def made(self) -> Made:
        """Return how the results were made."""
        path = self.root / "made.json"
        return validate(Made, read_json(path), path)

    @cached_property
    def claims(self) -> pd.DataFrame:
        """Return the verdicts and effects of the ledger."""
        found = csv_files.read(self.root / "claims.csv", CLAIMS)
        if found["id"].duplicated().any():
            raise UserError(f"{self.root / 'claims.csv'}: several claims have one id; take another copy")
        return found

    @cached_property
    def tables(self) -> dict[str, list[list[str]]]:
        """Return the rows of each table by its file name, in the order of comparison. The first row is the header."""
        found = {name: _rows(path) for name, path in self.files.items()}
        return {**found, "claims.csv": _without(found["claims.csv"], PROSE)}

    @property
    def files(self) -> dict[str, Path]:
        """Return the path of each table by the name that it is published under, in the order of comparison."""
        numbers = sorted(self.root.glob("experiments/*/*.csv")) + sorted(self.root.glob("exhibits/*.csv"))
        return {str(path.relative_to(self.root)): path for path in (*numbers, self.root / "claims.csv")}


def _rows(path: Path) -> list[list[str]]:
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path}: has more than {LARGEST:,} bytes, which no table of numbers has; take another copy")
    try:
        return list(csv.reader(StringIO(read_text(path), newline="")))
    except csv.Error as error:
        raise UserError(f"{path}: not a readable table ({in_a_line(error)}); take another copy") from error


def _without(rows: list[list[str]], columns: set[str]) -> list[list[str]]:
    kept = [at for at, name in enumerate(rows[0]) if name not in columns] if rows else []
    return [[row[at] for at in kept if at < len(row)] for row in rows]


@dataclass(frozen=True)
class Results(Outcome):
    """The results of a run, in `results/SUITE`."""

    study: Study
    """The study decides which files count. Others in the tree belong to an older version of the suite."""

    @property
    def files(self) -> dict[str, Path]:
        """Return the path of each table by the name that it is published under, in the order of comparison."""
        suite, paths = self.study.suite, self.study.paths
        scored = [(name, model) for name, each in suite.experiments.items() for model in each.all_models]
        found = {
            **{f"experiments/{name}/{model}.csv": paths.scored(name, model) / "headline.csv" for name, model in scored},
            **{f"exhibits/{name}.csv": paths.exhibit(name) / "table.csv" for name in suite.exhibits},
        }
        return {**dict(sorted(found.items(), key=lambda one: Path(one[0]))), "claims.csv": paths.claims()}


def results(study: Study) -> Results:
    """Return the results of a study that has run to its report.

    Raises:
        UserError: there is no report yet.
    """
    if not study.paths.report().is_file():
        command = shlex.join(["snakemake", *study.settings.option, "--cores", "all"])
        raise UserError(f"{study.paths.root}: there is no report yet; run `{command}` first")
    return Results(study.paths.root, study)


def made(study: Study) -> Made:
    """Return how the results of a study were made.

    Raises:
        UserError: constraints.txt or a manifest cannot be read, or a package had different versions in different parts.
    """
    pinned = {
        line.partition("==")[0].lower()
        for line in read_text(study.root / "constraints.txt").splitlines()
        if "==" in line
    }
    found = [
        manifest
        for _, manifest in manifests.manifests_below(study.paths.root)
        if manifest["stage"] in ("pretrain", "vote", "train", "generate")
    ]
    versions: dict[str, str] = {}
    for name, version in ((name.lower(), version) for one in found for name, version in one["versions"].items()):
        if name in pinned and versions.setdefault(name, version) != version:
            raise UserError(
                f"{study.paths.root}: made with {name} {versions[name]} and {version}; delete what one of them made and run again"
            )
    requests, machines = [one["request"] for one in found], [one["hardware"] for one in found]
    return Made(
        commits=tuple(sorted({one["git"]["commit"] or "unknown" for one in found})),
        date=max((one["created"] for one in found), default=""),
        processors=tuple(sorted({one["processor"] for one in machines})),
        gpus=tuple(sorted({name for one in machines for name in one["gpus"]})),
        portable=bool(requests) and all(one.get("portable", False) for one in requests),
        threads=tuple(sorted({one["threads"] for one in requests})),
        versions=versions,
    )


def digests(study: Study) -> pd.DataFrame:
    """Return the table `DIGESTS`: hashes of the artifacts up to the responses, as far as they exist.

    The rows are in the order of the pipeline.
    """
    root = study.paths.root
    rows = {stage: [path for path in dict.fromkeys(paths) if path.exists()] for stage, paths in _artifacts(study)}
    return pd.DataFrame(
        [(stage, str(path.relative_to(root)), sha256(path)) for stage, paths in rows.items() for path in paths],
        columns=list(DIGESTS),
    )


def _artifacts(study: Study) -> Iterator[tuple[str, list[Path]]]:
    """Yield each stage with its files, in the order of the pipeline."""
    weights = "model.safetensors"
    untrained = {folder: run for folder, run in study.conditions.items() if not run.reward}
    trained = {folder: run for folder, run in study.conditions.items() if run.reward}
    organisms = [run for run in untrained.values() if study.suite.models[run.model].source == "organism"]
    yield (
        "pretrain",
        [study.paths.pretrained(run.model, seed) / weights for run in organisms for seed in seeds_of(run.seeds)],
    )
    yield "vote", [folder / "votes.parquet" for folder in untrained]
    yield (
        "train",
        [
            checkpoint(folder, seed, folder.name.partition("-")[2]) / weights
            for folder, run in trained.items()
            for seed in seeds_of(run.seeds)
        ],
    )
    yield "generate", [folder / "responses.parquet" for folder in study.conditions]
