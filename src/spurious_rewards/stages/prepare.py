"""prepare: make a problem set, from the hub, a local file or a generator."""

import sys
from pathlib import Path

from spurious_rewards.artifacts import local_copies, tables
from spurious_rewards.artifacts.local_copies import LocalCopy, Locations
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.config.models import Organism
from spurious_rewards.config.problems import Overlap, ProblemSet
from spurious_rewards.stages.job import Inputs, JobSpec, Outputs, Stage
from spurious_rewards.stages.reading import problem_sets
from spurious_rewards.stages.study import WORDLESS, Study

VERSION = 2


class PrepareJob(JobSpec):
    """Prepare one problem set.

    `sources` has the file to read in place of the set's hub id, or for its `path`, which is only a name here.
    """

    version: int
    name: str
    problem_set: ProblemSet
    organism: Organism | None
    overlap: Overlap | None
    data_seed: int
    sources: dict[str, LocalCopy]
    lock: Path


def job(study: Study, name: str) -> PrepareJob:
    """Return the job of a problem set."""
    problem_set = study.suite_as_told.problems[name]
    return PrepareJob(
        version=VERSION,
        name=name,
        problem_set=problem_set.model_copy(update=WORDLESS),
        organism=study.suite.organism if problem_set.generated else None,
        overlap=study.suite.overlap if problem_set.decontaminate else None,
        data_seed=study.suite.data_seed,
        sources={key: study.contents.of(path) for key, path in copies(study, name).items()},
        lock=study.lock,
    )


def copies(study: Study, name: str) -> dict[str, Path]:
    """Return the user's file that a problem set is read from, if any, by its hub id or the path that jobs are told."""
    problem_set, sources = study.suite.problems[name], study.settings.sources
    if problem_set.path is not None:
        return {str(study.suite_as_told.problems[name].path): problem_set.path}
    return {hub: path for hub, path in sources.items() if hub == problem_set.hub}


def against(study: Study, name: str) -> list[Path]:
    """Return the prepared sets that a problem set must not overlap with."""
    return [study.paths.problems(other) for other in study.suite.problems[name].decontaminate]


def work(job: PrepareJob, inputs: Inputs, outputs: Outputs, locations: Locations) -> None:
    """Make a problem set that overlaps with none of the sets that it must not overlap with."""
    from spurious_rewards.problems import preparation

    recorder = Recorder("prepare", job.model_dump(mode="json"), locations)
    others = inputs.get("against", [])
    sources = {name: local_copies.locate(copy, locations) for name, copy in job.sources.items()}
    frame, card = preparation.prepare(
        job.problem_set, job.organism, job.data_seed, sources, job.lock, problem_sets(others), job.overlap
    )
    tables.write(frame, tables.Problems, outputs["problems"])
    recorder.write(outputs["problems"], [*others, *sources.values()], card=card)
    print(f"{job.name}: {len(frame)} problems", file=sys.stderr)


STAGE = Stage(PrepareJob, work, may_read=("against",), writes=("problems",), version=VERSION)
