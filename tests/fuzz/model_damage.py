"""Damage to a model folder: to a file, a setting or the weights.

Each function damages a folder, given as a dictionary of its files, and returns what it did.
"""

import io
import json
import math
import struct
from random import Random
from typing import Any

import damage
from forks import EXECUTED
from tiny_models import VOCABULARY, Folder

# ---------------------------------------------------------------- files

LINK, DIRECTORY = " (link)", " (folder)"

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1234\n"

CONTENTS: dict[str, bytes] = {
    **{"nothing": b"", "an LFS pointer": POINTER, "HTML": b"<!DOCTYPE html><html>401</html>", "zeros": b"\0" * 1000},
    **{"null": b"null", "a list": b"[]", "an object": b"{}", "a text": b'"text"', "a number": b"1"},
    "half an object": b'{"a": 1,',
}  # fmt: skip


def file(random: Random, files: Folder) -> str:
    """Remove, rename, replace or add a file, or put a link or a folder in its place."""
    name = random.choice(list(files))
    way = random.choice(["gone", "other", "other", "link", "folder", "called", "more", "bom"])
    old = files[name]
    if way == "more":
        more = random.choice(list(MORE))
        files[more] = MORE[more]
        return f"{more} beside the others"
    if way in ("bom", "other") and name.endswith((".json", ".jinja")):
        what = random.choice(list(CONTENTS))
        files[name] = b"\xef\xbb\xbf" + old if way == "bom" else CONTENTS[what]
        return f"{name} begins with a BOM" if way == "bom" else f"{name} is {what}"
    if way == "other":
        what = random.choice(["nothing", "an LFS pointer", "HTML", "zeros"])
        files[name] = CONTENTS[what]
        return f"{name} is {what}"
    del files[name]
    if way == "link":
        where = random.choice(["../blobs/0123", name, "/dev/null", "."])
        files[name + LINK] = where.encode()
        return f"{name} is a link to {where}"
    if way == "folder":
        files[name + DIRECTORY] = b""
        return f"{name} is a folder"
    if way == "called":
        new = random.choice([name.upper(), f"{name}.bak", f"{name} ", f"sub/{name}", f"{name}.incomplete"])
        files[new] = old
        return f"{name} is called {new}"
    return f"{name} is missing"


CODE = f"import pathlib\npathlib.Path('{EXECUTED}').touch()\n".encode()

MORE: dict[str, bytes] = {
    "pytorch_model.bin": b"\x80\x04cos\nsystem\n(S'touch " + EXECUTED.encode() + b"'\ntR.",
    "modeling_mine.py": CODE,
    "configuration_mine.py": CODE,
    "tokenization_mine.py": CODE,
    "adapter_config.json": b'{"base_model_name_or_path": "x", "peft_type": "LORA"}',
    "model.safetensors.index.json": b'{"weight_map": {"x": "model-00001-of-00002.safetensors"}}',
    "vocab.json": b'{"a": 0}',
    "merges.txt": b"#version: 0.2\na b\n",
    "tokenizer.model": b"\n\x0b",
    "special_tokens_map.json": b'{"eos_token": 1}',
    "added_tokens.json": b'{"<x>": 99999}',
    "processor_config.json": b"{",
    "preprocessor_config.json": b"{",
    "chat_template.json": b"{",
    "quantize_config.json": b"{",
    "model.safetensors.tmp": b"",
    ".model.lock": b"",
}


# ---------------------------------------------------------------- JSON


def json_file(random: Random, files: Folder) -> str:
    """Give a JSON file a wrong key, a wrong value or damaged text."""
    names = [name for name in files if name.endswith(".json")]
    name = random.choice([*names, "config.json", "config.json", "tokenizer.json"])
    text = files[name].decode()
    if random.random() < 0.25:
        wrong, files[name] = damage.text(random, text)
        return f"{name}: {wrong}"
    data = json.loads(text)
    section = random.choice(list(data))
    path, old = random.choice([*damage.nodes(data[section], (section,))][:200])
    parent, key = damage.at(data, path[:-1]), path[-1]
    way = random.choice(["value", "value", "value", "gone", "called"])
    if way == "gone":
        del parent[key]
        wrong = "is missing"
    elif way == "called" and isinstance(parent, dict):
        new = damage.misspelt(random, key)
        damage.renamed(parent, key, new)
        wrong = f"is called {new!r}"
    else:
        parent[key] = damage.value(random, old)
        wrong = f"is {damage.shown(parent[key])}"
    files[name] = json.dumps(data).encode()
    return f"{name}: {damage.spelled(path)} {wrong}"


SETTINGS: list[tuple[str, dict[str, Any]]] = [
    *[
        ("config.json", {"quantization_config": config})
        for config in (
            {"quant_method": "bitsandbytes", "load_in_4bit": True},
            {"quant_method": "bitsandbytes", "load_in_8bit": True},
            {"quant_method": "gptq", "bits": 4},
            {"quant_method": "awq", "bits": 4},
            {"quant_method": "compressed-tensors", "format": "pack-quantized"},
            {"quant_method": "fp8"},
            {"quant_method": "hqq"},
            {"quant_method": "mxfp4"},
            {"quant_method": "torchao"},
            {"quant_method": "nosuch"},
            {},
            None,
            "text",
            [1],
        )
    ],
    *[
        ("config.json", {"auto_map": where})
        for where in ({"AutoModelForCausalLM": "modeling_mine.Mine", "AutoConfig": "configuration_mine.Mine"}, {}, "x", [1])
    ],
    ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["tokenization_mine.Mine", None]}}),
    *[("config.json", {"model_type": kind}) for kind in ("bert", "t5", "clip", "whisper", "nosuch", "", None, 1, "llama4")],
    *[
        ("config.json", {"architectures": names})
        for names in (["Nosuch"], [], None, "LlamaForCausalLM", ["BertModel"], [None], ["LlamaForSequenceClassification"])
    ],
    *[
        ("config.json", {key: scaling})
        for key in ("rope_scaling", "rope_parameters")
        for scaling in (
            {"type": "nosuch", "factor": 2},
            {"rope_type": "nosuch", "factor": 2.0},
            {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32},
            {"rope_type": "linear"},
            {"rope_type": "dynamic", "factor": -1},
            {"rope_type": "llama3", "factor": 8.0},
            {},
            "linear",
        )
    ],
    *[
        ("config.json", {key: value})
        for key in ("dtype", "torch_dtype")
        for value in ("float8_e4m3fn", "nosuch", "int8", None, 16, "auto")
    ],
    *[
        (name, {key: value})
        for name in ("config.json", "generation_config.json")
        for key in ("eos_token_id", "bos_token_id", "pad_token_id")
        for value in ("2", "</s>", -1, 10**9, [], [2, -1], [2, "3"], None, 2.5, True, [[2]], {"id": 2}, VOCABULARY - 1)
    ],
    *[
        ("generation_config.json", setting)
        for setting in (
            *({"max_length": 1}, {"max_new_tokens": 0}, {"temperature": 0}, {"temperature": "high"}, {"top_k": -5}),
            *({"num_beams": 4},),
            *({"do_sample": "yes"}, {"repetition_penalty": 0}, {"no_repeat_ngram_size": 1}),
            *({"forced_eos_token_id": 99999}, {"suppress_tokens": [99999]}),
            *({"cache_implementation": "nosuch"}, {"use_cache": False}, {"guidance_scale": 3.0}),
            *({"stop_strings": "a"}, {"bad_words_ids": [[99999]]}),
            *({"nosuch": 1}, {"transformers_version": None}, {"begin_suppress_tokens": "x"}),
            *({"num_return_sequences": 3}, {"return_dict_in_generate": True}),
            *({"prompt_lookup_num_tokens": 3}, {"assistant_early_exit": 1}, {"compile_config": {"x": 1}}),
            *({"penalty_alpha": 0.6}, {"output_scores": True}),
        )
    ],
    *[
        ("config.json", setting)
        for setting in (
            *({"vocab_size": 10}, {"vocab_size": 10**7}, {"vocab_size": 0}, {"vocab_size": -1}),
            *({"tie_word_embeddings": "no"}, {"attn_implementation": "nosuch"}),
            *({"_attn_implementation": "flash_attention_2"}, {"num_attention_heads": 3}, {"num_attention_heads": 0}),
            *({"num_key_value_heads": 3}, {"head_dim": 7}),
            *({"num_hidden_layers": 0}, {"num_hidden_layers": 5}, {"hidden_size": 33}, {"hidden_size": 0}),
            *({"intermediate_size": 1}, {"hidden_act": "nosuch"}),
            *({"max_position_embeddings": 0}, {"max_position_embeddings": 10}, {"max_position_embeddings": None}),
            *({"max_position_embeddings": 1e6},),
            *({"is_encoder_decoder": True}, {"use_cache": False}, {"sliding_window": 1}),
            *({"layer_types": ["nosuch"] * 2}, {"layer_types": []}, {"text_config": {}}),
            *({"rms_norm_eps": "1e-6"}, {"rms_norm_eps": math.nan}, {"initializer_range": None}),
            *({"attention_dropout": 0.9}, {"transformers_version": "99.0"}),
            *({"output_hidden_states": True}, {"return_dict": False}, {"torchscript": True}),
            *({"pruned_heads": {"0": [1]}}, {"id2label": 1}, {"problem_type": "x"}),
        )
    ],
]  # fmt: skip


def settings(random: Random, files: Folder) -> str:
    """Change settings to values that make sense to some loader but not to this one."""
    name, change = random.choice(SETTINGS)
    data = json.loads(files[name]) | change
    files[name] = json.dumps(data).encode()
    if "auto_map" in change:
        files |= {script: content for script, content in MORE.items() if script.endswith(".py")}
    return f"{name}: {damage.shown(change)}"


# ---------------------------------------------------------------- weights

NAN = "is NaN"


def weights(random: Random, files: Folder) -> str:
    """Cut or corrupt the weights; change, remove, add or rename tensors; or store them as a pickle."""
    import torch
    from safetensors.torch import load, save

    name = random.choice([name for name in files if name.endswith(".safetensors")])
    raw = files[name]
    way = random.choice(
        ["cut", "header", "bytes", "nan", "nan", "inf", "zero", "shape", "type", "gone", "more", "called", "pickle"]
    )
    if way == "cut":
        at = random.choice([random.randrange(len(raw)), len(raw) - 1, 8, 7, 1])
        files[name] = raw[:at]
        return f"{name} is cut after {at} of {len(raw)} bytes"
    if way == "header":
        length = random.choice([0, 1, 2**63, 2**40, len(raw)])
        files[name] = struct.pack("<Q", length) + raw[8:]
        return f"{name} says that its header has {length} bytes"
    if way == "bytes":
        at = random.randrange(8, 400)
        files[name] = raw[:at] + bytes([random.randrange(256)]) + raw[at + 1 :]
        return f"{name}: byte {at} is another"
    tensors = load(raw)
    key = random.choice(sorted(tensors))
    old = tensors[key]
    wrong = ""
    if way in ("nan", "inf", "zero"):
        values = {"nan": math.nan, "inf": random.choice([math.inf, -math.inf]), "zero": 0.0}
        tensors[key] = torch.full_like(old, values[way])
        wrong = {"nan": NAN, "inf": "is infinite", "zero": "is zero"}[way]
    elif way == "shape":
        tensors[key] = random.choice(
            [old[:1], torch.cat([old, old]), old.unsqueeze(0), old.flatten(), old[:0]]
        ).contiguous()
        wrong = f"has the shape {tuple(tensors[key].shape)}"
    elif way == "type":
        new = random.choice([torch.int8, torch.float64, torch.float16, torch.bool, torch.int64, torch.float8_e4m3fn])
        tensors[key] = old.to(new)
        wrong = f"is of type {new}"
    elif way == "gone":
        del tensors[key]
        wrong = "is missing"
    elif way == "more":
        tensors["model.layers.9.extra.weight"] = old.clone()
        wrong = "is there twice"
    elif way == "called":
        prefix = random.choice(["module.", "_orig_mod.", "base_model.model.", "transformer.", "x"])
        tensors = {prefix + each: tensor for each, tensor in tensors.items()}
        wrong = f"and all others begin with {prefix}"
    else:
        buffer = io.BytesIO()
        torch.save(tensors, buffer)
        del files[name]
        new_name = random.choice(["pytorch_model.bin", name])
        files[new_name] = buffer.getvalue()
        return f"weights as a pickle in {new_name}"
    files[name] = save(tensors, metadata={"format": "pt"})
    return f"{name}: {key} {wrong}"
