"""Deleting the checkpoints that need not stay, once their answers are put aside."""

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
"""Keys of `Sampling` that say how the work is cut up. Other values show in the last digits of logits, if at all."""

NOT_REMADE = (
    "keep it: the weights that gave these answers are deleted (keep_weights: reported). Convert it to this version, or train "
    "again (docs/how-to/running.md)"
)
"""What to do about a file of answers that cannot be read."""


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
    """Delete what need not stay of a segment's checkpoints; returns what each is now ("seed0/step10" → its fate).

    Weights go only when all tasks are answered in `responses`, every problem as often as asked. The answers are put aside
    first, in a hidden folder beside `responses`: Snakemake deletes that file before it is made again, and `answered`
    gives back what no model can answer any more.

    Args:
        checkpoints: the segment's; the next segment, if there is one, must stand already.
        responses: what they answered, tables.Responses.
        keep: steps whose weights stay.
        states: steps whose trainer state stays.
        seeds: seeds of the segment.
        steps: evaluated steps of the segment.
        tasks: what `responses` answers, with its prompt and sampling.
        prompt: see `tasks`.
        sampling: see `tasks`.

    Raises:
        UserError: another process writes `responses`, it is not such a table, or a symbolic link is among the checkpoints or
            the answers put aside.
    """
    for folder in (checkpoints, _all_aside(responses)):
        refuse_links_below(folder)  # before the first file goes
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
    """What a checkpoint that is gone answered to a task (tables.Responses), if it was asked this before it went.

    `output` is the responses file of its segment.

    Raises:
        UserError: the file of its answers is of another version, or damaged.
    """
    path = _aside(output, checkpoint_path) / _file(task, prompt, sampling)
    return tables.read(path, tables.Responses, NOT_REMADE) if path.exists() else None


def _answers(own: pd.DataFrame, task: Task) -> bool:
    """Whether a checkpoint's responses have each problem of a task as often as asked."""
    rows = own[own["benchmark"] == task.benchmark]
    there = sorted(zip(rows["id"], rows["sample"], strict=True))
    return there == sorted(product(task.problems["id"], range(task.samples)))


def _put_aside(own: pd.DataFrame, tasks: Sequence[Task], prompt: Prompt, sampling: Sampling, aside: Path) -> None:
    # All of them by one rename: what an earlier checkpoint of this name answered must not stay beside them.
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
    """A name that changes with anything that was asked."""
    request = {
        "samples": task.samples,
        "temperature": task.temperature,
        "problems": sorted(task.problems[["id", "problem"]].to_numpy().tolist()),
        "prompt": prompt.hash,
        "sampling": sampling.model_dump(exclude=ANSWERS_ALIKE),
    }
    return f"{task.benchmark}-{hashlib.sha256(json.dumps(request).encode()).hexdigest()[:16]}.parquet"
