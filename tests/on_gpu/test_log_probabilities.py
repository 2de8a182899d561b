"""TRL's log-probabilities and entropies against a softmax in float32.

TRL's fused head folds tiles of logits into running sums (`trl/kernels/chunked_logprob.py`). On CUDA a Triton kernel
does this, elsewhere torch's operations.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from qwen import configuration
from transformers import Qwen2ForCausalLM
from trl.kernels import chunked_logprob
from trl.trainer.utils import add_fused_lm_head


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_log_probabilities_and_entropies_are_those_of_a_softmax(
    dtype: str, device: torch.device, figures: Callable[..., None]
) -> None:
    """In bfloat16 the logits are rounded, so an error may be as large as one bfloat16 step at the largest logit."""
    torch.manual_seed(0)
    with device:
        model: Any = Qwen2ForCausalLM(configuration(device, num_hidden_layers=2))
    with torch.no_grad():
        model.get_output_embeddings().weight *= 4  # the entropy must differ from that of uniform chance
    add_fused_lm_head(model, outputs=("log_probs", "entropy"))
    width = 256 if device.type == "cuda" else 24
    ids = torch.randint(10, model.config.vocab_size, (16, width), device=device)
    mask = (torch.arange(width, device=device) < torch.randint(4, width + 1, (16, 1), device=device)).long()
    labels = ids.masked_fill(mask == 0, -100)
    with torch.autocast(device.type, torch.bfloat16, enabled=dtype == "bfloat16"):
        made = model(input_ids=ids, attention_mask=mask, labels=labels, fused_lm_head=True)
        logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
    expected = logits.log_softmax(-1)
    said, counted = expected.gather(-1, ids[:, 1:, None]).squeeze(-1), mask[:, 1:].bool()
    entropies = -(expected.exp() * expected).sum(-1)
    off = {
        "log_probs": (made.log_probs - said)[counted].abs().max().item(),
        "entropy": (made.entropy - entropies)[counted].abs().max().item(),
    }
    weight = model.get_output_embeddings().weight
    [ours] = torch.autograd.grad(made.log_probs[counted].sum(), weight)
    [theirs] = torch.autograd.grad(said[counted].sum(), weight)
    gradient = ((ours - theirs).norm() / theirs.norm()).item()
    step = 2.0 ** (math.floor(math.log2(logits[counted].abs().max().item())) - 7)
    figures(
        kernel="triton" if chunked_logprob._use_triton(device) else "torch",
        dtypes=[str(made.log_probs.dtype), str(made.entropy.dtype), str(ours.dtype)],
        largest_difference=off,
        gradient_relative_difference=gradient,
        step_of_bfloat16=step,
        tokens=int(counted.sum()),
        mean_entropy=entropies[counted].mean().item(),
    )
    assert chunked_logprob._use_triton(device) == (device.type == "cuda"), "else this shows nothing of its kernel"
    assert {made.log_probs.dtype, made.entropy.dtype, ours.dtype} == {torch.float32}
    assert max(off.values()) <= (step if dtype == "bfloat16" else 1e-4)
    assert gradient <= (0.02 if dtype == "bfloat16" else 1e-4)
