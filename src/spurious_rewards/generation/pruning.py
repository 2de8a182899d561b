"""Delete checkpoints that are no longer needed, after their answers are saved."""

import hashlib
import json
from collections.abc import Collection, Sequence
from itertools import product
from pathlib import Path

import pandas as pd

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.checkpoints import GONE, STATE, Fate, gone, remove_all, to_disk, write_stub
from spurious_rewards.artifacts.paths import checkpoint
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.training import Sampling
from spurious_rewards.generation.tasks import Task
from spurious_rewards.runtime.files import replacing
from spurious_rewards.runtime.links import refuse_links_below
from spurious_rewards.runtime.locks import exclusive

ANSWERS_ALIKE = {"batch_tokens", "max_model_len", "batch_invariant"}
"""Keys of `Sampling` that affect only how work is batched; they change at most the last digits of logits."""

NOT_REMADE = (
    "keep it: the weights that gave these answers are deleted (keep_weights: reported). Convert it to this version, or train "
    "again (docs/how-to/running.md)"
)
"""What to do about a file of saved answers that cannot be read."""


def prune(
    checkpoints: Path,
    responses: Path,
    *,
    keep: Collection[int],
    states: Collection[int],
    seeds: Sequence[int],
    steps: Sequence[int],
    tasks: Sequence[Task],
    prompt: Prompt,
    sampling: Sampling,
) -> dict[str, Fate]:
    """Delete what is no longer needed of a segment's checkpoints; return the fate of each ("seed0/step10" -> fate).

    Weights are deleted only if `responses` answers all tasks, with every problem as often as asked. The answers are
    saved first, in a hidden folder beside `responses`, because Snakemake deletes `responses` before it is made again.
    `answered` then returns the saved answers, which no model could give any more.

    Args:
        checkpoints: folder of the segment's checkpoints; the next segment, if there is one, must be complete.
        responses: their responses, tables.Responses.
        keep: steps whose weights are kept.
        states: steps whose trainer state is kept.
        seeds: seeds of the segment.
        steps: evaluated steps of the segment.
        tasks: the tasks that `responses` answers.
        prompt: the prompt of these tasks.
        sampling: the sampling settings of these tasks.

    Raises:
        UserError: another process writes `responses`, it is not such a table, or there is a symbolic link among the
            checkpoints or the saved answers.
    """
    for folder in (checkpoints, _all_aside(responses)):
        refuse_links_below(folder)  # before the first file is deleted
    with exclusive(responses):
        answers = tables.read(responses, tables.Responses)
        fates: dict[str, Fate] = {}
        for seed, step in product(seeds, steps):
            folder = checkpoint(checkpoints.parent, seed, step)
            if step not in keep and not gone(folder):
                own = answers[(answers["seed"] == seed) & (answers["step"] == step)]
                if all(_answers(own, task) for task in tasks):
                    _put_aside(own, tasks, prompt, sampling, _aside(responses, folder))
                    write_stub(folder)
            if gone(folder):
                fate: Fate = "gone"
                remove_all(path for path in folder.iterdir() if path.name != GONE)
            elif step in states:
                fate = "whole"
            else:
                fate = "weights" if step in keep else "unanswered"
                remove_all(path for pattern in STATE for path in folder.glob(pattern))
            fates[_name(folder)] = fate
        return fates


def answered(
    output: Path, checkpoint_path: Path, task: Task, prompt: Prompt, sampling: Sampling
) -> pd.DataFrame | None:
    """Return a deleted checkpoint's saved answers to a task (tables.Responses); None if it never received the task.

    `output` is the responses file of the checkpoint's segment.

    Raises:
        UserError: the file of saved answers has another version, or is damaged.
    """
    path = _aside(output, checkpoint_path) / _file(task, prompt, sampling)
    return tables.read(path, tables.Responses, NOT_REMADE) if path.exists() else None


def _answers(own: pd.DataFrame, task: Task) -> bool:
    """Whether a checkpoint's responses contain each problem of a task exactly as often as asked."""
    rows = own[own["benchmark"] == task.benchmark]
    there = sorted(zip(rows["id"], rows["sample"], strict=True))
    return there == sorted(product(task.problems["id"], range(task.samples)))


def _put_aside(own: pd.DataFrame, tasks: Sequence[Task], prompt: Prompt, sampling: Sampling, aside: Path) -> None:
    # A single rename for all tasks, so that answers of an earlier checkpoint with this name do not remain beside them.
    with replacing(aside) as temporary:
        for task in tasks:
            file = temporary / _file(task, prompt, sampling)
            tables.write(own[own["benchmark"] == task.benchmark], tables.Responses, file)
            to_disk(file)
        to_disk(temporary)
    to_disk(aside.parent)


def _aside(responses: Path, folder: Path) -> Path:
    return _all_aside(responses) / _name(folder)


def _all_aside(responses: Path) -> Path:
    return responses.with_name(f".{responses.name}.answered")


def _name(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


def _file(task: Task, prompt: Prompt, sampling: Sampling) -> str:
    """Return a file name that depends on all that was asked, except for the keys in `ANSWERS_ALIKE`."""
    request = {
        "samples": task.samples,
        "temperature": task.temperature,
        "problems": sorted(task.problems[["id", "problem"]].to_numpy().tolist()),
        "prompt": prompt.hash,
        "sampling": sampling.model_dump(exclude=ANSWERS_ALIKE),
    }
    return f"{task.benchmark}-{hashlib.sha256(json.dumps(request).encode()).hexdigest()[:16]}.parquet"
