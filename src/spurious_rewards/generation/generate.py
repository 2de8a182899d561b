"""Resumable generation: checkpoints answer problems, one row a response; a killed job goes on where it was."""

import gc
import hashlib
import itertools
import json
import math
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial as partial_of
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import torch

from spurious_rewards.artifacts import sorted_tables, tables
from spurious_rewards.artifacts.checkpoints import gone
from spurious_rewards.artifacts.digests import listing
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Sampling
from spurious_rewards.generation import kept, pruning
from spurious_rewards.generation.engine import Engine, Request, Span, batches, derived_seed
from spurious_rewards.generation.engines import engine, versions
from spurious_rewards.generation.sharing import Part, share_out
from spurious_rewards.generation.tasks import Checkpoint, Task
from spurious_rewards.models import loading
from spurious_rewards.models.prompts import encode, prefix, room, turn_end
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import remove
from spurious_rewards.runtime.links import refuse_links_below
from spurious_rewards.runtime.locks import exclusive
from spurious_rewards.runtime.progress import Progress

KEY = ["seed", "step", "benchmark", "id", "sample"]

Key: TypeAlias = tuple[int, int, str, str, int]
"""What `KEY` names, of one row."""

Done: TypeAlias = Mapping[tuple[int, int], Sequence[Span]]
"""What is answered of each checkpoint, by seed and step."""

SHARD = re.compile(r"(-?\d+)_(\d+)_(\d+)-(\d+)\.parquet")
"""Seed, step and span of the answers that a file has."""


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
    stage that asks, is ever used; that folder goes when `output` stands. What is left to do is cut and shared out anew at each
    start, which may be with another `batch_tokens` or other hardware. On a CPU the file is the same to the bit with or
    without interruptions, and for the same `threads` (torch's) on any number of cores.

    A checkpoint whose weights are gone gives what it answered before; a task that it was never asked is left out. What the
    same checkpoints answered to an earlier request with other benchmarks is taken from there (`kept`).

    Returns:
        Whether the file was made here, and not by another job of the same request, which was waited for.

    Raises:
        UserError: another living process writes `output`; a checkpoint cannot be loaded, or given the prompt (see
            `models.loading`); a prompt that leaves too few of the model's positions for the response; or vLLM is
            asked for and not installed.
    """
    torch.set_num_threads(threads)
    there = tuple(checkpoint for checkpoint in checkpoints if not gone(checkpoint.path))
    for checkpoint in there[:1]:  # of all that have one tokenizer
        loading.check(checkpoint.path, [prompt])
    asked = Asked(there, tuple(tasks), prompt, sampling)
    request = _digest(_request(checkpoints, asked, version, threads))
    with exclusive(output, request) as made:
        if made:
            return False
        record = kept.record(_request(there, asked, version, threads))
        answered = kept.usable(output, record)
        left = replace(asked, tasks=tuple(task for task in tasks if task.benchmark not in answered))
        partial = output.with_name(f".{output.name}.partial")
        shards = partial / _digest([request, sorted(answered)])
        refuse_links_below(partial)
        shards.mkdir(parents=True, exist_ok=True)
        for other in partial.iterdir():
            if other != shards:
                remove(other)
        if answered:
            print(f"reusing earlier responses for: {', '.join(sorted(answered))}", file=sys.stderr)
            kept.take(output, answered, record.checkpoints, shards / "kept.parquet")
        share_out(partial_of(answer, left, shards, _done(shards), threads, hardware), hardware)
        for checkpoint in checkpoints:
            if gone(checkpoint.path):
                _take_back(checkpoint, asked, output, shards)
        sorted_tables.join(sorted(shards.glob("[!.]*.parquet")), tables.Responses, KEY, output)
        kept.keep(output, record)
        remove(partial)
        return True


def _take_back(checkpoint: Checkpoint, asked: Asked, output: Path, shards: Path) -> None:
    """Put what a checkpoint that is gone answered, to the tasks that it was asked, beside what the others do."""
    for task in asked.tasks:
        answers = pruning.answered(output, checkpoint.path, task, asked.prompt, asked.sampling)
        if answers is not None:
            shard = shards / f"gone_{checkpoint.seed}_{checkpoint.step}_{task.benchmark}.parquet"
            sorted_tables.write_part(answers, tables.Responses, shard)
        else:
            print(
                f"seed {checkpoint.seed}, step {checkpoint.step}: its weights are gone and it never answered "
                f"{task.benchmark}, which is left out",
                file=sys.stderr,
            )


def _done(shards: Path) -> Done:
    """What is answered already."""
    done = defaultdict(list)
    for shard in shards.iterdir():
        if named := SHARD.fullmatch(shard.name):
            seed, step, start, stop = map(int, named.groups())
            done[seed, step].append((start, stop))
    return dict(done)


def answer(asked: Asked, shards: Path, done: Done, threads: int, hardware: Hardware, part: Part) -> None:
    """Answer the batches of one part, with one engine; each leaves a file in `shards`. What was `done` at the start is left out.

    The tasks of a checkpoint are one list of requests, so that an engine is kept busy until the last of them. Where there are
    fewer checkpoints than engines, the requests of each are cut so that none is without any.
    """
    torch.set_num_threads(threads)
    gc.freeze()  # closing an engine then looks for garbage among what it made, not through all libraries again
    rows = sum(task.samples * len(task.problems) for task in asked.tasks)
    progress = Progress(f"responses{part}", total=len(asked.checkpoints) * rows)
    gaps = {one: _gaps(done.get((one.seed, one.step), ()), rows) for one in asked.checkpoints}
    sharing = math.ceil(part.of / max(1, sum(map(bool, gaps.values()))))
    numbers = itertools.count()
    loaded: Engine | None = None
    with ExitStack() as stack:
        for checkpoint, spans in gaps.items():
            left = sum(stop - start for start, stop in spans)
            progress.skip(rows - left)
            if not left:
                continue
            if loaded is None:
                loaded = stack.enter_context(closing(engine(checkpoint.path, asked.sampling, hardware)))
            else:
                loaded.load(checkpoint.path)
            work = sorted(_requests(checkpoint, asked, loaded), key=lambda one: -len(one[1].prompt))
            lengths = [len(request.prompt) for _, request in work]
            begun = prefix(asked.prompt, loaded.tokenizer)
            room_left = room(asked.sampling.max_new_tokens, begun)
            most = math.ceil(left / sharing)
            for start, stop in batches(lengths, spans, room_left, asked.sampling.batch_tokens, most):
                batch = work[start:stop]
                if not part.has(next(numbers)):
                    progress.skip(len(batch))
                    continue
                _check_positions(batch[0], len(begun), loaded, checkpoint, asked.sampling)
                completions = loaded.complete(
                    [request for _, request in batch],
                    max_new_tokens=asked.sampling.max_new_tokens,
                    stop=asked.prompt.stop,
                    prefix=begun,
                    turn_end=turn_end(asked.prompt, loaded.tokenizer),
                )
                answers = [(*key, *completion) for (key, _), completion in zip(batch, completions, strict=True)]
                frame = pd.DataFrame(answers, columns=[*KEY, "response", "tokens", "truncated"])
                shard = shards / f"{checkpoint.seed}_{checkpoint.step}_{start}-{stop}.parquet"
                sorted_tables.write_part(frame.sort_values(KEY), tables.Responses, shard)
                progress.advance(len(batch), f"seed {checkpoint.seed}, step {checkpoint.step}")


def _gaps(done: Sequence[Span], rows: int) -> list[Span]:
    """What is left of so many requests."""
    ends = [0, *(stop for _, stop in sorted(done))]
    begins = [*(start for start, _ in sorted(done)), rows]
    return [(end, begin) for end, begin in zip(ends, begins, strict=True) if end < begin]


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


def _request(checkpoints: Sequence[Checkpoint], asked: Asked, version: int, threads: int) -> dict[str, Any]:
    """All that responses depend on, but for the `Hardware` and how work is cut up, as JSON says it.

    Name, size and time of a checkpoint's files stand for their content: to read the weights of large models takes
    minutes.
    """
    return {
        "code": [version, tables.Responses._VERSION],
        "versions": versions(asked.sampling),
        "checkpoints": [[checkpoint.seed, checkpoint.step, listing(checkpoint.path)] for checkpoint in checkpoints],
        "tasks": [
            [task.benchmark, task.samples, task.temperature, task.problems[["id", "problem"]].to_numpy().tolist()]
            for task in asked.tasks
        ],
        "prompt": asked.prompt.hash,
        "sampling": asked.sampling.model_dump(exclude={"batch_tokens"}),
        "threads": threads,
    }


def _digest(request: Any) -> str:
    return hashlib.sha256(json.dumps(request).encode()).hexdigest()[:16]
