"""What tests/on_gpu/test_sharded.py runs under accelerate's launcher: `sharded.py MODEL OUTPUT ACCELERATE_CONFIG`, of FSDP2.

OUTPUT/undisturbed  three rollout steps
OUTPUT/interrupted  the same, with SIGTERM in the middle of the second, and called again
OUTPUT/seen.json    what the first of these saw, and a step that shards as accelerate does by itself

accelerate takes FSDP for GPUs alone. On a CPU this process says that it is one of several on GPUs, and torch shards there too.
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
    """Notes the dtypes of what the loss is made of, and the gradients of whole weights that are left after each micro-batch."""

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
    """Bytes of gradients that FSDP2 holds of whole weights, beside those of the shards."""
    found: dict[int, int] = {}
    for module in model.modules():
        if isinstance(module, FSDPModule):
            state = module._get_fsdp_state()
            # torch 2.13 has several groups a module, earlier ones have one
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
    """Have accelerate shard whatever the device."""
    join = accelerate.state.PartialState.__init__

    def joined(self: Any, *arguments: Any, **keywords: Any) -> None:
        fresh = not self._shared_state  # later it holds that it is FSDP
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
