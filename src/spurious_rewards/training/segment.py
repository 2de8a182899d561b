"""One training job: a group of seeds, each trained from its last checkpoint over the steps of one segment.

The job may run as several processes, which execute this code side by side. The main process writes; the others wait for
it.
"""

import gc
import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from datasets import Dataset
from safetensors import safe_open

from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.digests import listing
from spurious_rewards.artifacts.paths import checkpoint
from spurious_rewards.config import accelerate
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.reward_file import Code
from spurious_rewards.config.training import Reward, Strategies, Training
from spurious_rewards.generation.engine import derived_seed
from spurious_rewards.models import loading
from spurious_rewards.models.prompts import fitting
from spurious_rewards.rewards import registry
from spurious_rewards.rewards.functions import RewardFunction
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import read_text, remove, replacing
from spurious_rewards.runtime.links import refuse_links_below
from spurious_rewards.runtime.locks import exclusive
from spurious_rewards.runtime.progress import Progress
from spurious_rewards.runtime.tracking import Tracker
from spurious_rewards.training import launching
from spurious_rewards.training.checkpointing import (
    TABLES,
    CheckpointCallback,
    check_resumable,
    read_table,
    take_up,
    thin_out,
    whole_steps,
)
from spurious_rewards.training.interruption import StopAtBoundary, leave, trapping_sigterm
from spurious_rewards.training.launching import by_main_process
from spurious_rewards.training.mapping import grpo_arguments
from spurious_rewards.training.scoring import Scorer
from spurious_rewards.training.state import check_state
from spurious_rewards.training.trainer import RolloutTrainer
from spurious_rewards.training.vllm_server import serving

ONE_PROCESS = Hardware()


@dataclass(frozen=True)
class Segment:
    """What a training job has to do; the same for each of its seeds."""

    start: int
    stop: int
    training: Training
    reward: Reward
    prompt: Prompt
    strategies: Strategies
    reaches: tuple[int, ...] = field(default=(), repr=False)
    """If any, each seed has its own order within these numbers of prompts; else the order is the training set's."""

    @property
    def evaluated(self) -> set[int]:
        """The rollout steps whose checkpoints are the segment's output."""
        return set(self.training.evaluated(self.start, self.stop))


def train(
    segment: Segment,
    *,
    bases: Mapping[int, str],
    previous: Path | None,
    training_sets: Mapping[int, pd.DataFrame],
    output: Path,
    tracker: Tracker,
    version: int,
    hardware: Hardware = ONE_PROCESS,
    code: Code | None = None,
) -> bool:
    """Train each seed of `bases` (seed → folder of the untrained model); write the segment's artifacts into `output`.

    `previous` is checkpoints/ of the segment before. `code` is the code of a reward from a file, which is run once for
    all seeds. An interrupted job leaves a hidden folder beside the artifacts, with the finished seeds and the
    checkpoints of the unfinished one. A later job resumes from it only if it has the same request: a digest of its
    inputs and of the stage's `version`.

    Returns whether this job made the artifacts, and not another one that it had to wait for.

    Raises:
        UserError: another running job has the same segment, a seed has no problems to train on, or the checkpoint to
            resume from was written by other processes than those of `hardware`; see also `registry.of`.
        Interrupted: SIGTERM came; the same call resumes from the rollout step that ended after it.
    """
    processes = launching.join(hardware)
    gc.freeze()  # accelerate collects garbage before each seed; it need not look at what was imported
    made_by = [version, *(table._VERSION for table in TABLES.values())]
    sets = [frame.to_csv() for frame in training_sets.values()]
    contents = {seed: listing(Path(base)) for seed, base in bases.items()}  # a path can come to hold another model
    ordered = [segment.reaches] if segment.reaches else []  # empty by default: digests of older work stay valid
    request = hashlib.sha256(
        repr((made_by, segment, code and code.digest, contents, sets, *ordered)).encode()
    ).hexdigest()
    with ExitStack() as stack:
        if by_main_process(lambda: stack.enter_context(exclusive(output / "checkpoints", request))):
            return False
        partial = output / ".partial"
        by_main_process(lambda: _keep_only_if_asked(partial, request))
        interrupted = stack.enter_context(trapping_sigterm())
        function = registry.of(segment.reward, code)
        for seed, base in bases.items():
            done = partial / f"seed{seed}"
            if by_main_process(done.exists):
                continue
            if interrupted():
                leave(f"seeds before {seed} are kept")
            start = checkpoint(previous.parent, seed, segment.start) if previous else None
            seed_tracker = tracker if processes.is_main_process else replace(tracker, mode="none")
            _train_seed(
                segment, function, seed, base, start, training_sets[seed], done, seed_tracker, hardware, interrupted
            )
        by_main_process(lambda: _assemble(segment, partial, output, list(bases)))
    return True


def _train_seed(
    segment: Segment,
    function: RewardFunction,
    seed: int,
    base: str,
    start: Path | None,
    training_set: pd.DataFrame,
    done: Path,
    tracker: Tracker,
    hardware: Hardware,
    interrupted: Callable[[], bool],
) -> None:
    """Train one seed, and leave step{k}/ for each evaluated step in `done`, the last with metrics and rollouts.

    Until the seed is finished, the checkpoints are in a folder with another name. Training resumes from the last of
    them that has the trainer's state.
    """
    processes, training = PartialState(), segment.training
    folder = done.with_name(f"{done.name}.unfinished")
    first, record = by_main_process(lambda: take_up(folder, segment.start, segment.stop, seed))
    source = folder / f"step{first}" if first > segment.start else start
    config = accelerate.of(hardware)
    if source:
        check_resumable(source, config)
        check_state(source, first * training.optimizer_steps)
    graders = max(1, hardware.cores * hardware.machines // processes.num_processes)
    loading.check(Path(source or base), [segment.prompt])
    tokenizer = loading.load_tokenizer(source or base)
    usable, left_out = fitting(training_set, segment.prompt, tokenizer, training.max_prompt_tokens)
    if usable.empty:
        raise UserError(
            f"seed {seed}: no problem to train on ({len(training_set)} in the training set, {left_out} of them longer than "
            f"max_prompt_tokens {training.max_prompt_tokens}); raise max_prompt_tokens or vote_problems, or leave this "
            "reward out for this model"
        )
    progress = Progress(f"seed {seed}: step", segment.stop, done=first)

    def on_step(row: dict[str, Any], responses: list[dict[str, Any]]) -> None:
        record.metrics.append({"seed": seed, **row})
        if training.rollouts_every and row["step"] % training.rollouts_every == 0:
            everywhere = gather_object(responses)
            record.rollouts.extend({"seed": seed, "step": row["step"], **response} for response in everywhere)
        track(row)
        if processes.is_main_process:
            progress.advance(1, f"reward {row['reward']:.2f}, accuracy {row['accuracy']:.2f}")

    if first < segment.stop:
        with ExitStack() as stack:
            verifier, track = stack.enter_context(Verifier(graders)), stack.enter_context(tracker.run(f"seed{seed}"))
            server = None
            if training.engine == "vllm" and training.vllm_mode == "server":
                server = stack.enter_context(
                    serving(source or base, tokenizer, training, hardware, seed=seed, start=first)
                )
            trainer = RolloutTrainer(
                model=str(source or base),
                arguments=grpo_arguments(
                    training,
                    stop=segment.stop,
                    seed=seed,
                    output=folder,
                    processes=processes.num_processes,
                    gpu=processes.device.type == "cuda",
                    sharded=config is not None and config.sharding is not None,
                    gpu_memory_utilization=hardware.gpu_memory_utilization,
                    stop_strings=segment.prompt.stop,
                    server=server,
                ),
                dataset=prompts_in_order(
                    in_order_of(seed, usable, segment.reaches), training.rollout_prompts * segment.stop
                ),
                tokenizer=tokenizer,
                prompt=segment.prompt,
                training=training,
                scorer=Scorer(segment.reward, function, segment.prompt, segment.strategies, seed, verifier),
                on_step=on_step,
            )
            updates = training.optimizer_steps
            trainer.add_callback(StopAtBoundary(interrupted, updates))
            trainer.add_callback(CheckpointCallback(folder, record, updates=updates, evaluated=segment.evaluated))
            trainer.train(resume_from_checkpoint=str(source) if source else None)
        if (reached := trainer.state.global_step // updates) < segment.stop:
            leave(f"step {reached} of seed {seed} is kept")
    by_main_process(lambda: _finish(segment, Path(start or base), folder, done))


def _finish(segment: Segment, before: Path, folder: Path, done: Path) -> None:
    """Check a seed that has been trained to the end, delete what is no longer needed, and name its folder `done`."""
    # Weight decay moves weights whatever the rewards are.
    if registry.never_varies(segment.reward) and not segment.training.weight_decay:
        check_unmoved(before, folder / f"step{segment.stop}")
    thin_out(folder, whole_steps(folder)[:-1], segment.evaluated)
    folder.rename(done)


def check_unmoved(before: Path, after: Path) -> None:
    """Check that two model folders have the same weights bit for bit: rewards that never vary have no gradient.

    Raises:
        RuntimeError: a weight differs, so the trainer learns from something other than the reward.
    """
    old, new = _where_tensors_lie(before), _where_tensors_lie(after)
    # Tied weights have one name in some folders and two in others: FSDP saves both names.
    shared = [name for name in new if name in old]
    moved = [name for name in shared if not _same(_tensor(old[name], name), _tensor(new[name], name))]
    if moved:
        raise RuntimeError(
            f"{len(moved)} of {len(shared)} weight tensors moved from {before} to {after}, the first {moved[0]}, though the "
            "reward was the same for every response; the trainer is wrong, do not use its results"
        )


def _where_tensors_lie(folder: Path) -> dict[str, Path]:
    """Return the file that holds each tensor of a model folder."""
    found: dict[str, Path] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            found |= dict.fromkeys(opened.keys(), file)
    return found


def _same(before: torch.Tensor, after: torch.Tensor) -> bool:
    """Compare two tensors in the dtype that training saved: float32 holds bfloat16 exactly, ZeRO-3 saves bfloat16."""
    return torch.equal(before.to(after.dtype), after)


def _tensor(file: Path, name: str) -> torch.Tensor:
    with safe_open(file, framework="pt") as opened:
        tensor: torch.Tensor = opened.get_tensor(name)
    return tensor


def in_order_of(seed: int, training_set: pd.DataFrame, reaches: Sequence[int]) -> pd.DataFrame:
    """Return the training set in a seed's own order, shuffled between each of `reaches` and the next.

    So a run with as many prompts as one of `reaches` sees the same problems as in the set's order, and no others.
    Held-out problems stay held out, and votes are on the problems that are trained on. A longer run begins like a
    shorter one, because it has the same shuffled parts.
    """
    order = np.arange(len(training_set))
    generator = np.random.default_rng(derived_seed("data order", seed))
    for start, stop in pairwise((0, *reaches)):
        generator.shuffle(order[start:stop])  # in place; beyond its end, the set begins again in the same order
    return training_set.iloc[order]


def prompts_in_order(training_set: pd.DataFrame, count: int) -> Dataset:
    """Return the first `count` prompts of endless passes over the training set, as TRL takes them.

    The order is that of the set, whatever the length of the run, so a longer run begins like a shorter one.
    """
    rows = training_set.iloc[[i % len(training_set) for i in range(count)]]
    return Dataset.from_dict(
        {
            "prompt": rows["problem"].tolist(),
            "id": rows["id"].tolist(),
            "answer": rows["answer"].tolist(),
            "label": rows["label"].tolist(),
        }
    )


def _assemble(segment: Segment, partial: Path, output: Path, seeds: Sequence[int]) -> None:
    """Make the segment's artifacts from the finished seeds, then delete the partial folder."""
    for name, table in TABLES.items():
        frames = [read_table(partial / f"seed{seed}" / f"step{segment.stop}", name) for seed in seeds]
        tables.write(pd.concat(frames, ignore_index=True), table, output / f"{name}.parquet")
    with replacing(output / "checkpoints") as folder:
        folder.mkdir()
        for seed in seeds:
            (partial / f"seed{seed}").rename(folder / f"seed{seed}")
            for merged in (folder / f"seed{seed}" / f"step{segment.stop}").glob("*.parquet"):
                merged.unlink()
    remove(partial)


def _keep_only_if_asked(partial: Path, request: str) -> None:
    """Empty the partial folder unless it holds work on this request."""
    asked = partial / "asked"
    refuse_links_below(partial)
    if not asked.exists() or read_text(asked) != request:
        remove(partial)
        partial.mkdir(parents=True)
        asked.write_text(request, encoding="utf-8")
