"""Script that tests/on_gpu/test_sharded.py runs with accelerate's launcher and FSDP2.

Call: `sharded.py MODEL OUTPUT ACCELERATE_CONFIG`. It writes:

OUTPUT/undisturbed  a run of three rollout steps
OUTPUT/interrupted  the same run, stopped by SIGTERM in the middle of the second step and then started again
OUTPUT/seen.json    what `Watched` noted in the undisturbed run and in a one-step run with accelerate's own sharding

accelerate accepts FSDP on GPUs only. On a CPU the script therefore tells accelerate that this process is one of several
on GPUs; torch shards on a CPU too.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import accelerate.state
import torch
from accelerate.utils import DistributedType
from launched import TRAINING, at_call, generating, run, terminate
from torch.distributed.fsdp import FSDPModule

from spurious_rewards.config.resources import Hardware
from spurious_rewards.training import segment, trainer

SHARDED = TRAINING.model_copy(update={"dtype": "bfloat16"})
SEEN: dict[str, Any] = {}


class Watched(trainer.RolloutTrainer):
    """A trainer that notes the dtypes of log-probabilities, entropies and gradients.

    It also notes the bytes per weight of whole-weight gradients that are left after each micro-batch.
    """

    def _get_per_token_logps_and_entropies(self, *arguments: Any, **keywords: Any) -> Any:
        logps, entropies, _ = made = super()._get_per_token_logps_and_entropies(*arguments, **keywords)
        SEEN["log_probs"], SEEN["entropy"] = str(logps.dtype), str(entropies.dtype)
        return made

    def training_step(self, model: Any, *arguments: Any, **keywords: Any) -> Any:
        loss = super().training_step(model, *arguments, **keywords)
        weights = sum(parameter.numel() for parameter in model.parameters())
        SEEN.setdefault("unsharded_bytes_a_weight", []).append(unsharded(model) / weights)
        SEEN["gradients"] = sorted({str(one.grad.dtype) for one in model.parameters() if one.grad is not None})
        return loss


def unsharded(model: torch.nn.Module) -> int:
    """Return the bytes of gradients that FSDP2 holds for whole weights, besides the gradients of the shards."""
    found: dict[int, int] = {}
    for module in model.modules():
        if isinstance(module, FSDPModule):
            state = module._get_fsdp_state()
            # torch 2.13 has several groups per module, earlier versions have one
            groups = getattr(state, "_fsdp_param_groups", None) or [state._fsdp_param_group]
            for one in (param for group in groups if group for param in group.fsdp_params):
                whole = getattr(one, "_unsharded_param", None)
                for gradient in (one.unsharded_accumulated_grad, whole.grad if whole is not None else None):
                    if gradient is not None:
                        found[id(gradient)] = gradient.numel() * gradient.element_size()
    return sum(found.values())


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def on_a_cpu_too() -> None:
    """Make accelerate shard on any device."""
    join = accelerate.state.PartialState.__init__

    def joined(self: Any, *arguments: Any, **keywords: Any) -> None:
        fresh = not self._shared_state  # later the state says that it is FSDP
        join(self, *arguments, **keywords)
        if fresh:
            self.distributed_type = DistributedType.MULTI_GPU

    accelerate.state.PartialState.__init__ = joined


def main(model: Path, output: Path, hardware: Hardware) -> None:
    on_a_cpu_too()
    seen = {}
    with replaced(segment, "RolloutTrainer", Watched):
        run(model, output / "undisturbed", 3, SHARDED, hardware)
        seen["ours"] = dict(SEEN)
        SEEN.clear()
        mapped = segment.grpo_arguments
        with (
            replaced(trainer, "outputs_in_float32", lambda _: None),
            replaced(segment, "grpo_arguments", lambda *a, **k: mapped(*a, **{**k, "sharded": False})),
        ):
            run(model, output / "plain", 1, SHARDED, hardware)
        seen["accelerate's"] = dict(SEEN)
    with generating(at_call(2, terminate)):
        try:
            run(model, output / "interrupted", 3, SHARDED, hardware)
        except SystemExit as error:
            seen["exit"] = error.code
    run(model, output / "interrupted", 3, SHARDED, hardware)
    (output / "seen.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Hardware(accelerate_config=Path(sys.argv[3])))
