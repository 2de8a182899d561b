"""Script that tests/training/test_segment.py runs on two processes, in one launch.

Call: `launched.py MODEL OUTPUT ACCELERATE_CONFIG`. It writes:

OUTPUT/fixed       a run whose rollouts depend on the prompt alone, not on the process that draws them
OUTPUT/undisturbed a run with the model's own rollouts
OUTPUT/interrupted the same run; the second process gets SIGTERM in the middle of a step, and the run starts again
OUTPUT/disagreeing the same run; the processes disagree on whether to save a state, crash, and the run starts again
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
# TRL shuffles the responses on each process before it cuts them into mini-batches. Only a single mini-batch is
# therefore the same for every number of processes. The optimizer is SGD, because Adam amplifies the last digits of
# small gradients, and forward passes of other widths round differently.
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
    """Return a replacement of `generate` that draws random tokens.

    The tokens depend only on the rollout step, the prompt, and the response's place in its group.

    Args:
        longest: the width of all responses, padding included.
        draw_length: takes a generator and `longest - 2`, and returns a number from 0 up to but below `longest - 2`: a
            response has two tokens more.
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
    """Return a replacement of `generate` that calls `act` before the process draws its rollout step `number`."""
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
    """Return the checkpoints of seed 0 that an interrupted job left, and whether each has the trainer's state."""
    steps = sorted((segment / ".partial/seed0.unfinished").iterdir())
    state = ("optimizer.pt", "trainer_state.json", "metrics.parquet", "rollouts.parquet")
    found = {step.name: {(step / name).exists() for name in state} | {any(step.glob("rng_state*"))} for step in steps}
    assert all(len(parts) == 1 for parts in found.values()), "all of it, or nothing"
    return {name: parts == {True} for name, parts in found.items()}


def terminate() -> None:
    """Send SIGTERM to this process."""
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
    # The first process says that only the first state is due, and the second that only the others are.
    saving.state_is_due = lambda since, took: (took == 0) == first
    with generating(at_call(3, die)), suppress(RuntimeError):
        run(model, output / "disagreeing", 3, TRAINING, hardware)
    saving.state_is_due = state_is_due
    if first:
        (output / "steps_kept").write_text(str(steps_kept(output / "disagreeing")))
    run(model, output / "disagreeing", 3, TRAINING, hardware)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Hardware(accelerate_config=Path(sys.argv[3])))
