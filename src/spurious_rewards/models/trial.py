"""Trial run of a model that has just been loaded, for faults that show in no file of its folder."""

import inspect
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled
from transformers.integrations.fsdp import is_fsdp_enabled

TOLERANCE = {torch.float32: 0.01, torch.bfloat16: 0.3}
"""Largest allowed difference of two passes over the same tokens, in standard deviations of the logits."""

IDS = (1, 2, 3)
PADDING = 3


def sharded() -> bool:
    """Whether models are sharded over processes while they are loaded, so that no process has all of the weights."""
    return is_deepspeed_zero3_enabled() or is_fsdp_enabled()  # type: ignore[no-untyped-call]


@torch.no_grad()
def fault(model: PreTrainedModel) -> str:
    """Return what is wrong with what a model computes; "" if it can be used. Sharded models are not tried.

    The logits must be finite. Those after a prompt must not depend on left padding, with which prompts are batched.

    Raises:
        Exception: whatever the model raises when it is run.
    """
    if sharded():
        return ""
    last = model.config.get_text_config().vocab_size - 1
    ids = torch.tensor([[min(each, last) for each in IDS]])
    padded = torch.cat([torch.zeros(1, PADDING, dtype=torch.long), ids], dim=1)
    mask = (torch.arange(padded.shape[1]) >= PADDING).long()[None]
    alone, after = (_logits(model, *given) for given in ((ids, torch.ones_like(ids)), (padded, mask)))
    if not (alone.isfinite().all() and after.isfinite().all()):
        return "its outputs are not finite; its weights, or the numbers of its config.json, are out of range"
    difference = (alone - after).abs().max() / alone.std().clamp(min=1e-6)
    if difference > TOLERANCE.get(model.dtype, TOLERANCE[torch.bfloat16]):
        return (
            f"{type(model).__name__} gives other answers in a batch than alone, because it does not mask left padding; "
            "take a model of another architecture"
        )
    return ""


def _logits(model: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the logits of the token after a prompt, with the inputs that generation gives the model: (vocabulary)."""
    given: dict[str, Any] = {"attention_mask": mask, "use_cache": False, "is_first_iteration": True}
    if "position_ids" in inspect.signature(model.forward).parameters:
        given["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
    made: Any = model(**model.prepare_inputs_for_generation(ids, **given))  # type: ignore[operator]
    return made.logits[0, -1].float()  # type: ignore[no-any-return]
