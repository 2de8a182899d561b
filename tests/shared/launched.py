"""What tests/training/test_segment.py runs on two processes, in one launch: `launched.py MODEL OUTPUT ACCELERATE_CONFIG`.

OUTPUT/fixed       rollouts that depend on the prompt alone, not on the process that draws them
OUTPUT/undisturbed rollouts as the model draws them
OUTPUT/interrupted the same, with SIGTERM to the second process in the middle of a step, and called again
OUTPUT/disagreeing the same, where the processes do not agree on whether a state is due, with a crash, and called again
"""

import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd

from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Reward, Strategies, Training
from spurious_rewards.runtime.tracking import Tracker

TRAINING = Training(
    rollout_prompts=2,
    rollouts_per_prompt=4,
    updates_per_rollout=2,
    learning_rate=1e-2,
    max_prompt_tokens=8,
    max_new_tokens=12,
    dtype="float32",
    micro_batch=2,
    gradient_checkpointing=False,
    segment_steps=4,
    eval_every=1,
    rollouts_every=1,
)
# TRL shuffles responses on each process before it cuts mini-batches, so only a single one is the same on any number.
# By SGD, for Adam makes much of the last digits of small gradients, and passes of other widths round differently.
ONE_UPDATE = TRAINING.model_copy(update={"updates_per_rollout": 1, "optimizer": "sgd", "learning_rate": 0.1})
PROBLEMS = pd.DataFrame(
    [(0, f"p{i}", f"{i} + 1 + 2", str(i + 3), "8") for i in range(1, 5)],
    columns=["seed", "id", "problem", "answer", "label"],
)


def run(
    model: Path, output: Path, stop: int, training: Training, hardware: Hardware | None = None, **changes: Any
) -> Path:
    """Train seed 0 up to `stop` and return the segment's folder."""
    import torch

    from spurious_rewards.training.segment import Segment, train

    torch.set_num_threads(1)
    reward = Reward(function="random", gamma=0.5)
    arguments = {
        "bases": {0: str(model)},
        "previous": None,
        "training_sets": {0: PROBLEMS},
        "output": output,
        "tracker": Tracker("none", output, "run", {}),
        "version": 1,
        "hardware": hardware or Hardware(),
    } | changes
    start, reaches = int(arguments.pop("start", 0)), arguments.pop("reaches", ())
    prompt = arguments.pop("prompt", Prompt(kind="raw", user="compute {} ="))
    train(Segment(start, stop, training, reward, prompt, Strategies(), reaches), **arguments)
    return output


@contextmanager
def generating(replacement: Callable[..., Any]) -> Iterator[None]:
    """Call `replacement(generate, model, **inputs)` where the trainer calls the model's `generate`."""
    from transformers import GenerationMixin

    generate = GenerationMixin.generate
    GenerationMixin.generate = lambda model, **inputs: replacement(generate, model, **inputs)
    try:
        yield
    finally:
        GenerationMixin.generate = generate


def fixed(
    longest: int = TRAINING.max_new_tokens, draw_length: Callable[[random.Random, int], int] = random.Random.randrange
) -> Callable[..., Any]:
    """Responses of random tokens, told by the rollout step, the prompt and the place in its group alone.

    Args:
        longest: the width of all of them, padded.
        draw_length: of a generator and `longest - 2` a number from 0 up to below it: tokens beside two.
    """
    calls = 0

    def draw(_: Any, model: Any, *, input_ids: Any, attention_mask: Any, generation_config: Any, **__: Any) -> Any:
        import torch

        nonlocal calls
        calls += 1
        seen: Counter[str] = Counter()
        [end] = generation_config.eos_token_id
        rows = []
        for ids, mask in zip(input_ids, attention_mask, strict=True):
            prompt = str(ids[mask.bool()].tolist())
            generator = random.Random(f"{calls} {prompt} {seen[prompt]}")
            seen[prompt] += 1
            length = 2 + draw_length(generator, longest - 2)
            said = [generator.randrange(10, model.config.vocab_size) for _ in range(length - 1)]
            padding = [generation_config.pad_token_id] * (longest - length)
            rows.append([*ids.tolist(), *said, end, *padding])
        return torch.tensor(rows, device=input_ids.device)

    return draw


def at_call(number: int, act: Callable[[], None]) -> Callable[..., Any]:
    """Real responses; before those of rollout step `number` of this process' life, `act`."""
    calls = 0

    def draw(generate: Callable[..., Any], model: Any, **inputs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            act()
        return generate(model, **inputs)

    return draw


def die() -> None:
    raise RuntimeError("a crash")


def steps_kept(segment: Path) -> dict[str, bool]:
    """The checkpoints of seed 0 that an interrupted job left, and whether they have the trainer's state."""
    steps = sorted((segment / ".partial/seed0.unfinished").iterdir())
    state = ("optimizer.pt", "trainer_state.json", "metrics.parquet", "rollouts.parquet")
    found = {step.name: {(step / name).exists() for name in state} | {any(step.glob("rng_state*"))} for step in steps}
    assert all(len(parts) == 1 for parts in found.values()), "all of it, or nothing"
    return {name: parts == {True} for name, parts in found.items()}


def terminate() -> None:
    """SIGTERM to this process."""
    os.kill(os.getpid(), signal.SIGTERM)


def main(model: Path, output: Path, hardware: Hardware) -> None:
    with generating(fixed()):
        run(model, output / "fixed", 3, ONE_UPDATE, hardware)
    run(model, output / "undisturbed", 3, TRAINING, hardware)
    with generating(at_call(2, terminate if os.environ["RANK"] == "1" else lambda: None)):
        try:
            run(model, output / "interrupted", 3, TRAINING, hardware)
        except SystemExit as error:
            (output / f"exit{os.environ['RANK']}").write_text(str(error.code))
    run(model, output / "interrupted", 3, TRAINING, hardware)
    _disagree(model, output, hardware)


def _disagree(model: Path, output: Path, hardware: Hardware) -> None:
    from spurious_rewards.training import saving

    state_is_due, first = saving.state_is_due, os.environ["RANK"] == "0"
    # The first process finds the first state due and no other one, the second the others.
    saving.state_is_due = lambda since, took: (took == 0) == first
    with generating(at_call(3, die)), suppress(RuntimeError):
        run(model, output / "disagreeing", 3, TRAINING, hardware)
    saving.state_is_due = state_is_due
    if first:
        (output / "steps_kept").write_text(str(steps_kept(output / "disagreeing")))
    run(model, output / "disagreeing", 3, TRAINING, hardware)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Hardware(accelerate_config=Path(sys.argv[3])))
