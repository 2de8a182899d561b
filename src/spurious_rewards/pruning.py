"""Disk: which checkpoints of a run stay, and how the others go once they have answered.

    answers aside, one rename a checkpoint ─→ gone.json ─→ the files

Killed between any two steps, the next call goes on: a checkpoint with a `gone.json` counts as gone whatever still lies
beside it, and one without has lost nothing.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from spurious_rewards import tables
from spurious_rewards.artifacts import exclusive, remove, replacing
from spurious_rewards.layout import checkpoint
from spurious_rewards.suite import Prompt, Run, Sampling, Suite

if TYPE_CHECKING:
    from spurious_rewards.responding import Task

GONE = "gone.json"
"""What stays in a checkpoint's folder: when its files went, why, and how large they were."""

STATE = (
    *("optimizer*", "scheduler.pt", "scaler.pt", "rng_state*.pth", "trainer_state.json"),
    *("pytorch_model_fsdp*", "global_step*", "latest", "zero_to_fp32.py"),  # the sharded forms: FSDP, DeepSpeed
)
"""Files and folders of a checkpoint that only training on from it needs."""

ANSWERS_ALIKE = {"batch_tokens", "max_model_len", "batch_invariant"}
"""Keys of `Sampling` that say how the work is cut up. Other values draw other samples, but from the same distribution."""

Fate = Literal["whole", "weights", "unanswered", "gone"]
"""What a checkpoint has: weights and state, weights alone, weights since it has not answered, or nothing."""


# ---------------------------------------------------------------- which stay


def kept_steps(suite: Suite, run: Run) -> set[int]:
    """The evaluated steps of a run whose weights stay; none of a run that was imported, for its weights are not ours.

    With `keep_weights: reported` these are the run's last step, those that tables report (the last step of each
    experiment that has the run, the step of an exhibit on it, steps at which variants are compared), those that other models
    start from, and the one that a longer run would go on from.
    """
    if suite.imported(run):
        return set()
    evaluated = {step for segment in suite.segments(run) for step in suite.eval_steps(run, *segment)}
    if suite.keep_weights == "all":
        return evaluated
    needed = {suite.runs[run], *suite.asked_steps(run), *kept_states(suite, run)}
    return evaluated & (needed | _looked_at(suite, run) | _compared(suite, run) | _started_from(suite, run))


def kept_states(suite: Suite, run: Run) -> set[int]:
    """The steps of a run whose trainer state stays, beside their weights.

    Every segment leaves the state of its end. With `keep_weights: reported` the one stays that a longer run would go on
    from: the end of the last whole segment.
    """
    if suite.imported(run):
        return set()
    segments = suite.segments(run)
    if suite.keep_weights == "all":
        return {stop for _, stop in segments}
    size = suite.algorithms[run.variant].segment_steps
    return {stop for _, stop in segments if stop == suite.runs[run] // size * size}


def _looked_at(suite: Suite, run: Run) -> set[int]:
    """Steps of exhibits that show the run at one of their own."""
    return {
        exhibit.step
        for exhibit in suite.exhibits.values()
        if exhibit.step is not None
        and exhibit.experiment is not None
        and run.model in (exhibit.models or (run.model,))
        and run.reward in (exhibit.rewards or (run.reward,))
        and run in suite.runs_of(suite.experiments[exhibit.experiment])
    }


def _compared(suite: Suite, run: Run) -> set[int]:
    """Steps at which experiments compare the run with those of other variants."""
    from spurious_rewards.analysis.headline import compared_steps

    condition = run.model, run.prompt, run.reward, run.variant
    found: set[int] = set()
    for experiment in suite.experiments.values():
        runs = suite.runs_of(experiment)
        if run in runs and len({each.variant for each in runs}) > 1:
            found |= compared_steps(suite, experiment).get(condition, set())
    return found


def _started_from(suite: Suite, run: Run) -> set[int]:
    """Steps of the run that are models to start from."""
    starts = (model.start for model in suite.models.values())
    return {start.step for start in starts if start and suite.run_before(start, run.seeds) == run}


# ---------------------------------------------------------------- how the others go


def gone(folder: Path) -> bool:
    """Whether a checkpoint's weights went, or are going."""
    return (folder / GONE).exists()


def prune(
    checkpoints: Path,
    responses: Path,
    *,
    keep: Collection[int],
    states: Collection[int],
    seeds: Sequence[int],
    steps: Sequence[int],
    tasks: Sequence["Task"],
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
        UserError: another process writes `responses`, or it is not such a table.
    """
    with exclusive(responses):
        answers = tables.read(responses, tables.Responses)
        fates: dict[str, Fate] = {}
        for seed, step in product(seeds, steps):
            folder = checkpoint(checkpoints.parent, seed, step)
            if step not in keep and not gone(folder):
                own = answers[(answers["seed"] == seed) & (answers["step"] == step)]
                if all(_answers(own, task) for task in tasks):
                    _put_aside(own, tasks, prompt, sampling, _aside(responses, folder))
                    _write_stub(folder)
            if gone(folder):
                fate: Fate = "gone"
                _remove(path for path in folder.iterdir() if path.name != GONE)
            elif step in states:
                fate = "whole"
            else:
                fate = "weights" if step in keep else "unanswered"
                _remove(path for pattern in STATE for path in folder.glob(pattern))
            fates[_name(folder)] = fate
        return fates


def answered(
    output: Path, checkpoint_path: Path, task: "Task", prompt: Prompt, sampling: Sampling
) -> pd.DataFrame | None:
    """What a checkpoint that is gone answered to a task (tables.Responses), if it was asked this before it went.

    `output` is the responses file of its segment.
    """
    path = _aside(output, checkpoint_path) / _file(task, prompt, sampling)
    return tables.read(path, tables.Responses) if path.exists() else None


def _answers(own: pd.DataFrame, task: "Task") -> bool:
    """Whether a checkpoint's responses have each problem of a task as often as asked."""
    rows = own[own["benchmark"] == task.benchmark]
    there = sorted(zip(rows["id"], rows["sample"], strict=True))
    return there == sorted(product(task.problems["id"], range(task.samples)))


def _put_aside(own: pd.DataFrame, tasks: Sequence["Task"], prompt: Prompt, sampling: Sampling, aside: Path) -> None:
    # All of them by one rename: what an earlier checkpoint of this name answered must not stay beside them.
    with replacing(aside) as temporary:
        for task in tasks:
            file = temporary / _file(task, prompt, sampling)
            tables.write(own[own["benchmark"] == task.benchmark], tables.Responses, file)
            _to_disk(file)
        _to_disk(temporary)
    _to_disk(aside.parent)


def _write_stub(folder: Path) -> None:
    stub = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "why": "keep_weights: reported; no table reports this step, and what it answered is kept",
        "files": {
            str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()
        },
    }
    with replacing(folder / GONE) as temporary:
        temporary.write_text(json.dumps(stub, indent=1) + "\n")
    _to_disk(folder)


def _remove(paths: Iterator[Path]) -> None:
    for path in list(paths):
        remove(path)


def _to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a power cut: the weights cannot be had again."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _aside(responses: Path, folder: Path) -> Path:
    return responses.with_name(f".{responses.name}.answered") / _name(folder)


def _name(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


def _file(task: "Task", prompt: Prompt, sampling: Sampling) -> str:
    """A name that changes with anything that was asked."""
    request = {
        "samples": task.samples,
        "temperature": task.temperature,
        "problems": sorted(task.problems[["id", "problem"]].to_numpy().tolist()),
        "prompt": prompt.hash,
        "sampling": sampling.model_dump(exclude=ANSWERS_ALIKE),
    }
    return f"{task.benchmark}-{hashlib.sha256(json.dumps(request).encode()).hexdigest()[:16]}.parquet"
