"""The numeric class of this machine. Machines of the same class compute the same digits of a study without GPUs.

Processors differ in the last digit of a sum, and training turns this into different responses. So this module makes a
small, fixed computation of the same kind as a study: a pretraining of seconds and two rollout batches of GRPO. The
class is a hash of the resulting weights. Run as a program, this module prints the hash.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from spurious_rewards.config.models import Family, Organism, Prompt
from spurious_rewards.config.problems import ArithmeticProblems
from spurious_rewards.config.training import Reward, Strategies, Training
from spurious_rewards.runtime import numerics

if TYPE_CHECKING:
    import torch

ORGANISM = Organism(steps=60)
FAMILY = Family(code_rate=(0.9, 0.75, 0.55, 0.4), code_misread=0.3, language_drop=0.7, code_box=0.97, language_box=0.65)
TRAINING = Training(
    rollout_prompts=8,
    rollouts_per_prompt=8,
    updates_per_rollout=4,
    num_iterations=2,
    max_prompt_tokens=12,
    max_new_tokens=24,
    dtype="float32",
    micro_batch=16,
    gradient_checkpointing=False,
)
PORTABLE = "portable"
"""Command-line argument of this program for portable kernels."""

OPTIMIZERS = ({"optimizer": "sgd", "learning_rate": 0.05}, {"optimizer": "adamw", "learning_rate": 3e-4})
"""The optimisers that the organism suite trains with; each is used for one rollout batch."""


def numeric_class(portable: bool) -> str:
    """Return this machine's class, eight hexadecimal digits, with kernels pinned as for a study with this `portable`.

    It takes some seconds, most of them for imports.

    Raises:
        RuntimeError: the computation failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__, *([PORTABLE] if portable else [])],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode:
        raise RuntimeError(f"the computation that names the numeric class failed:\n{done.stderr}")
    return done.stdout.split()[-1]


def _compute() -> str:
    import torch

    from spurious_rewards.answers.verifier import Verifier
    from spurious_rewards.models.pretraining import pretrain
    from spurious_rewards.problems.arithmetic import problems
    from spurious_rewards.rewards import registry
    from spurious_rewards.training.probe import train_on
    from spurious_rewards.training.scoring import Scorer
    from spurious_rewards.training.segment import prompts_in_order

    torch.set_num_threads(1)
    coin = Reward(function="random", gamma=0.5)
    sums = problems(ORGANISM, ArithmeticProblems(part="reinforcement"))
    batch = prompts_in_order(sums.assign(label=sums["answer"]), TRAINING.rollout_prompts)
    with tempfile.TemporaryDirectory() as folder, Verifier() as verifier:
        base = Path(folder) / "model"
        pretrain(ORGANISM, FAMILY, 0, base, 1)
        found = hashlib.sha256((base / "model.safetensors").read_bytes())
        scorer = Scorer(coin, registry.of(coin), Prompt(kind="raw", user="{}"), Strategies(code="python"), 0, verifier)
        for change in OPTIMIZERS:
            training = TRAINING.model_copy(update=change)
            for name, weights in sorted(train_on(batch, base, training, scorer).model.state_dict().items()):
                found.update(name.encode() + _bytes(weights))
    return found.hexdigest()[:8]


def _bytes(tensor: "torch.Tensor") -> bytes:
    return tensor.detach().contiguous().numpy().tobytes()


if __name__ == "__main__":
    numerics.pin(portable=PORTABLE in sys.argv[1:])
    print(_compute())
