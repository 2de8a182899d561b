"""One forward pass of a model that has just been loaded, for what shows in no file of its folder."""

import inspect
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled
from transformers.integrations.fsdp import is_fsdp_enabled

TOLERANCE = {torch.float32: 0.01, torch.bfloat16: 0.3}
"""Largest difference of two passes over the same tokens, in standard deviations of the logits."""

IDS = (1, 2, 3)
PADDING = 3


def sharded() -> bool:
    """Whether models are spread over processes while they are loaded, so that none has all of their weights."""
    return is_deepspeed_zero3_enabled() or is_fsdp_enabled()  # type: ignore[no-untyped-call]


@torch.no_grad()
def fault(model: PreTrainedModel) -> str:
    """What is wrong with what a model computes; nothing if it can be used.

    Its logits must be finite, and those of a prompt must not depend on padding to its left, with which prompts are batched.

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
        return "what it computes is not finite; its weights, or the numbers of its config.json, are out of range"
    difference = (alone - after).abs().max() / alone.std().clamp(min=1e-6)
    if difference > TOLERANCE.get(model.dtype, TOLERANCE[torch.bfloat16]):
        return (
            f"{type(model).__name__} answers otherwise in a batch than alone, for it does not leave out the padding to the "
            "left of shorter prompts; take a model of another architecture"
        )
    return ""


def _logits(model: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Of the token after a prompt, with what generation gives the model for it: (vocabulary)."""
    given: dict[str, Any] = {"attention_mask": mask, "use_cache": False, "is_first_iteration": True}
    if "position_ids" in inspect.signature(model.forward).parameters:
        given["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
    made: Any = model(**model.prepare_inputs_for_generation(ids, **given))  # type: ignore[operator]
    return made.logits[0, -1].float()  # type: ignore[no-any-return]
