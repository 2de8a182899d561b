"""Resumable generation: checkpoints answer problems, one row a response; a killed job goes on where it was."""

import gc
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial as partial_of
from pathlib import Path
from typing import TypeAlias

import pandas as pd
import torch

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.checkpoints import gone
from spurious_rewards.artifacts.digests import listing
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Sampling
from spurious_rewards.generation import pruning
from spurious_rewards.generation.engine import Engine, Request, batches, derived_seed
from spurious_rewards.generation.engines import engine, versions
from spurious_rewards.generation.sharing import Part, share_out
from spurious_rewards.generation.tasks import Checkpoint, Task
from spurious_rewards.models.prompts import encode, prefix, room, turn_end
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import remove
from spurious_rewards.runtime.links import refuse_links_below
from spurious_rewards.runtime.locks import exclusive
from spurious_rewards.runtime.progress import Progress

KEY = ["seed", "step", "benchmark", "id", "sample"]

Key: TypeAlias = tuple[int, int, str, str, int]
"""What `KEY` names, of one row."""


@dataclass(frozen=True)
class Asked:
    """What is to be answered: every checkpoint does every task."""

    checkpoints: tuple[Checkpoint, ...]
    tasks: tuple[Task, ...]
    prompt: Prompt
    sampling: Sampling


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

    Each request has a seed of its own (`derived_seed`), so that what is drawn depends neither on how the work is cut into
    batches nor on how many engines share it. Batches are kept in a hidden folder beside `output` as they are done, under a
    digest of the whole request, so an interrupted job goes on and nothing of another request, or of another `version` of the
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
    there = tuple(checkpoint for checkpoint in checkpoints if not gone(checkpoint.path))
    asked = Asked(there, tuple(tasks), prompt, sampling)
    request = _digest(checkpoints, asked, version, threads)
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
        share_out(partial_of(answer, asked, shards, threads, hardware), hardware)
        frames = [tables.read(shard, tables.Responses) for shard in sorted(shards.glob("[!.]*.parquet"))]
        for checkpoint in checkpoints:
            if gone(checkpoint.path):
                frames += _answered(checkpoint, asked, output)
        answers = pd.concat(frames or [tables.empty(tables.Responses)])
        tables.write(answers.sort_values(KEY), tables.Responses, output)
        remove(partial)
        return True


def _answered(checkpoint: Checkpoint, asked: Asked, output: Path) -> Iterator[pd.DataFrame]:
    """What a checkpoint that is gone answered to the tasks that it was asked."""
    for task in asked.tasks:
        kept = pruning.answered(output, checkpoint.path, task, asked.prompt, asked.sampling)
        if kept is not None:
            yield kept
        else:
            print(
                f"seed {checkpoint.seed}, step {checkpoint.step}: its weights are gone and it never answered "
                f"{task.benchmark}, which is left out",
                file=sys.stderr,
            )


def answer(asked: Asked, shards: Path, threads: int, hardware: Hardware, part: Part) -> None:
    """Answer the batches of one part, with one engine; each leaves a file in `shards`, and those that are there stay.

    The tasks of a checkpoint are one list of requests, so that an engine is kept busy until the last of them.
    """
    torch.set_num_threads(threads)
    gc.freeze()  # closing an engine then looks for garbage among what it made, not through all libraries again
    rows = sum(task.samples * len(task.problems) for task in asked.tasks)
    progress = Progress(f"responses{part}", total=len(asked.checkpoints) * rows)
    loaded: Engine | None = None
    with ExitStack() as stack:
        for place, checkpoint in enumerate(asked.checkpoints):
            if loaded is None:
                loaded = stack.enter_context(closing(engine(checkpoint.path, asked.sampling, hardware)))
            else:
                loaded.load(checkpoint.path)
            work = _requests(checkpoint, asked, loaded)
            lengths = [len(request.prompt) for _, request in work]
            begun = prefix(asked.prompt, loaded.tokenizer)
            room_left = room(asked.sampling.max_new_tokens, begun)
            for number, positions in enumerate(batches(lengths, room_left, asked.sampling.batch_tokens)):
                shard = shards / f"{checkpoint.seed}_{checkpoint.step}_{number}.parquet"
                if shard.exists() or not part.has(place + number):
                    progress.skip(len(positions))
                    continue
                batch = [work[position] for position in positions]
                _check_positions(batch[0], len(begun), loaded, checkpoint, asked.sampling)
                completions = loaded.complete(
                    [request for _, request in batch],
                    max_new_tokens=asked.sampling.max_new_tokens,
                    stop=asked.prompt.stop,
                    prefix=begun,
                    turn_end=turn_end(asked.prompt, loaded.tokenizer),
                )
                answers = [(*key, *completion) for (key, _), completion in zip(batch, completions, strict=True)]
                columns = [*KEY, "response", "tokens", "truncated"]
                tables.write(pd.DataFrame(answers, columns=columns), tables.Responses, shard)
                progress.advance(len(batch), f"seed {checkpoint.seed}, step {checkpoint.step}")


def _requests(checkpoint: Checkpoint, asked: Asked, engine: Engine) -> list[tuple[Key, Request]]:
    """Every sample of every problem of every task, each with its row's key."""
    found = []
    for task in asked.tasks:
        for id_, problem in zip(task.problems["id"], task.problems["problem"], strict=True):
            prompt = encode(asked.prompt, engine.tokenizer, problem)
            for sample in range(task.samples):
                key = (checkpoint.seed, checkpoint.step, task.benchmark, id_, sample)
                found.append((key, Request(prompt, task.temperature, derived_seed(*key))))
    return found


def _check_positions(
    longest: tuple[Key, Request], prefix_tokens: int, engine: Engine, checkpoint: Checkpoint, sampling: Sampling
) -> None:
    """Complain of a batch's longest prompt if the model has too few positions for it."""
    (_, _, benchmark, problem, _), request = longest
    prompt_tokens = len(request.prompt) - prefix_tokens
    if prompt_tokens + sampling.max_new_tokens > engine.positions:
        raise UserError(
            f"{benchmark}, problem {problem}: a prompt of {prompt_tokens} tokens and sampling.max_new_tokens "
            f"{sampling.max_new_tokens} do not fit into the {engine.positions} positions of {checkpoint.path}; "
            "lower max_new_tokens or leave the problem out"
        )


def _digest(checkpoints: Sequence[Checkpoint], asked: Asked, version: int, threads: int) -> str:
    """Sixteen hex digits that change with anything that responses depend on, but for the `Hardware`.

    Name, size and time of a checkpoint's files stand for their content: to read the weights of large models takes
    minutes.
    """
    request = {
        "code": [version, tables.Responses._VERSION],
        "versions": versions(asked.sampling),
        "checkpoints": [[checkpoint.seed, checkpoint.step, listing(checkpoint.path)] for checkpoint in checkpoints],
        "tasks": [
            [task.benchmark, task.samples, task.temperature, task.problems[["id", "problem"]].to_numpy().tolist()]
            for task in asked.tasks
        ],
        "prompt": asked.prompt.hash,
        "sampling": asked.sampling.model_dump(),
        "threads": threads,
    }
    return hashlib.sha256(json.dumps(request).encode()).hexdigest()[:16]
