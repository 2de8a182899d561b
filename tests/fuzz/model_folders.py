"""Model folders with one wrong thing, through `doctor`, the answers of the model before training, and a step of training."""

import io
import json
import math
import os
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import commands
import damage
import tiny_models
import yaml
from case import REFUSED, Case, Verdict, Wrong, generator
from forks import EXECUTED
from tiny_models import Folder

CASES = 200
CHUNK = 1
SECONDS = 120
MEMORY = 3_000_000_000
MEMORY_OF_WORKERS = MEMORY

ANSWERS = "answer"

TRAINED = 4
"""Of so many folders one is trained for a step too."""

PROMPTS: dict[str, dict[str, Any]] = {
    "raw": {"kind": "raw"},
    "chat": {"kind": "chat"},
    "system": {"kind": "chat", "system": "Please reason step by step.", "user": "Q: {}"},
    "forced": {"kind": "prefill", "response_prefix": "Let's"},
    "stopped": {"kind": "raw", "user": "{}\n", "stop": ["\n"]},
}

SUITE = {
    "title": "Model folders",
    "problems": {"mine": {"path": "problems.jsonl"}},
    "training_problems": "mine",
    "benchmarks": {"math500": {"problems": "mine"}, "amc": {"problems": "mine", "samples": 2, "temperature": 1.0}},
    "prompts": PROMPTS,
    "models": {"mine": {"source": "local", "id": "model", "prompt": "raw", "max_positions": 100}},
    "rewards": {"random": {"function": "random", "gamma": 0.5}},
    "training": {
        **{"rollout_prompts": 2, "rollouts_per_prompt": 2, "updates_per_rollout": 1, "micro_batch": 2, "dtype": "float32"},
        **{"max_prompt_tokens": 80, "max_new_tokens": 4, "segment_steps": 1, "eval_every": 1, "gradient_checkpointing": False},
    },
    "sampling": {"max_new_tokens": 4, "dtype": "float32"},
    "experiments": {
        "main": {"title": "x", "models": ["mine"], "rewards": ["random"], "prompts": list(PROMPTS), "seeds": ["0"], "steps": 1}
    },
    "report": {"headline": "main"},
}  # fmt: skip

PROBE = "hello world\n1 + 1 = 2;\t\\frac{12}{345}  x_1 数学 é 😀 don't </s> <|im_start|>user\n"
"""A text with characters of every kind."""

_whole: dict[str, Folder] = {}
"""Folders that are whole; `warm_up` makes them."""


def warm_up(folder: Path) -> None:
    """Import the commands and what models need, make the whole folders, and prepare the problems."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    commands.warm_up()
    _whole.update(tiny_models.make(folder / "models"))
    import spurious_rewards.generation.generate
    import spurious_rewards.training.segment  # noqa: F401

    (folder / "checkout").mkdir()
    os.chdir(folder / "checkout")
    commands.checkout(Path())
    rows = [{"id": f"p{i}", "problem": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(1, 4)]
    Path("problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("mine.yaml").write_text(yaml.safe_dump(SUITE))
    planned = commands.plan("--printshellcmds", "results/mine/problems/mine.parquet")
    assert not commands.refusal(commands.stage("prepare", planned))


def case(seed: int, number: int) -> Case:
    """A folder with one wrong thing, the prompt that its model is given, and whether it is trained."""
    random = generator("model_folders", seed, number)
    name = random.choice(list(_whole))
    files = dict(_whole[name])
    way = random.choice([_json, _json, _json, _settings, _settings, _tokenizer, _tokenizer, _template, _weights, _files])
    wrong = way(random, files)
    prompt = random.choice(["chat", "system"] if way is _template else list(PROMPTS))
    return Case(number, f"{name}, {prompt}: {wrong}", (files, prompt, number % TRAINED == 0))


def judge(case: Case, shared: Path) -> Verdict:
    """Have the model answer three problems in four tokens each, and train it for a step."""
    files, prompt, trained = case.content
    commands.checkout(Path())
    for path in (shared / "checkout").iterdir():
        if not Path(path.name).exists():
            Path(path.name).symlink_to(path)
    Path("results").unlink()
    problems = Path("results/mine/problems")
    problems.mkdir(parents=True)
    for path in (shared / "checkout" / problems).iterdir():
        (problems / path.name).write_bytes(path.read_bytes())
    _lay(files, Path("model"))
    diagnosed = commands.product("doctor")
    if diagnosed.said or not diagnosed.output.startswith("The suite "):
        commands.refusal(diagnosed)
    said = _run("generate", f"results/mine/models/mine/base/{prompt}/responses.parquet")
    if not said:
        _right(case)
    if trained and not said:
        said = _run("train", f"results/mine/runs/mine/{prompt}/random/default/seeds0/segments/0-1/checkpoints")
    return Verdict(REFUSED, said) if said else Verdict(ANSWERS)


def _lay(files: Folder, folder: Path) -> None:
    """Write a folder; what a name ends in says what else than a file it is."""
    folder.mkdir()
    for name, content in files.items():
        path = folder / name.removesuffix(LINK).removesuffix(DIRECTORY)
        path.parent.mkdir(exist_ok=True)
        if name.endswith(LINK):
            path.symlink_to(content.decode())
        elif name.endswith(DIRECTORY):
            path.mkdir()
        else:
            path.write_bytes(content)


def _run(stage: str, target: str) -> str:
    """What a stage refuses, when it is planned or at work."""
    planned = commands.plan("--printshellcmds", target)
    return commands.refusal(planned) or commands.refusal(commands.stage(stage, planned))


def _right(case: Case) -> None:
    """Whether what answered was the model of the folder, with the tokens of the folder.

    Raises:
        Wrong: its weights hold NaN, or texts become other ids than those of its tokenizer.json.
    """
    from tokenizers import Tokenizer

    from spurious_rewards.models.loading import load_tokenizer

    if case.wrong.endswith(NAN):
        raise Wrong("wrong result", "weights that hold NaN answer")
    text = Tokenizer.from_file("model/tokenizer.json")
    text.no_truncation()
    wanted = text.encode(PROBE, add_special_tokens=False).ids
    got = load_tokenizer(Path("model")).encode(PROBE, add_special_tokens=False)
    if got != wanted:
        raise Wrong("wrong result", f"{got}\n{wanted}\nother ids than those of tokenizer.json")


# ---------------------------------------------------------------- files

LINK, DIRECTORY = " (link)", " (folder)"

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1234\n"

CONTENTS: dict[str, bytes] = {
    **{"nothing": b"", "an LFS pointer": POINTER, "HTML": b"<!DOCTYPE html><html>401</html>", "zeros": b"\0" * 1000},
    **{"null": b"null", "a list": b"[]", "an object": b"{}", "a text": b'"text"', "a number": b"1", "half an object": b'{"a": 1,'},
}  # fmt: skip


def _files(random: Random, files: Folder) -> str:
    """A file that is missing, is a link or a folder, or holds something else; or one more."""
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


def _json(random: Random, files: Folder) -> str:
    """A JSON file with a wrong key, a wrong value, or damaged text."""
    names = [name for name in files if name.endswith(".json")]
    name = random.choice([*names, "config.json", "config.json", "tokenizer.json"])
    text = files[name].decode()
    if random.random() < 0.25:
        wrong, files[name] = damage.text(random, text)
        return f"{name}: {wrong}"
    data = json.loads(text)
    section = random.choice(list(data))
    path, old = random.choice([node for node in damage.nodes(data[section], (section,))][:200])
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
    *[("config.json", {key: value}) for key in ("dtype", "torch_dtype") for value in ("float8_e4m3fn", "nosuch", "int8", None, 16, "auto")],
    *[
        (name, {key: value})
        for name in ("config.json", "generation_config.json")
        for key in ("eos_token_id", "bos_token_id", "pad_token_id")
        for value in ("2", "</s>", -1, 10**9, [], [2, -1], [2, "3"], None, 2.5, True, [[2]], {"id": 2}, tiny_models.VOCABULARY - 1)
    ],
    *[
        ("generation_config.json", setting)
        for setting in (
            *({"max_length": 1}, {"max_new_tokens": 0}, {"temperature": 0}, {"temperature": "high"}, {"top_k": -5}, {"num_beams": 4}),
            *({"do_sample": "yes"}, {"repetition_penalty": 0}, {"no_repeat_ngram_size": 1}, {"forced_eos_token_id": 99999}, {"suppress_tokens": [99999]}),
            *({"cache_implementation": "nosuch"}, {"use_cache": False}, {"guidance_scale": 3.0}, {"stop_strings": "a"}, {"bad_words_ids": [[99999]]}),
            *({"nosuch": 1}, {"transformers_version": None}, {"begin_suppress_tokens": "x"}, {"num_return_sequences": 3}, {"return_dict_in_generate": True}),
            *({"prompt_lookup_num_tokens": 3}, {"assistant_early_exit": 1}, {"compile_config": {"x": 1}}, {"penalty_alpha": 0.6}, {"output_scores": True}),
        )
    ],
    *[
        ("config.json", setting)
        for setting in (
            *({"vocab_size": 10}, {"vocab_size": 10**7}, {"vocab_size": 0}, {"vocab_size": -1}, {"tie_word_embeddings": "no"}, {"attn_implementation": "nosuch"}),
            *({"_attn_implementation": "flash_attention_2"}, {"num_attention_heads": 3}, {"num_attention_heads": 0}, {"num_key_value_heads": 3}, {"head_dim": 7}),
            *({"num_hidden_layers": 0}, {"num_hidden_layers": 5}, {"hidden_size": 33}, {"hidden_size": 0}, {"intermediate_size": 1}, {"hidden_act": "nosuch"}),
            *({"max_position_embeddings": 0}, {"max_position_embeddings": 10}, {"max_position_embeddings": None}, {"max_position_embeddings": 1e6}),
            *({"is_encoder_decoder": True}, {"use_cache": False}, {"sliding_window": 1}, {"layer_types": ["nosuch"] * 2}, {"layer_types": []}, {"text_config": {}}),
            *({"rms_norm_eps": "1e-6"}, {"rms_norm_eps": math.nan}, {"initializer_range": None}, {"attention_dropout": 0.9}, {"transformers_version": "99.0"}),
            *({"output_hidden_states": True}, {"return_dict": False}, {"torchscript": True}, {"pruned_heads": {"0": [1]}}, {"id2label": 1}, {"problem_type": "x"}),
        )
    ],
]  # fmt: skip


def _settings(random: Random, files: Folder) -> str:
    """Settings that make sense to some loader and not to this one."""
    name, change = random.choice(SETTINGS)
    data = json.loads(files[name]) | change
    files[name] = json.dumps(data).encode()
    if "auto_map" in change:
        files |= {script: content for script, content in MORE.items() if script.endswith(".py")}
    return f"{name}: {damage.shown(change)}"


# ---------------------------------------------------------------- tokenizers

CLASSES = [
    *("LlamaTokenizerFast", "LlamaTokenizer", "GPT2TokenizerFast", "GPT2Tokenizer", "Qwen2Tokenizer", "Qwen2TokenizerFast", "CodeGenTokenizer"),
    *("GemmaTokenizer", "BloomTokenizerFast", "GPTNeoXTokenizerFast", "BertTokenizer", "T5TokenizerFast", "PreTrainedTokenizer", "TikTokenTokenizer"),
    *("PreTrainedTokenizerFast", "TokenizersBackend", "NosuchTokenizer", "", None, 1, ["x"], "AutoTokenizer", "MistralCommonTokenizer", "ByT5Tokenizer"),
]  # fmt: skip

SPLIT = {"type": "Split", "pattern": {"Regex": "\\d|[^\\d]+"}, "behavior": "Isolated", "invert": False}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}

PARTS: list[tuple[str, Any]] = [
    *[("pre_tokenizer", kind) for kind in (None, {"type": "Whitespace"}, {"type": "Digits", "individual_digits": True}, {"type": "Nosuch"})],
    ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [SPLIT, BYTES | {"use_regex": False}]}),
    ("pre_tokenizer", BYTES | {"add_prefix_space": True}),
    ("pre_tokenizer", {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}),
    ("pre_tokenizer", {"type": "Split", "pattern": {"Regex": "(("}, "behavior": "Isolated", "invert": False}),
    *[("normalizer", kind) for kind in ({"type": "Lowercase"}, {"type": "NFKC"}, {"type": "Nosuch"}, {"type": "Strip", "strip_left": True, "strip_right": True})],
    *[("decoder", kind) for kind in (None, {"type": "Fuse"}, {"type": "Nosuch"})],
    ("post_processor", {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                        "pair": [{"Sequence": {"id": "A", "type_id": 0}}], "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}),
    ("truncation", {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}),
    ("padding", {"strategy": {"Fixed": 50}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 3, "pad_type_id": 0, "pad_token": "<pad>"}),
    *[("version", version) for version in ("2.0", None, 1)],
    *[("model", kind) for kind in (None, {}, {"type": "Nosuch"}, {"type": "WordLevel", "vocab": {"<unk>": 0}, "unk_token": "<unk>"})],
    ("model", {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"], "unk_token": None}),
    ("model", {"type": "Unigram", "vocab": [["<unk>", 0.0], ["▁a", -1.0]], "unk_id": 0, "byte_fallback": False}),
    *[("added_tokens", tokens) for tokens in ([], None, [{"id": 5}], "x")],
]  # fmt: skip

TOKENS = ["eos_token", "pad_token", "bos_token", "unk_token"]


def _tokenizer(random: Random, files: Folder) -> str:
    """Another class, another part of the tokenizer, tokens that are missing or lie beyond the embedding."""
    config, tokens = json.loads(files["tokenizer_config.json"]), json.loads(files["tokenizer.json"])
    way = random.choice(["class", "class", "part", "part", "no ends", "token", "beyond", "keys", "no config"])
    if way == "class":
        config["tokenizer_class"] = random.choice(CLASSES)
        wrong = f"class {config['tokenizer_class']!r}"
    elif way == "part":
        part, new = random.choice(PARTS)
        tokens[part] = new
        wrong = f"{part} {damage.shown(new)}"
    elif way == "no ends":
        some = random.sample(TOKENS, random.randrange(1, 5))
        for token in some:
            config.pop(token, None)
        wrong = f"no {', '.join(some)}"
    elif way == "token":
        token = random.choice(TOKENS)
        config[token] = random.choice(["<new>", "", None, 1, ["x"], {"content": "<new>"}, {"__type": "AddedToken"}, "a", " "])
        wrong = f"{token} {config[token]!r}"
    elif way == "beyond":
        id_ = random.choice([tiny_models.VOCABULARY + 5, 10**6, 2**31, tiny_models.VOCABULARY - 1])
        added = tokens["added_tokens"]
        added.append(added[0] | {"id": id_, "content": random.choice(["What", " is", "<|x|>", "1"])})
        wrong = f"{added[-1]['content']!r} has the id {id_}"
    elif way == "keys":
        key, new = random.choice(
            [
                *(("model_max_length", 3), ("model_max_length", "x"), ("padding_side", "nosuch"), ("truncation_side", "left")),
                *(("add_bos_token", True), ("add_prefix_space", True), ("clean_up_tokenization_spaces", True), ("split_special_tokens", True)),
                *(("added_tokens_decoder", {"x": 1}), ("added_tokens_decoder", {"7": {"content": "<y>"}}), ("extra_special_tokens", ["<y>"])),
                *(("extra_special_tokens", {"image": "<y>"}), ("backend", "nosuch"), ("fix_mistral_regex", True), ("use_fast", False), ("legacy", True)),
                *(("from_slow", True), ("vocab_file", "x"), ("tokenizer_file", "x"), ("name_or_path", 1), ("chat_template", 1), ("is_local", 0)),
            ]
        )  # fmt: skip
        config[key] = new
        wrong = f"{key} {new!r}"
    else:
        del files["tokenizer_config.json"]
        files["tokenizer.json"] = json.dumps(tokens).encode()
        return "no tokenizer_config.json"
    files |= {"tokenizer_config.json": json.dumps(config).encode(), "tokenizer.json": json.dumps(tokens).encode()}
    return f"tokenizer: {wrong}"


TEMPLATES = [
    *("", " ", "{{ messages }}", "{% for message in messages %}", "{{ undefined_name }}", "{{ messages[0]['content'] }}", "{{ 1 / 0 }}", "{{"),
    *("{{ raise_exception('no system role') if messages[0]['role'] == 'system' }}{{ messages[-1]['content'] }}",),
    *("{{ raise_exception('roles must alternate') }}", "{{ messages | nosuch }}", "{{ nosuch(messages) }}", "{{ messages[5]['content'] }}"),
    *("{{ strftime_now('%d %b %Y') }}{{ messages[-1]['content'] }}", "{{ messages[-1]['content'][0]['text'] }}", "{{ bos_token + nosuch_token }}"),
    *("{% include 'x' %}", "{% import 'os' as os %}", "{{ ''.__class__.__mro__ }}", "{{ cycler.__init__.__globals__.os.system('touch executed') }}"),
    *("{{ messages[-1]['content'] | tojson }}", "{% generation %}{{ messages[-1]['content'] }}{% endgeneration %}", "{{ messages[-1].content.strip() }}"),
    *("{% if tools %}x{% endif %}{{ messages[-1]['content'] }}", "{{ messages[-1]['content'] * 100000 }}", "{% for i in range(10**9) %}x{% endfor %}"),
    *("<s>{{ messages[-1]['content'] }}", "{{ messages[-1]['content'] }}</s>", "{{ messages[-1]['content'] }}\n\n  ", "\ufeff{{ messages[-1]['content'] }}"),
    *("{%- set x = namespace(y=1) -%}{{ x.z }}", "{% do messages.append(1) %}", "{% break %}", "{{ messages[-1]['content'] }}{{ now() }}", "{{ None }}"),
    *("{{ messages[-1]['thinking'] }}", "{{ messages[-1]['content'].split('</think>')[1] }}", "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}"),
]  # fmt: skip


def _template(random: Random, files: Folder) -> str:
    """A chat template that is missing, broken, of several, or asks for what is not there."""
    template = random.choice(TEMPLATES)
    place = random.choice(["chat_template.jinja", "chat_template.jinja", "tokenizer_config.json", "several", "bytes", "gone"])
    old = files.pop("chat_template.jinja", b"")
    config = json.loads(files["tokenizer_config.json"])
    wrong = f"{place} {damage.shown(template)}"
    if place == "chat_template.jinja":
        files[place] = template.encode()
    elif place == "bytes":
        wrong, files["chat_template.jinja"] = damage.text(random, old.decode())
        return f"chat_template.jinja: {wrong}"
    elif place == "tokenizer_config.json":
        config["chat_template"] = random.choice([template, template, template, [template], {"default": template}, 1])
        wrong = f"chat_template {damage.shown(config['chat_template'])}"
    elif place == "several":
        names = random.choice([["default", "tool_use"], ["tool_use", "rag"], ["default"], [""]])
        config["chat_template"] = [{"name": name, "template": random.choice([template, old.decode()])} for name in names]
        wrong = f"templates {names}"
    files["tokenizer_config.json"] = json.dumps(config).encode()
    return wrong


# ---------------------------------------------------------------- weights

NAN = "is NaN"


def _weights(random: Random, files: Folder) -> str:
    """Weights that are cut, of another shape or type, missing, too many, or no numbers."""
    import torch
    from safetensors.torch import load, save

    name = random.choice([name for name in files if name.endswith(".safetensors")])
    raw = files[name]
    way = random.choice(["cut", "header", "bytes", "nan", "nan", "inf", "zero", "shape", "type", "gone", "more", "called", "pickle"])
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
        tensors[key] = random.choice([old[:1], torch.cat([old, old]), old.unsqueeze(0), old.flatten(), old[:0]]).contiguous()
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
