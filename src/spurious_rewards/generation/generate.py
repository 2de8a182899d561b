"""Resumable generation: checkpoints answer problems, one row a response; a killed job goes on where it was."""

import gc
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pandas as pd
import torch

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.checkpoints import gone
from spurious_rewards.artifacts.digests import listing
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Sampling
from spurious_rewards.generation import pruning
from spurious_rewards.generation.engine import Engine, batches, derived_seed
from spurious_rewards.generation.engines import engine, versions
from spurious_rewards.generation.tasks import Checkpoint, Task
from spurious_rewards.models.prompts import encode, prefix, room
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import remove
from spurious_rewards.runtime.links import refuse_links_below
from spurious_rewards.runtime.locks import exclusive
from spurious_rewards.runtime.progress import Progress

KEY = ["seed", "step", "benchmark", "id", "sample"]


def generate(
    checkpoints: Sequence[Checkpoint],
    tasks: Sequence[Task],
    prompt: Prompt,
    sampling: Sampling,
    output: Path,
    *,
    version: int,
    threads: int,
    hardware: Hardware,
) -> bool:
    """Have every checkpoint do every task and write tables.Responses at `output`, sorted by `KEY`.

    Each checkpoint is loaded once. Batches are kept in a hidden folder beside `output` as they are done, under a digest
    of the whole request, so an interrupted job goes on and nothing of another request, or of another `version` of the
    stage that asks, is ever used; that folder goes when `output` stands. On a CPU the file is the same to the bit with
    or without interruptions, and for the same `threads` (torch's) on any number of cores.

    A checkpoint whose weights are gone gives what it answered before; a task that it was never asked is left out.

    Returns:
        Whether the file was made here, and not by another job of the same request, which was waited for.

    Raises:
        UserError: another living process writes `output`; a checkpoint cannot be loaded (see `models.loading`); a chat prompt
            without chat template; a prompt that leaves too few of the model's positions for the response; or vLLM is
            asked for and not installed.
    """
    torch.set_num_threads(threads)
    request = _digest(checkpoints, tasks, prompt, sampling, version, threads)
    with exclusive(output, request) as made:
        if made:
            return False
        partial = output.with_name(f".{output.name}.partial")
        shards = partial / request
        refuse_links_below(partial)
        shards.mkdir(parents=True, exist_ok=True)
        for other in partial.iterdir():
            if other != shards:
                remove(other)
        progress = Progress(
            "responses",
            total=sum(not gone(checkpoint.path) for checkpoint in checkpoints)
            * sum(task.samples * len(task.problems) for task in tasks),
            done=sum(tables.rows(shard) for shard in shards.glob("[!.]*.parquet")),
        )
        frames: list[pd.DataFrame] = []
        gc.freeze()  # closing an engine then looks for garbage among what it made, not through all libraries again
        for checkpoint in checkpoints:
            if gone(checkpoint.path):
                frames += _answered(checkpoint, tasks, prompt, sampling, output)
                continue
            with closing(engine(checkpoint.path, sampling, hardware)) as loaded:
                done = _answer(checkpoint, tasks, prompt, sampling, loaded, shards, progress)
                frames += [tables.read(shard, tables.Responses) for shard in done]
        answers = pd.concat(frames or [tables.empty(tables.Responses)])
        tables.write(answers.sort_values(KEY), tables.Responses, output)
        remove(partial)
        return True


def _answered(
    checkpoint: Checkpoint, tasks: Sequence[Task], prompt: Prompt, sampling: Sampling, output: Path
) -> Iterator[pd.DataFrame]:
    """What a checkpoint that is gone answered to the tasks that it was asked."""
    for task in tasks:
        kept = pruning.answered(output, checkpoint.path, task, prompt, sampling)
        if kept is not None:
            yield kept
        else:
            print(
                f"seed {checkpoint.seed}, step {checkpoint.step}: its weights are gone and it never answered "
                f"{task.benchmark}, which is left out",
                file=sys.stderr,
            )


def _answer(
    checkpoint: Checkpoint,
    tasks: Sequence[Task],
    prompt: Prompt,
    sampling: Sampling,
    engine: Engine,
    shards: Path,
    progress: Progress,
) -> Iterator[Path]:
    """Do the tasks with one checkpoint, batch by batch; yields the file of each batch, new or found."""
    begun = prefix(prompt, engine.tokenizer)
    for task in tasks:
        ids = task.problems["id"].tolist()
        prompts = [encode(prompt, engine.tokenizer, problem) for problem in task.problems["problem"]]
        requests = [(row, sample) for row in range(len(ids)) for sample in range(task.samples)]
        lengths = [len(prompts[row]) for row, _ in requests]
        cut = batches(lengths, room(sampling.max_new_tokens, begun), sampling.batch_tokens)
        for number, positions in enumerate(cut):
            shard = shards / f"{checkpoint.seed}_{checkpoint.step}_{task.benchmark}_{number}.parquet"
            if not shard.exists():
                batch = [requests[position] for position in positions]
                longest = batch[0][0]
                _check_positions(
                    ids[longest], len(prompts[longest]) - len(begun), sampling.max_new_tokens, engine, checkpoint, task
                )
                completions = engine.complete(
                    [prompts[row] for row, _ in batch],
                    temperature=task.temperature,
                    max_new_tokens=sampling.max_new_tokens,
                    stop=prompt.stop,
                    seed=derived_seed(checkpoint.seed, checkpoint.step, task.benchmark, number),
                    prefix=begun,
                )
                rows = [
                    (checkpoint.seed, checkpoint.step, task.benchmark, ids[row], sample, *completion)
                    for (row, sample), completion in zip(batch, completions, strict=True)
                ]
                columns = [*KEY, "response", "tokens", "truncated"]
                tables.write(pd.DataFrame(rows, columns=columns), tables.Responses, shard)
                progress.advance(len(batch), f"seed {checkpoint.seed}, step {checkpoint.step}, {task.benchmark}")
            yield shard


def _check_positions(
    problem: str, prompt_tokens: int, max_new_tokens: int, engine: Engine, checkpoint: Checkpoint, task: Task
) -> None:
    """Complain of a batch's longest prompt if the model has too few positions for it."""
    if prompt_tokens + max_new_tokens > engine.positions:
        raise UserError(
            f"{task.benchmark}, problem {problem}: a prompt of {prompt_tokens} tokens and sampling.max_new_tokens "
            f"{max_new_tokens} do not fit into the {engine.positions} positions of {checkpoint.path}; "
            "lower max_new_tokens or leave the problem out"
        )


def _digest(
    checkpoints: Sequence[Checkpoint],
    tasks: Sequence[Task],
    prompt: Prompt,
    sampling: Sampling,
    version: int,
    threads: int,
) -> str:
    """Sixteen hex digits that change with anything that responses depend on, but for the `Hardware`.

    Name, size and time of a checkpoint's files stand for their content: to read the weights of large models takes
    minutes.
    """
    request = {
        "code": [version, tables.Responses._VERSION],
        "versions": versions(sampling),
        "checkpoints": [[checkpoint.seed, checkpoint.step, listing(checkpoint.path)] for checkpoint in checkpoints],
        "tasks": [
            [task.benchmark, task.samples, task.temperature, task.problems[["id", "problem"]].to_numpy().tolist()]
            for task in tasks
        ],
        "prompt": prompt.hash,
        "sampling": sampling.model_dump(),
        "threads": threads,
    }
    return hashlib.sha256(json.dumps(request).encode()).hexdigest()[:16]
