"""One function a stage: read the inputs, call the library, write the artifact and its manifest.

Each function imports what it uses inside, for two reasons: a stage that needs no torch does not wait for it, and the imports
say which code the stage's fingerprint covers.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from spurious_rewards import tables
from spurious_rewards.errors import UserError
from spurious_rewards.plan import (
    GradeJob,
    LabelJob,
    PrepareJob,
    PretrainJob,
    RespondJob,
    TrainJob,
    VoteJob,
    trained,
)
from spurious_rewards.provenance import Recorder, fingerprint

VERSIONS = {"pretrain": 1, "vote": 1, "train": 1, "respond": 1}
"""Versions of the dear stages, whose artifacts are kept when their code changes; raise one by hand when its results change."""


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
    from spurious_rewards.artifacts import exclusive, replacing

    recorder = Recorder("pretrain", job.model_dump(mode="json"))
    with exclusive(output), replacing(output) as folder:
        pretraining.pretrain(job.organism, job.family, job.seed, folder, job.threads)
    recorder.write(output)


def vote(job: VoteJob, problems: Path, output: Path) -> None:
    """Sample the untrained models on the training problems that runs will reach."""
    from spurious_rewards import models, prompts
    from spurious_rewards.responding import Checkpoint, Task, respond

    recorder = Recorder("vote", job.model_dump(mode="json"))
    folders = {seed: models.locate(weights) for seed, weights in job.bases.items()}
    tokenizer = models.load_tokenizer(next(iter(folders.values())))
    usable, left_out = prompts.fitting(tables.read(problems, tables.Problems), job.prompt, tokenizer, job.max_prompt_tokens)
    pool = usable.head(job.pool_size)
    respond(
        [Checkpoint(seed, 0, folder) for seed, folder in folders.items()],
        [Task("vote", pool, job.vote.samples, job.vote.temperature)],
        job.prompt,
        job.sampling,
        output,
        threads=job.threads,
    )
    recorder.write(output, [problems], prompt=job.prompt.hash, problems=len(pool), too_long=left_out)


def label(job: LabelJob, votes: Path, problems: Path, output: Path) -> None:
    """Count the votes."""
    from spurious_rewards import voting
    from spurious_rewards.equivalence import Verifier

    recorder = Recorder("label", job.model_dump(mode="json"))
    with Verifier() as verifier:
        labels = voting.label(
            tables.read(votes, tables.Grades), tables.read(problems, tables.Problems), job.equivalence, verifier
        )
    tables.write(labels, tables.Labels, output)
    recorder.write(output, [votes, problems])


def train(job: TrainJob, data: Path, checkpoints: Path, previous: Path | None, tracking: Literal["wandb", "none"]) -> None:
    """Train a segment of a run for a group of seeds; metrics and rollouts are written beside `checkpoints`."""
    import torch

    from spurious_rewards import models, voting
    from spurious_rewards.tracking import Tracker
    from spurious_rewards.training.segment import Segment
    from spurious_rewards.training.segment import train as train_segment

    recorder = Recorder("train", job.model_dump(mode="json"))
    if (previous is None) != (job.start == 0):
        raise UserError(f"a segment from step {job.start} needs {'no ' if job.start == 0 else ''}--previous checkpoints")
    torch.set_num_threads(job.threads)
    which, seeds = job.reward.training_set, list(job.bases)
    if which == "truth":
        sets = voting.truth_set(tables.read(data, tables.Problems), seeds)
    else:
        sets = voting.training_set(tables.read(data, tables.Labels), which)
    segment = checkpoints.parent
    train_segment(
        Segment(job.start, job.stop, job.training, job.reward, job.prompt, job.strategies),
        bases={seed: str(models.locate(weights)) for seed, weights in job.bases.items()},
        previous=previous,
        training_sets={seed: tables.of_seed(sets, seed) for seed in seeds},
        output=segment,
        tracker=Tracker(tracking, _results_of(segment) / "wandb", "/".join(job.run.model_dump().values()), job.model_dump(mode="json")),
    )
    for artifact in (checkpoints, segment / "metrics.parquet", segment / "rollouts.parquet"):
        recorder.write(artifact, [data, *([previous] if previous else [])], prompt=job.prompt.hash)


def respond(job: RespondJob, output: Path, problems: list[Path]) -> None:
    """Answer the benchmarks with each checkpoint."""
    from spurious_rewards import models
    from spurious_rewards.responding import Checkpoint, Task
    from spurious_rewards.responding import respond as respond_all

    recorder = Recorder("respond", job.model_dump(mode="json"))
    if job.bases:
        checkpoints = [Checkpoint(seed, 0, models.locate(weights)) for seed, weights in job.bases.items()]
    else:
        checkpoints = [Checkpoint(*found) for found in trained(output.parent, job)]
    sets = {path.stem: tables.read(path, tables.Problems) for path in problems}
    tasks = [
        Task(name, sets[benchmark.problems], benchmark.samples, benchmark.temperature)
        for name, benchmark in job.benchmarks.items()
    ]
    respond_all(checkpoints, tasks, job.prompt, job.sampling, output, threads=job.threads)
    recorder.write(output, [*problems, *(checkpoint.path for checkpoint in checkpoints)], prompt=job.prompt.hash)


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


def changed_since(root: Path) -> Iterator[Path]:
    """Artifacts of dear stages below `root` that were made by code of another fingerprint than today's."""
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
