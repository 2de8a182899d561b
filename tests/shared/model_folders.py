"""Folders of small random models, and ways in which such folders can be broken."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>"]
ROWS = 300
"""Rows of the embedding, and size of the tokenizer's vocabulary: a token added to it is beyond the embedding."""

SIZES = {
    "vocab_size": ROWS,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": None,
}
GPT = {"vocab_size": ROWS, "n_embd": 16, "n_layer": 1, "n_head": 2, "bos_token_id": 0, "eos_token_id": 1}
ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", SIZES),
    "qwen2": ("Qwen2Config", SIZES),
    "gpt2": ("GPT2Config", GPT | {"n_positions": 256}),
    "bloom": ("BloomConfig", GPT | {"hidden_size": 16}),
    "mpt": ("MptConfig", GPT | {"d_model": 16, "n_heads": 2, "n_layers": 1, "max_seq_len": 256}),
    "mamba": ("MambaConfig", {key: SIZES[key] for key in SIZES if "position" not in key} | {"state_size": 4}),
    "opt": ("OPTConfig", SIZES | {"ffn_dim": 16, "word_embed_proj_dim": 16, "pad_token_id": 1}),
    "gpt_neox": ("GPTNeoXConfig", SIZES),
    "falcon": ("FalconConfig", SIZES | {"alibi": True, "new_decoder_architecture": False}),
}
"""Name -> configuration class and its keys. BLOOM and Mamba have no positions; MPT has another name for them."""


def byte_level(split: str | None = None) -> Any:
    """Return a byte-level BPE `tokenizers.Tokenizer` with a few merges; `split` is a regex that cuts texts first."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = (
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(split), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        if split
        else pre_tokenizers.ByteLevel(add_prefix_space=False)
    )
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=ROWS, initial_alphabet=alphabet, special_tokens=SPECIAL, show_progress=False
    )
    made.train_from_iterator(
        ["The sum of 12 and 34 is 46, so that\nthe answer that was found here is \\boxed{46}, as always.\n"] * 9,
        trainer,
    )
    assert made.get_vocab_size() == ROWS
    return made


def make(folder: Path, architecture: str = "llama", tokenizer: Any = None, **settings: Any) -> Path:
    """Save a random model and a tokenizer as a folder; `settings` change tokenizer_config.json, None removes a key."""
    import transformers

    name, keys = ARCHITECTURES[architecture]
    save(folder, getattr(transformers, name)(**keys), tokenizer)
    change(folder, "tokenizer_config.json", **settings)
    return folder


def save(folder: Path, config: Any, tokenizer: Any = None) -> Path:
    """Save a random model with a `transformers.PreTrainedConfig`, and a tokenizer, as a folder."""
    import torch
    import transformers

    torch.manual_seed(0)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer or byte_level(),
        bos_token="<s>",
        eos_token="</s>",
        chat_template=TEMPLATE,
    ).save_pretrained(folder)
    return folder


def change(folder: Path, name: str, **keys: Any) -> None:
    """Set keys of a JSON file, which is created if it is missing; None removes a key."""
    path = folder / name
    content = json.loads(path.read_text("utf-8")) if path.exists() else {}
    content = {key: value for key, value in {**content, **keys}.items() if value is not None}
    path.write_text(json.dumps(content), "utf-8")


def add_token(folder: Path, text: str, **flags: bool) -> None:
    """Add a token to tokenizer.json, after all others."""
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text("utf-8"))
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    content["added_tokens"].append({"id": ROWS, "content": text, **plain, **flags})
    path.write_text(json.dumps(content), "utf-8")


# ---------------------------------------------------------------- what is wrong with folders


class Damage(NamedTuple):
    """How to break a folder of `make`, the file and message of the error, and whether only chat prompts show it."""

    do: Callable[[Path], Any]
    file: str
    said: str
    chat: bool = False


def _renamed(name: str, other: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).rename(folder / other)


def _sharded(index: str | bytes) -> Callable[[Path], Any]:
    """Replace the weights by an index, as in a folder whose weights are in several files."""

    def do(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        _write(INDEX, index)(folder)

    return do


def _write(name: str, content: str | bytes) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def _change(name: str, **keys: Any) -> Callable[[Path], Any]:
    return lambda folder: change(folder, name, **keys)


def _prepend(name: str, mark: bytes) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes(mark + (folder / name).read_bytes())


def _cut(name: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-40])


def _template(text: Any) -> Callable[[Path], Any]:
    def do(folder: Path) -> None:
        (folder / "chat_template.jinja").unlink(missing_ok=True)
        change(folder, "tokenizer_config.json", chat_template=text)

    return do


def _dangling(name: str) -> Callable[[Path], Any]:
    def do(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to("../blobs/0123")

    return do


def _weights(**changes: Any) -> Callable[[Path], Any]:
    def do(folder: Path) -> None:
        import torch
        from safetensors.torch import load_file, save_file

        tensors = load_file(folder / "model.safetensors")
        for name, value in changes.items():
            key = next(key for key in tensors if name in key)
            if value is None:
                del tensors[key]
            elif isinstance(value, torch.dtype):
                tensors[key] = tensors[key].to(value)
            else:
                tensors[key].view(-1)[3] = value
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    return do


def _as_saved_under_a_wrong_class(folder: Path) -> None:
    """Load the byte-level tokenizer as Llama's and save it again, which damages its tokenizer.json."""
    from transformers import LlamaTokenizer

    LlamaTokenizer.from_pretrained(folder).save_pretrained(folder)


def _as_folder(name: str) -> Callable[[Path], Any]:
    def do(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return do


def _unreadable(name: str) -> Callable[[Path], Any]:
    return lambda folder: os.chmod(folder / name, 0)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
JSONS = ("config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json")
INDEX = "model.safetensors.index.json"
REFUSING = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + TEMPLATE
)

BROKEN: dict[str, Damage] = {
    **{f"{name} is empty": Damage(_write(name, ""), name, ".") for name in JSONS},
    **{f"{name} is cut short": Damage(_cut(name), name, ".") for name in JSONS},
    **{f"{name} is an LFS pointer": Damage(_write(name, POINTER), name, "Git LFS pointer") for name in JSONS},
    **{f"{name} has a BOM": Damage(_prepend(name, b"\xef\xbb\xbf"), name, "byte order mark") for name in JSONS},
    **{
        f"{name} is UTF-16": Damage(_write(name, '{"a": "ä"}'.encode("utf-16")), name, "not UTF-8") for name in JSONS
    },
    **{f"{name} is a list": Damage(_write(name, "[]"), name, ".") for name in JSONS},
    **{f"{name} is a dangling link": Damage(_dangling(name), name, "a link to ../blobs/0123, which is not") for name in JSONS},
    **{f"{name} is a folder": Damage(_as_folder(name), name, "not a file") for name in JSONS},
    **{f"{name} is deeply nested": Damage(_write(name, "[" * 100_000), name, ".") for name in JSONS},
    "index: broken": Damage(_sharded('{"weight_map": {'), INDEX, "not the JSON"),
    "index: an LFS pointer": Damage(_sharded(POINTER), INDEX, "Git LFS pointer"),
    "index: no metadata": Damage(_sharded('{"weight_map": {"a": "b.safetensors"}}'), INDEX, "no metadata"),
    "index: nothing in it": Damage(_sharded('{"metadata": {}, "weight_map": {}}'), INDEX, "no weight_map"),
    "index: no weight_map": Damage(_sharded('{"metadata": {}}'), INDEX, "no weight_map"),
    "index: weight_map of numbers": Damage(_sharded('{"weight_map": {"a": 1}}'), INDEX, "no weight_map"),
    "index: outside": Damage(_sharded('{"weight_map": {"a": "../../x.safetensors"}}'), INDEX, "no weight_map"),
    "index: a part is missing": Damage(
        _sharded('{"metadata": {}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}'), "", "missing model-00001-of-00002"
    ),
    "weights: an LFS pointer": Damage(_write("model.safetensors", POINTER), "model.safetensors", "Git LFS pointer"),
    "weights: cut short": Damage(_cut("model.safetensors"), "model.safetensors", "perhaps cut short"),
    "weights: a dangling link": Damage(_dangling("model.safetensors"), "model.safetensors", "which is not there"),
    "weights: an adapter's": Damage(_renamed("model.safetensors", "adapter_model.safetensors"), "", "missing weights"),
    "weights: GGUF": Damage(_renamed("model.safetensors", "model.gguf"), "", "missing weights"),
    "weights: pickled": Damage(_renamed("model.safetensors", "pytorch_model.bin"), "", "missing weights"),
    "weights: missing": Damage(lambda folder: (folder / "model.safetensors").unlink(), "", "missing weights"),
    "tokenizer: missing": Damage(lambda folder: (folder / "tokenizer.json").unlink(), "", "missing tokenizer"),
    "config: missing": Damage(lambda folder: (folder / "config.json").unlink(), "", "missing config.json"),
    **{
        f"quantised by {method}": Damage(
            _change("config.json", quantization_config={"quant_method": method, "bits": 4}),
            "config.json",
            rf"quantised weights \({method}\)",
        )
        for method in ("bitsandbytes", "gptq", "awq", "compressed-tensors", "fp8", "mxfp4", "hqq", "of no library")
    },
    "an unknown model_type": Damage(_change("config.json", model_type="nosuch"), "config.json", "model_type 'nosuch'"),
    "code of its own": Damage(
        _change("config.json", model_type="nosuch", auto_map={"AutoModelForCausalLM": "modeling_nosuch.NoSuch"}),
        "config.json",
        "never run",
    ),
    "an unknown rope type": Damage(
        _change("config.json", rope_parameters={"rope_type": "nosuch", "rope_theta": 1e4}), "config.json", 'rope type "nosuch"'
    ),
    "an unknown rope type, old key": Damage(
        _change("config.json", rope_scaling={"type": "nosuch", "factor": 2.0}), "config.json", 'rope type "nosuch"'
    ),
    "an unknown rope type of one kind of layer": Damage(
        _change("config.json", rope_parameters={"full_attention": {"rope_type": "nosuch"}}), "config.json", "rope type"
    ),
    **{
        f"{name}: eos {value!r}": Damage(_change(name, eos_token_id=value), name, "eos_token_id")
        for name in ("config.json", "generation_config.json")
        for value in ("</s>", -1, [1, -1], [1, "</s>"], 1.5, True, ROWS, [1, 99_999], {"a": 1})
    },
    "pad as text": Damage(_change("generation_config.json", pad_token_id="<pad>"), "generation_config.json", "pad_token_id"),
    "pad beyond the embedding": Damage(_change("config.json", pad_token_id=ROWS), "config.json", "beyond the model's 300"),
    "vocab_size as text": Damage(_change("config.json", vocab_size="300"), "config.json", 'vocab_size = "300"'),
    "negative positions": Damage(
        _change("config.json", max_position_embeddings=-1), "config.json", "max_position_embeddings = -1"
    ),
    "eos of the tokenizer beyond the embedding": Damage(
        lambda folder: (add_token(folder, "<|end|>"), change(folder, "tokenizer_config.json", eos_token="<|end|>")),
        "tokenizer_config.json",
        r"eos_token '<\|end\|>' has the id 300",
    ),
    "tokenizer: unknown schema": Damage(
        _change("tokenizer.json", model={"type": "Nosuch"}), "tokenizer.json", "not a tokenizer of the installed"
    ),
    "tokenizer: no model": Damage(_write("tokenizer.json", "{}"), "tokenizer.json", "not a tokenizer of the installed"),
    "tokenizer: saved under a wrong class": Damage(
        _as_saved_under_a_wrong_class, "tokenizer.json", "loses spaces or line breaks"
    ),
    "template: broken": Damage(
        _template("{% for message in messages %}{{ message }}"), "tokenizer_config.json", "Unexpected end", chat=True
    ),
    "template: an undefined name": Damage(
        _template("{{ nosuch.content }}" + TEMPLATE), "tokenizer_config.json", "'nosuch' is undefined", chat=True
    ),
    "template: an unknown filter": Damage(
        _template("{{ messages | nosuch }}"), "tokenizer_config.json", "No filter named 'nosuch'", chat=True
    ),
    "template: refuses the system role": Damage(
        _template(REFUSING), "tokenizer_config.json", "System role not supported", chat=True
    ),
    "template: several, none of them default": Damage(
        _template([{"name": name, "template": TEMPLATE} for name in ("tool_use", "rag")]),
        "tokenizer_config.json",
        r"several chat templates \(tool_use, rag\)",
        chat=True,
    ),
    "template: a number": Damage(_template(7), "tokenizer_config.json", "chat_template is no text", chat=True),
    "template: an odd list": Damage(_template([TEMPLATE]), "tokenizer_config.json", "no list of templates", chat=True),
    "template: leaves out what the user says": Damage(
        _template("{% for m in messages %}{% for part in m.content %}{{ part.text }}{% endfor %}{% endfor %}."),
        "tokenizer_config.json",
        "leaves out what the user says",
        chat=True,
    ),
    "template: prints an object": Damage(
        _template(TEMPLATE + "{{ messages | map(attribute='role') }}"),
        "tokenizer_config.json",
        "prints an object of Python's",
        chat=True,
    ),
    "template: closes a response with a word": Damage(
        _template(TEMPLATE.replace("</s>", " END\n")),
        "tokenizer_config.json",
        "closes a response with 'END', which is no special token",
        chat=True,
    ),
    "template: draws": Damage(_template("{{ [1, 2] | random }}" + TEMPLATE), "tokenizer_config.json", "uses random", chat=True),
    "template: draws words": Damage(_template("{{ lipsum() }}"), "tokenizer_config.json", "uses lipsum", chat=True),
    "template: none": Damage(_template(None), "tokenizer_config.json", "no chat template", chat=True),
    "template file: not UTF-8": Damage(
        _write("chat_template.jinja", "ä".encode("latin-1")), "chat_template.jinja", "not UTF-8"
    ),
    "template file: an LFS pointer": Damage(
        _write("chat_template.jinja", POINTER), "chat_template.jinja", "Git LFS pointer"
    ),
    "template file: a dangling link": Damage(_dangling("chat_template.jinja"), "chat_template.jinja", "is not there"),
    "template: a token beyond the embedding": Damage(
        lambda folder: (add_token(folder, "<|far|>"), _template("<|far|>" + TEMPLATE)(folder)),
        "tokenizer.json",
        r"<\|far\|>.* beyond",
        chat=True,
    ),
}  # fmt: skip
"""Damages that show before a model is loaded."""

UNENDED = Damage(
    _template(TEMPLATE.replace("</s>", " END\n")),
    "tokenizer_config.json",
    "closes a response with 'END', which is no special token",
    chat=True,
)
"""A damage that shows before a model is loaded too, although a prompt can be made with its template."""

BROKEN_INSIDE: dict[str, Damage] = {
    "NaN": Damage(
        _weights(embed_tokens=float("nan")), "model.safetensors", r"embed_tokens\.weight have values that are NaN"
    ),
    "infinity": Damage(_weights(down_proj=float("-inf")), "model.safetensors", "NaN or infinite"),
    "a missing tensor": Damage(
        _weights(down_proj=None), "", r"lack 1 tensors, the first model\.layers\.0\.mlp\.down_proj"
    ),
    "other sizes": Damage(_change("config.json", intermediate_size=32), "", "has the shape .* and not"),
    "odd numbers of heads": Damage(
        _change("config.json", num_attention_heads=4, num_key_value_heads=3, head_dim=4), "", "shape|cannot be run"
    ),
    "an epsilon below 0": Damage(_change("config.json", rms_norm_eps=-10.0), "", "its outputs are not finite"),
    "weights out of range": Damage(_weights(norm=3e38), "", "its outputs are not finite"),
    "generation settings of another kind": Damage(
        _change("generation_config.json", max_new_tokens="many"), "", r"its generation_config\.json cannot be read"
    ),
    "a rope without its factor": Damage(
        _change("config.json", rope_parameters={"rope_type": "yarn", "rope_theta": 1e4}), "", "cannot be"
    ),
    "no heads": Damage(_change("config.json", num_attention_heads=0), "", "cannot be"),
    "heads as text": Damage(_change("config.json", num_attention_heads="two"), "", "cannot be"),
    "an unknown activation": Damage(_change("config.json", hidden_act="nosuch"), "", "cannot be"),
    "no causal language model": Damage(_change("config.json", model_type="vit"), "", "cannot be"),
}
"""Damages that show when the model is loaded."""


def broken(folder: Path, sound: Path, damage: Damage) -> Path:
    """Make a damaged copy of a sound folder."""
    shutil.copytree(sound, folder)
    damage.do(folder)
    return folder
