"""Undamaged model folders: random models of many architectures, of 40,000 parameters and 320 tokens."""

from pathlib import Path
from typing import Any

Folder = dict[str, bytes]
"""Content of each file of a folder, by its name."""

VOCABULARY = 320
POSITIONS = 128

_LLAMA = {
    **{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
    "max_position_embeddings": POSITIONS,
}
_GROUPED = _LLAMA | {"num_key_value_heads": 2}

ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": _GROUPED,
    "qwen2": _GROUPED,
    "qwen3": _GROUPED | {"head_dim": 16},
    "olmo2": _GROUPED,
    "gemma": _GROUPED | {"head_dim": 16},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": POSITIONS},
    "codegen": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": POSITIONS, "n_ctx": POSITIONS, "rotary_dim": 4},
    "gpt_neox": _LLAMA,
    "phi": _LLAMA,
    "opt": {
        **{"hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
        **{"max_position_embeddings": POSITIONS, "word_embed_proj_dim": 32},
    },
    "bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 2},
    "mpt": {"d_model": 32, "n_layers": 2, "n_heads": 2, "max_seq_len": POSITIONS, "expansion_ratio": 2},
    "mamba": {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},
}

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

SPECIAL = ["<unk>", "<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>"]

TEXT = ["What is 3 + 4? Put the answer in \\boxed{7}.", "Let's solve this using Python.", "print(12 * 12) # 144"]


def make(folder: Path) -> dict[str, Folder]:
    """Return a folder of each architecture, and one with its weights in several files; make them below `folder`."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    tokenizer = _tokenizer()
    made = {}
    for name, sizes in ARCHITECTURES.items():
        torch.manual_seed(0)
        config = AutoConfig.for_model(
            name, vocab_size=VOCABULARY, **sizes, bos_token_id=1, eos_token_id=2, pad_token_id=3, dtype="float32"
        )
        model = AutoModelForCausalLM.from_config(config)
        for key, most in [(name, "5GB")] + [("llama in parts", "80KB")] * (name == "llama"):
            model.save_pretrained(folder / key, max_shard_size=most)
            tokenizer.save_pretrained(folder / key)
            made[key] = {path.name: path.read_bytes() for path in sorted((folder / key).iterdir())}
    return made


def _tokenizer() -> Any:
    from tokenizers import Tokenizer
    from tokenizers.decoders import ByteLevel as Bytes
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.trainers import BpeTrainer
    from transformers import PreTrainedTokenizerFast

    bytewise = Tokenizer(BPE())
    bytewise.pre_tokenizer, bytewise.decoder = ByteLevel(add_prefix_space=False), Bytes()
    bytewise.train_from_iterator(
        TEXT * 5,
        BpeTrainer(
            vocab_size=VOCABULARY - 10,
            special_tokens=SPECIAL,
            initial_alphabet=ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytewise, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer
