"""contamination: look for benchmark problems in the training set, and for problems that models know before training."""

from pathlib import Path

from spurious_rewards.artifacts import csv_files, tables
from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.config.problems import Overlap
from spurious_rewards.stages import memorization
from spurious_rewards.stages.job import Inputs, JobSpec, Outputs, Stage
from spurious_rewards.stages.reading import problem_sets
from spurious_rewards.stages.study import Study


class ContaminationJob(JobSpec):
    """Compare the problems of `training` and `benchmarks`; judge how models completed the first `share` of problems."""

    training: str
    benchmarks: tuple[str, ...]
    overlap: Overlap
    share: float | None


def job(study: Study) -> ContaminationJob:
    """Return the job of what could have been known before training."""
    probe = study.suite.partial_prompt
    return ContaminationJob(
        training=study.suite.training_problems,
        benchmarks=tuple(path.stem for path in _of_benchmarks(study)),
        overlap=study.suite.overlap,
        share=probe.share if probe else None,
    )


def problems(study: Study) -> list[Path]:
    """Return the training problems, those of the benchmarks, and those of the partial-prompt probe, each once."""
    training = study.paths.problems(study.suite.training_problems)
    return list(dict.fromkeys([training, *_of_benchmarks(study), *memorization.problems(study)]))


def files(study: Study) -> list[Path]:
    """Return the tables on leakage and contamination."""
    return [study.paths.contamination() / f"{name}.csv" for name in ("overlaps", "leakage", "memorization")]


def _of_benchmarks(study: Study) -> list[Path]:
    """Return the problem sets of the benchmarks that a table reports, each once."""
    best = study.suite.report.best_prompt
    unreported = {best.chosen_on} if best else set()
    return study.problems_of(name for name in study.suite.benchmarks if name not in unreported)


def work(job: ContaminationJob, inputs: Inputs, outputs: Outputs) -> None:
    """Write overlaps.csv, leakage.csv and memorization.csv into the folder."""
    from spurious_rewards.analysis import contamination
    from spurious_rewards.problems.decontamination import overlaps

    recorder = Recorder("contamination", job.model_dump(mode="json"))
    sets = problem_sets(inputs["problems"])
    benchmarks = {name: sets[name] for name in job.benchmarks}
    found = overlaps(sets[job.training], benchmarks, job.overlap)
    sizes = {name: len(frame) for name, frame in sets.items()}
    completions = {path.stem: tables.read(path, tables.Responses) for path in inputs.get("completions", [])}
    frames = {
        "overlaps": found,
        "leakage": contamination.leakage(
            found, {job.training: sizes[job.training]}, {name: sizes[name] for name in job.benchmarks}
        ),
        "memorization": contamination.memorization(completions, sets, job.share or 0.0),
    }
    folder = outputs["folder"]
    written = [folder / f"{name}.csv" for name in frames]
    for path, frame in zip(written, frames.values(), strict=True):
        csv_files.write(frame, path)
    recorder.write(folder, [path for paths in inputs.values() for path in paths], written)


STAGE = Stage(ContaminationJob, work, reads=("problems",), may_read=("completions",), writes=("folder",))
