"""prepare: make a problem set, from the hub, a local file or a generator."""

import sys
from pathlib import Path

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.config.models import Organism
from spurious_rewards.config.problems import Overlap, ProblemSet
from spurious_rewards.stages.job import Inputs, JobSpec, Outputs, Stage
from spurious_rewards.stages.reading import problem_sets
from spurious_rewards.stages.study import WORDLESS, Study

VERSION = 2


class PrepareJob(JobSpec):
    """Prepare one problem set."""

    version: int
    name: str
    problem_set: ProblemSet
    organism: Organism | None
    overlap: Overlap | None
    data_seed: int
    sources: dict[str, Path]
    lock: Path


def job(study: Study, name: str) -> PrepareJob:
    """Job of a problem set."""
    problem_set = study.suite.problems[name]
    return PrepareJob(
        version=VERSION,
        name=name,
        problem_set=problem_set.model_copy(update=WORDLESS),
        organism=study.suite.organism if problem_set.generated else None,
        overlap=study.suite.overlap if problem_set.decontaminate else None,
        data_seed=study.suite.data_seed,
        sources={hub: path for hub, path in study.settings.sources.items() if hub == problem_set.hub},
        lock=study.lock,
    )


def local(study: Study, name: str) -> list[Path]:
    """The file that a problem set is read from, if it is one; a missing one is for the work to complain of."""
    path = study.suite.problems[name].path
    return [path] if path is not None and path.exists() else []


def against(study: Study, name: str) -> list[Path]:
    """The prepared sets with which a problem set must not overlap."""
    return [study.paths.problems(other) for other in study.suite.problems[name].decontaminate]


def work(job: PrepareJob, inputs: Inputs, outputs: Outputs) -> None:
    """Make a problem set that overlaps with none of those it must not."""
    from spurious_rewards.problems import preparation

    recorder = Recorder("prepare", job.model_dump(mode="json"))
    others = inputs.get("against", [])
    frame, card = preparation.prepare(
        job.problem_set, job.organism, job.data_seed, job.sources, job.lock, problem_sets(others), job.overlap
    )
    tables.write(frame, tables.Problems, outputs["problems"])
    recorder.write(outputs["problems"], others, card=card)
    print(f"{job.name}: {len(frame)} problems", file=sys.stderr)


STAGE = Stage(PrepareJob, work, may_read=("against",), writes=("problems",), version=VERSION)
