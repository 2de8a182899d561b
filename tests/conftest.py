import gc
import string
from pathlib import Path

import invented
import pandas as pd
import pytest

from spurious_rewards.analysis.conditions import collect
from spurious_rewards.config.suite import Suite

CHAT_TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests of `workflow/`, the longest ones, to the front, so that no test process gets one of them last."""
    items.sort(key=lambda item: "workflow" not in item.path.parts)


def pytest_collection_finish() -> None:
    """Exempt imported objects from garbage collection: statsmodels 0.15 runs a full collection at each call."""
    gc.freeze()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model folder: a random Qwen2 with about 20,000 parameters, a character tokenizer and a chat template."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.decoders import Fuse
    from tokenizers.models import BPE
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    special = ["<pad>", "<end>", "<begin>", "<unknown>", "<system>", "<user>", "<assistant>"]
    vocabulary = {token: number for number, token in enumerate([*special, *string.printable])}
    characters = Tokenizer(BPE(vocabulary, merges=[], unk_token="<unknown>"))
    characters.add_special_tokens(special)
    characters.decoder = Fuse()
    # As in Llama 3, the tokenizer adds a first token to plain text, unless special tokens are switched off.
    characters.post_processor = TemplateProcessing(
        single="<begin> $A", special_tokens=[("<begin>", vocabulary["<begin>"])]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=characters, eos_token="<end>", bos_token="<begin>", unk_token="<unknown>", pad_token="<pad>"
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(vocabulary),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=64,
            initializer_range=0.2,
            tie_word_embeddings=True,
            eos_token_id=vocabulary["<end>"],
            bos_token_id=vocabulary["<begin>"],
        )
    )
    folder = tmp_path_factory.mktemp("models") / "tiny"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def organism_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an organism pretrained for seconds. It writes boxes and code, and most of its answers are wrong."""
    from spurious_rewards.config.models import Family, Organism
    from spurious_rewards.models.pretraining import pretrain

    folder = tmp_path_factory.mktemp("models") / "organism"
    family = Family(code_rate=(0.5,) * 4, code_misread=0, language_drop=0, code_box=0.5, language_box=0.5)
    pretrain(Organism(width=32, layers=1, mlp=64, steps=60, batch=64), family, 0, folder, threads=1)
    return folder


@pytest.fixture(scope="session")
def small_suite() -> Suite:
    """Return a suite of two invented models and all rewards."""
    return invented.suite(models=["strong", "weak"])


@pytest.fixture(scope="session")
def graded(tmp_path_factory: pytest.TempPathFactory, small_suite: Suite) -> pd.DataFrame:
    """Return the collected, invented grades of `small_suite`."""
    return collect(invented.study(tmp_path_factory.mktemp("study"), small_suite, invented.SMALL))
