"""One function a stage: read the inputs, call the library, write the artifact and its manifest.

Each function imports what it uses inside, for two reasons: a stage that needs no torch does not wait for it, and the imports
say which code the stage's fingerprint covers.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from spurious_rewards import tables
from spurious_rewards.artifacts import replacing
from spurious_rewards.errors import UserError
from spurious_rewards.layout import identity
from spurious_rewards.plan import (
    AnalyseJob,
    GradeJob,
    LabelJob,
    PrepareJob,
    PretrainJob,
    RespondJob,
    TrainJob,
    VoteJob,
    trained,
)
from spurious_rewards.progress import Progress
from spurious_rewards.provenance import Recorder, fingerprint

if TYPE_CHECKING:
    from spurious_rewards.analysis import Source

VERSIONS = {"prepare": 1, "pretrain": 1, "vote": 1, "label": 1, "train": 1, "respond": 1}
"""Versions of the stages up to the responses: their artifacts are kept when code changes, for GPU-hours hang on them.

Raise one by hand when its results change.
"""


def prepare(job: PrepareJob, output: Path) -> None:
    """Make a problem set."""
    from spurious_rewards import problems

    recorder = Recorder("prepare", job.model_dump(mode="json"))
    frame, card = problems.prepare(job.problem_set, job.organism, job.data_seed, job.sources, job.lock)
    tables.write(frame, tables.Problems, output)
    recorder.write(output, card=card)
    print(f"{job.name}: {len(frame)} problems", file=sys.stderr)


def pretrain(job: PretrainJob, output: Path) -> None:
    """Make an organism."""
    from spurious_rewards import pretraining
    from spurious_rewards.artifacts import exclusive

    recorder = Recorder("pretrain", job.model_dump(mode="json"))
    shown = Progress("updates", job.organism.steps)
    with exclusive(output):
        pretraining.pretrain(
            job.organism,
            job.family,
            job.seed,
            output,
            job.threads,
            progress=lambda step, loss: shown.advance(step - shown.done, f"loss {loss:.3f}"),
        )
    recorder.write(output)


def vote(job: VoteJob, problems: Path, output: Path) -> None:
    """Sample the untrained models on the training problems that runs will reach."""
    from spurious_rewards import models, prompts
    from spurious_rewards.responding import Checkpoint, Task, respond

    recorder = Recorder("vote", job.model_dump(mode="json"))
    folders = {seed: models.locate(weights) for seed, weights in job.bases.items()}
    tokenizer = models.load_tokenizer(next(iter(folders.values())))
    usable, left_out = prompts.fitting(
        tables.read(problems, tables.Problems), job.prompt, tokenizer, job.max_prompt_tokens
    )
    pool = usable.head(job.pool_size)
    respond(
        [Checkpoint(seed, 0, folder) for seed, folder in folders.items()],
        [Task("vote", pool, job.vote.samples, job.vote.temperature)],
        job.prompt,
        job.sampling,
        output,
        threads=job.threads,
    )
    recorder.write(output, [problems, *folders.values()], prompt=job.prompt.hash, problems=len(pool), too_long=left_out)


def label(job: LabelJob, votes: Path, problems: Path, graded: Path, output: Path) -> None:
    """Grade the votes (kept at `graded`, for pass@k) and count them."""
    from spurious_rewards import grading, voting
    from spurious_rewards.equivalence import Verifier

    recorder = Recorder("label", job.model_dump(mode="json"))
    pool = tables.read(problems, tables.Problems)
    truths = {("vote", id_): answer for id_, answer in zip(pool["id"], pool["answer"], strict=True)}
    with Verifier() as verifier:
        grades = grading.grade(tables.read(votes, tables.Responses), truths, job.answer_in, job.strategies, verifier)
        labels = voting.label(grades, pool, job.equivalence, verifier)
    tables.write(grades, tables.Grades, graded)
    tables.write(labels, tables.Labels, output)
    for artifact in (graded, output):
        recorder.write(artifact, [votes, problems])


def train(
    job: TrainJob, data: Path, checkpoints: Path, previous: Path | None, tracking: Literal["wandb", "none"]
) -> None:
    """Train a segment of a run for a group of seeds; metrics and rollouts are written beside `checkpoints`."""
    import torch

    from spurious_rewards import models, voting
    from spurious_rewards.tracking import Tracker
    from spurious_rewards.training.segment import Segment
    from spurious_rewards.training.segment import train as train_segment

    recorder = Recorder("train", job.model_dump(mode="json"))
    if (previous is None) != (job.start == 0):
        raise UserError(
            f"a segment from step {job.start} needs {'no ' if job.start == 0 else ''}--previous checkpoints"
        )
    torch.set_num_threads(job.threads)
    which, seeds = job.reward.training_set, list(job.bases)
    if which == "truth":
        sets = voting.truth_set(tables.read(data, tables.Problems), seeds)
    else:
        sets = voting.training_set(tables.read(data, tables.Labels), which)
    bases = {seed: str(models.locate(weights)) for seed, weights in job.bases.items()}
    segment = checkpoints.parent
    train_segment(
        Segment(job.start, job.stop, job.training, job.reward, job.prompt, job.strategies),
        bases=bases,
        previous=previous,
        training_sets={seed: tables.of_seed(sets, seed) for seed in seeds},
        output=segment,
        tracker=Tracker(
            tracking,
            _results_of(segment) / "wandb",
            "/".join(job.run.model_dump().values()),
            job.model_dump(mode="json"),
        ),
    )
    for artifact in (checkpoints, segment / "metrics.parquet", segment / "rollouts.parquet"):
        recorder.write(
            artifact, [data, *([previous] if previous else map(Path, bases.values()))], prompt=job.prompt.hash
        )


def respond(job: RespondJob, output: Path, problems: list[Path]) -> None:
    """Answer the benchmarks with each checkpoint."""
    from spurious_rewards import models
    from spurious_rewards.responding import Checkpoint, Task
    from spurious_rewards.responding import respond as respond_all

    recorder = Recorder("respond", job.model_dump(mode="json"))
    if job.bases:
        checkpoints = [Checkpoint(seed, 0, models.locate(weights)) for seed, weights in job.bases.items()]
        parents = [checkpoint.path for checkpoint in checkpoints]
    else:
        checkpoints = [Checkpoint(*found) for found in trained(output.parent, job)]
        parents = [output.parent / "checkpoints"]
    sets = {path.stem: tables.read(path, tables.Problems) for path in problems}
    tasks = [
        Task(name, sets[benchmark.problems], benchmark.samples, benchmark.temperature)
        for name, benchmark in job.benchmarks.items()
    ]
    respond_all(checkpoints, tasks, job.prompt, job.sampling, output, threads=job.threads)
    recorder.write(output, [*problems, *parents], prompt=job.prompt.hash)


def grade(job: GradeJob, responses: Path, output: Path, problems: list[Path]) -> None:
    """Read and judge the answers in responses."""
    from spurious_rewards import grading
    from spurious_rewards.equivalence import Verifier

    recorder = Recorder("grade", job.model_dump(mode="json"))
    sets = {path.stem: tables.read(path, tables.Problems) for path in problems}
    truths = {
        (benchmark, id_): answer
        for benchmark, name in job.benchmarks.items()
        for id_, answer in zip(sets[name]["id"], sets[name]["answer"], strict=True)
    }
    with Verifier() as verifier:
        grades = grading.grade(
            tables.read(responses, tables.Responses), truths, job.answer_in, job.strategies, verifier
        )
    tables.write(grades, tables.Grades, output)
    failed = grades["status"].value_counts().drop("graded", errors="ignore").to_dict()
    recorder.write(output, [responses, *problems], not_graded=failed)
    if failed:
        print(f"not graded, counted as wrong: {failed}", file=sys.stderr)


def score(job: AnalyseJob, output: Path, grades: list[Path]) -> None:
    """Scores of an experiment, and beside them its headline table and what became of the grading."""
    from spurious_rewards import analysis
    from spurious_rewards.reporting import tables as text

    recorder = Recorder("score", job.model_dump(mode="json"))
    graded = analysis.collect(_sources(grades))
    headline = analysis.headline(graded, job.suite, job.suite.experiments[job.experiment])
    title = f"{job.suite.title}: {job.suite.experiments[job.experiment].title}"
    named = text.named(headline, job.suite)
    readable = [
        text.markdown(text.headline_text(rows), f"{title}, {benchmark}")
        for benchmark, rows in named.groupby("benchmark", sort=False, observed=True)
    ]
    tables.write(analysis.scores(graded), tables.Scores, output)
    text.write_csv(headline, output.with_name("headline.csv"))
    text.write_csv(analysis.grading(graded), output.with_name("grading.csv"))
    with replacing(output.with_name("headline.md")) as temporary:
        temporary.write_text("\n".join(readable))
    recorder.write(output, grades)


def draw(job: AnalyseJob, scores: Path, headline: Path, folder: Path) -> None:
    """The figures of an experiment."""
    from spurious_rewards import analysis
    from spurious_rewards.reporting import figures
    from spurious_rewards.reporting import tables as text

    recorder = Recorder("draw", job.model_dump(mode="json"))
    suite, experiment = job.suite, job.suite.experiments[job.experiment]
    colours, window = figures.colours(suite), suite.report.smoothing_steps
    bars = text.named(text.read_csv(headline), suite)
    curves = analysis.from_base(analysis.of_experiment(tables.read(scores, tables.Scores), suite, experiment))
    curves = text.named(curves, suite)
    for key, benchmark in suite.benchmarks.items():
        name = benchmark.title or key
        title = f"{suite.title}: {name}"
        of_bars, of_curves = bars[bars["benchmark"] == name], curves[curves["benchmark"] == name]
        drawn = {
            "bars": figures.headline_bars(of_bars, title, colours),
            "curves": figures.learning_curves(of_curves, title, colours, window),
            "code": figures.code_curves(of_curves, title, colours, window),
        }
        for kind, figure in drawn.items():
            figures.save(figure, folder / f"{key}_{kind}.svg")
            figures.save(figure, folder / f"{key}_{kind}.png")
    recorder.write(folder, [scores, headline])


def summarise(job: AnalyseJob, folder: Path, labels: list[Path], votes: list[Path], metrics: list[Path]) -> None:
    """What voting and training were like, as labels.csv and health.csv in `folder`."""
    from spurious_rewards import analysis
    from spurious_rewards.reporting import tables as text

    recorder = Recorder("summarise", job.model_dump(mode="json"))
    of_votes = analysis.collect(_sources(labels), tables.Labels), analysis.collect(_sources(votes))
    text.write_csv(analysis.labels_summary(*of_votes), folder / "labels.csv")
    text.write_csv(analysis.training_health(analysis.collect(_sources(metrics), tables.Metrics)), folder / "health.csv")
    recorder.write(folder / "labels.csv", [*labels, *votes])
    recorder.write(folder / "health.csv", metrics)


def report(job: AnalyseJob, folder: Path, output: Path) -> None:
    """The report of an experiment from what the stages before it left in `folder`."""
    from spurious_rewards.plan import FIGURES
    from spurious_rewards.provenance import ancestry
    from spurious_rewards.reporting import report as page
    from spurious_rewards.reporting import tables as text

    recorder = Recorder("report", job.model_dump(mode="json"))
    frames = {name: text.read_csv(folder / f"{name}.csv") for name in ("headline", "labels", "health", "grading")}
    svgs = {
        key: {kind: (folder / "figures" / f"{key}_{kind}.svg").read_bytes() for kind in FIGURES}
        for key in job.suite.benchmarks
    }
    made = [folder / "scores.parquet", folder / "figures", folder / "labels.csv", folder / "health.csv"]
    html = page.build(job.suite, job.suite.experiments[job.experiment], **frames, svgs=svgs, manifests=ancestry(made))
    with replacing(output) as temporary:
        temporary.write_text(html)
    recorder.write(output, made)


def _sources(paths: list[Path]) -> "list[Source]":
    from spurious_rewards.analysis import Source

    return [Source(*identity(path), path) for path in paths]


def changed_since(root: Path) -> Iterator[Path]:
    """Artifacts of versioned stages below `root` that were made by code of another fingerprint than today's."""
    for manifest in sorted(root.glob("**/*.manifest.json")):
        content = json.loads(manifest.read_text())
        if content["stage"] in VERSIONS and content["fingerprint"] != fingerprint(content["stage"]):
            yield Path(content["artifact"])


def _results_of(path: Path) -> Path:
    """`results/{suite}` of a path below it."""
    for parent in path.parents:
        if parent.parent.name == "results":
            return parent
    raise UserError(f"{path}: not below results/SUITE; the stages write their artifacts there")
