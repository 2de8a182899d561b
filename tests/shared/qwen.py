"""Configuration of random models: Qwen2.5-Math-1.5B's on a GPU, and a small one like it on a CPU."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import Qwen2Config

QWEN = {
    "vocab_size": 151_936,
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
}
SMALL = {"vocab_size": 2000, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
SMALL |= {"num_attention_heads": 4, "num_key_value_heads": 2}


def configuration(device: "torch.device", **changes: Any) -> "Qwen2Config":
    """Return the configuration for a model with the tokenizer of tests/shared/model_folders.py: token 1 ends texts."""
    from transformers import Qwen2Config

    sizes = QWEN if device.type == "cuda" else SMALL
    fixed = {"max_position_embeddings": 4096, "rope_theta": 10_000.0, "tie_word_embeddings": True}
    return Qwen2Config(**{**sizes, **fixed, "bos_token_id": 0, "eos_token_id": 1, **changes})
