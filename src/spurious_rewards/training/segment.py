"""One training job: a group of seeds, each from its last checkpoint over the steps of one segment."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from accelerate import PartialState
from datasets import Dataset
from safetensors import safe_open

from spurious_rewards import models, rewards, tables
from spurious_rewards.artifacts import exclusive, remove, replacing
from spurious_rewards.equivalence import Verifier
from spurious_rewards.errors import UserError
from spurious_rewards.layout import checkpoint
from spurious_rewards.progress import Progress
from spurious_rewards.prompts import fitting
from spurious_rewards.suite import Prompt, Reward, Strategies, Training
from spurious_rewards.tracking import Tracker
from spurious_rewards.training.mapping import grpo_arguments
from spurious_rewards.training.scoring import Scorer
from spurious_rewards.training.trainer import RolloutTrainer

STATE_ONLY_TO_RESUME = ("optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")


@dataclass(frozen=True)
class Segment:
    """What a training job is asked for; the same for each of its seeds."""

    start: int
    stop: int
    training: Training
    reward: Reward
    prompt: Prompt
    strategies: Strategies


def train(
    segment: Segment,
    *,
    bases: Mapping[int, str],
    previous: Path | None,
    training_sets: Mapping[int, pd.DataFrame],
    output: Path,
    tracker: Tracker,
) -> None:
    """Train each seed of `bases` (seed → folder of the untrained model) and write the segment's artifacts into `output`.

    `previous` is checkpoints/ of the segment before. Seeds that an interrupted job has finished lie in a hidden folder
    beside the artifacts, keyed by what they were asked for, and are not trained again.

    Raises:
        UserError: another living job is at the same segment, or a seed has no problems to train on.
    """
    with exclusive(output / "checkpoints"):
        partial = output / ".partial"
        _keep_only_if_asked(partial, repr((segment, bases, [frame.to_csv() for frame in training_sets.values()])))
        for seed, base in bases.items():
            done = partial / f"seed{seed}"
            if not done.exists():
                start = checkpoint(previous.parent, seed, segment.start) if previous else None
                with replacing(done) as folder:
                    folder.mkdir()
                    _train_seed(segment, seed, base, start, training_sets[seed], folder, tracker)
        _assemble(segment, partial, output, list(bases))


def _train_seed(
    segment: Segment,
    seed: int,
    base: str,
    start: Path | None,
    training_set: pd.DataFrame,
    folder: Path,
    tracker: Tracker,
) -> None:
    """Train one seed; leaves step{k}/ for each evaluated step, metrics.parquet and rollouts.parquet in `folder`."""
    training = segment.training
    tokenizer = models.load_tokenizer(start or base)
    usable, left_out = fitting(training_set, segment.prompt, tokenizer, training.max_prompt_tokens)
    if usable.empty:
        raise UserError(
            f"seed {seed}: no problem to train on ({len(training_set)} in the training set, {left_out} of them longer than "
            f"max_prompt_tokens {training.max_prompt_tokens}); this reward cannot be tested on this model"
        )
    metrics: list[dict[str, Any]] = []
    rollouts: list[dict[str, Any]] = []
    progress = Progress(f"seed {seed}: step", segment.stop, done=segment.start)

    def on_step(row: dict[str, Any], responses: list[dict[str, Any]]) -> None:
        metrics.append({"seed": seed, **row})
        if training.rollouts_every and row["step"] % training.rollouts_every == 0:
            rollouts.extend({"seed": seed, "step": row["step"], **response} for response in responses)
        track(row)
        progress.advance(1, f"reward {row['reward']:.2f}, accuracy {row['accuracy']:.2f}")

    with Verifier() as verifier, tracker.run(f"seed{seed}") as track:
        trainer = RolloutTrainer(
            model=str(start or base),
            arguments=grpo_arguments(
                training,
                stop=segment.stop,
                seed=seed,
                output=folder,
                processes=PartialState().num_processes,
                gpu=torch.cuda.is_available(),
            ),
            dataset=prompts_in_order(usable, training.rollout_prompts * segment.stop),
            tokenizer=tokenizer,
            prompt=segment.prompt,
            training=training,
            scorer=Scorer(segment.reward, segment.prompt, segment.strategies, seed, verifier),
            on_step=on_step,
        )
        trainer.train(resume_from_checkpoint=str(start) if start else None)
    for saved in folder.glob("checkpoint-*"):
        step = int(saved.name.removeprefix("checkpoint-")) // training.optimizer_steps
        (saved / "training_args.bin").unlink()  # a pickle that names this machine's folders; resuming does not need it
        if step != segment.stop:
            for name in STATE_ONLY_TO_RESUME:
                (saved / name).unlink(missing_ok=True)
        saved.rename(folder / f"step{step}")
    # Weight decay moves weights without any reward.
    if rewards.never_varies(segment.reward) and not training.weight_decay:
        check_unmoved(Path(start or base), folder / f"step{segment.stop}")
    tables.write(pd.DataFrame(metrics), tables.Metrics, folder / "metrics.parquet")
    tables.write(
        pd.DataFrame(rollouts) if rollouts else tables.empty(tables.Rollouts),
        tables.Rollouts,
        folder / "rollouts.parquet",
    )


def check_unmoved(before: Path, after: Path) -> None:
    """Compare the weights of two model folders bit for bit: rewards that never vary have no gradient.

    Raises:
        RuntimeError: a weight differs; the trainer learns from something else than the reward.
    """
    old, new = _where_tensors_lie(before), _where_tensors_lie(after)
    # The untrained model may lie there in bfloat16; it is trained in float32, which holds the same values.
    moved = [
        name
        for name, file in new.items()
        if name not in old or not torch.equal(_tensor(old[name], name).float(), _tensor(file, name).float())
    ]
    if moved:
        raise RuntimeError(
            f"{len(moved)} of {len(new)} weight tensors moved from {before} to {after}, the first {moved[0]}, though the "
            "reward was the same for every response; the trainer is wrong, do not use its results"
        )


def _where_tensors_lie(folder: Path) -> dict[str, Path]:
    """The file that holds each tensor of a model folder."""
    found: dict[str, Path] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            found |= dict.fromkeys(opened.keys(), file)
    return found


def _tensor(file: Path, name: str) -> torch.Tensor:
    with safe_open(file, framework="pt") as opened:
        tensor: torch.Tensor = opened.get_tensor(name)
    return tensor


def prompts_in_order(training_set: pd.DataFrame, count: int) -> Dataset:
    """The first `count` prompts of endless passes over the training set, as TRL takes them.

    The order is that of the set, for every seed and every length of run: so a longer run begins with the shorter one.
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
    """Make the segment's artifacts of the finished seeds, then let the partial folder go."""
    for name, table in (("metrics", tables.Metrics), ("rollouts", tables.Rollouts)):
        frames = [tables.read(partial / f"seed{seed}" / f"{name}.parquet", table) for seed in seeds]
        tables.write(pd.concat(frames, ignore_index=True), table, output / f"{name}.parquet")
    with replacing(output / "checkpoints") as folder:
        folder.mkdir()
        for seed in seeds:
            (partial / f"seed{seed}").rename(folder / f"seed{seed}")
            for merged in (folder / f"seed{seed}").glob("*.parquet"):
                merged.unlink()
    remove(partial)


def _keep_only_if_asked(partial: Path, request: str) -> None:
    """Empty the partial folder unless it holds work on this very request."""
    digest = hashlib.sha256(request.encode()).hexdigest()
    asked = partial / "asked"
    if not asked.exists() or asked.read_text() != digest:
        remove(partial)
        partial.mkdir(parents=True)
        asked.write_text(digest)
