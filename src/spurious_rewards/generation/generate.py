"""Resumable generation: checkpoints answer problems, one row per response; an interrupted job can resume."""

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
"""The values of `KEY` in one row."""

Done: TypeAlias = Mapping[tuple[int, int], Sequence[Span]]
"""The answered spans of each checkpoint, by seed and step."""

SHARD = re.compile(r"(-?\d+)_(\d+)_(\d+)-(\d+)\.parquet")
"""Name of a file of answers: seed, step and span."""


@dataclass(frozen=True)
class Asked:
    """The work of a job: every checkpoint does every task."""

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
    """Run every task on every checkpoint and write tables.Responses at `output`, sorted by `KEY`.

    Each request has its own seed (`derived_seed`), so samples depend neither on batching nor on the number of engines.

    Finished batches are kept in a hidden folder beside `output`, in a subfolder named by a digest of the whole request.
    So an interrupted job resumes, and never uses answers to another request or of another `version` of the calling
    stage. The folder is deleted when `output` is complete. Each start cuts and distributes the remaining work anew,
    perhaps with another `batch_tokens` or other hardware. On a CPU the file is bit-identical with or without
    interruptions, and on any number of cores for the same `threads` of torch.

    A checkpoint whose weights are deleted contributes its earlier answers; a task that it never received is left out.
    Answers of the same checkpoints to an earlier request for other benchmarks are reused (`kept`).

    Returns:
        True if this job made the file; False if another job with the same request made it while this job waited.

    Raises:
        UserError: another running process writes `output`; a checkpoint cannot be loaded, or cannot be given the prompt
            (see `models.loading`); a prompt leaves too few of the model's positions for the response; or vLLM is
            configured but not installed.
    """
    torch.set_num_threads(threads)
    there = tuple(checkpoint for checkpoint in checkpoints if not gone(checkpoint.path))
    for checkpoint in there[:1]:  # one is enough, because all have the same tokenizer
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
    """Add a deleted checkpoint's earlier answers to the shards, for those tasks that it answered."""
    for task in asked.tasks:
        answers = pruning.answered(output, checkpoint.path, task, asked.prompt, asked.sampling)
        if answers is not None:
            shard = shards / f"gone_{checkpoint.seed}_{checkpoint.step}_{task.benchmark}.parquet"
            sorted_tables.write_part(answers, tables.Responses, shard)
        else:
            print(
                f"seed {checkpoint.seed}, step {checkpoint.step}: its weights were deleted before it answered "
                f"{task.benchmark} with these settings; {task.benchmark} is left out for this step",
                file=sys.stderr,
            )


def _done(shards: Path) -> Done:
    """Return the spans that are already answered."""
    done = defaultdict(list)
    for shard in shards.iterdir():
        if named := SHARD.fullmatch(shard.name):
            seed, step, start, stop = map(int, named.groups())
            done[seed, step].append((start, stop))
    return dict(done)


def answer(asked: Asked, shards: Path, done: Done, threads: int, hardware: Hardware, part: Part) -> None:
    """Answer the batches of one part with one engine, except for those `done`; write one file per batch to `shards`.

    All tasks of a checkpoint form one list of requests, so that an engine stays busy until the last request. If there
    are fewer checkpoints than engines, the requests of each are cut into smaller batches, so that no engine is idle.
    """
    torch.set_num_threads(threads)
    gc.freeze()  # so that closing an engine collects only the engine's objects, without scanning all libraries again
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
    """Return the spans of `rows` requests that are not done."""
    ends = [0, *(stop for _, stop in sorted(done))]
    begins = [*(start for start, _ in sorted(done)), rows]
    return [(end, begin) for end, begin in zip(ends, begins, strict=True) if end < begin]


def _requests(checkpoint: Checkpoint, asked: Asked, engine: Engine) -> list[tuple[Key, Request]]:
    """Return every sample of every problem of every task as a request, with the key of its row."""
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
    """Raise an error if the model has too few positions for the longest prompt of a batch."""
    (_, _, benchmark, problem, _), request = longest
    prompt_tokens = len(request.prompt) - prefix_tokens
    if prompt_tokens + sampling.max_new_tokens > engine.positions:
        raise UserError(
            f"{benchmark}, problem {problem}: a prompt of {prompt_tokens} tokens and sampling.max_new_tokens "
            f"{sampling.max_new_tokens} do not fit into the {engine.positions} positions of {checkpoint.path}; "
            "lower max_new_tokens or leave the problem out"
        )


def _request(checkpoints: Sequence[Checkpoint], asked: Asked, version: int, threads: int) -> dict[str, Any]:
    """Return, as JSON values, everything that responses depend on except the `Hardware` and the batching.

    Name, size and time of a checkpoint's files stand for their content, because reading the weights of large models
    takes minutes.
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
