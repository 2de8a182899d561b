"""Damage to the tokenizer of a model folder or to its chat template; see `model_damage`."""

import json
from random import Random
from typing import Any

import damage
import tiny_models
from tiny_models import Folder

CLASSES = [
    *("LlamaTokenizerFast", "LlamaTokenizer", "GPT2TokenizerFast", "GPT2Tokenizer", "Qwen2Tokenizer"),
    *("Qwen2TokenizerFast", "CodeGenTokenizer"),
    *("GemmaTokenizer", "BloomTokenizerFast", "GPTNeoXTokenizerFast", "BertTokenizer", "T5TokenizerFast"),
    *("PreTrainedTokenizer", "TikTokenTokenizer"),
    *("PreTrainedTokenizerFast", "TokenizersBackend", "NosuchTokenizer", "", None, 1, ["x"], "AutoTokenizer"),
    *("MistralCommonTokenizer", "ByT5Tokenizer"),
]  # fmt: skip

SPLIT = {"type": "Split", "pattern": {"Regex": "\\d|[^\\d]+"}, "behavior": "Isolated", "invert": False}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}

PARTS: list[tuple[str, Any]] = [
    *[
        ("pre_tokenizer", kind)
        for kind in (None, {"type": "Whitespace"}, {"type": "Digits", "individual_digits": True}, {"type": "Nosuch"})
    ],
    ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [SPLIT, BYTES | {"use_regex": False}]}),
    ("pre_tokenizer", BYTES | {"add_prefix_space": True}),
    ("pre_tokenizer", {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}),
    ("pre_tokenizer", {"type": "Split", "pattern": {"Regex": "(("}, "behavior": "Isolated", "invert": False}),
    *[
        ("normalizer", kind)
        for kind in (
            {"type": "Lowercase"},
            {"type": "NFKC"},
            {"type": "Nosuch"},
            {"type": "Strip", "strip_left": True, "strip_right": True},
        )
    ],
    *[("decoder", kind) for kind in (None, {"type": "Fuse"}, {"type": "Nosuch"})],
    (
        "post_processor",
        {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
    ),
    ("truncation", {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}),
    (
        "padding",
        {
            "strategy": {"Fixed": 50},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 3,
            "pad_type_id": 0,
            "pad_token": "<pad>",
        },
    ),
    *[("version", version) for version in ("2.0", None, 1)],
    *[
        ("model", kind)
        for kind in (None, {}, {"type": "Nosuch"}, {"type": "WordLevel", "vocab": {"<unk>": 0}, "unk_token": "<unk>"})
    ],
    ("model", {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"], "unk_token": None}),
    ("model", {"type": "Unigram", "vocab": [["<unk>", 0.0], ["▁a", -1.0]], "unk_id": 0, "byte_fallback": False}),
    *[("added_tokens", tokens) for tokens in ([], None, [{"id": 5}], "x")],
]

TOKENS = ["eos_token", "pad_token", "bos_token", "unk_token"]


def tokenizer(random: Random, files: Folder) -> str:
    """Change the class or a part of the tokenizer, remove tokens, or put tokens beyond the embedding."""
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
        config[token] = random.choice(
            ["<new>", "", None, 1, ["x"], {"content": "<new>"}, {"__type": "AddedToken"}, "a", " "]
        )
        wrong = f"{token} {config[token]!r}"
    elif way == "beyond":
        id_ = random.choice([tiny_models.VOCABULARY + 5, 10**6, 2**31, tiny_models.VOCABULARY - 1])
        added = tokens["added_tokens"]
        added.append(added[0] | {"id": id_, "content": random.choice(["What", " is", "<|x|>", "1"])})
        wrong = f"{added[-1]['content']!r} has the id {id_}"
    elif way == "keys":
        key, new = random.choice(
            [
                *(("model_max_length", 3), ("model_max_length", "x"), ("padding_side", "nosuch")),
                *(("truncation_side", "left"),),
                *(("add_bos_token", True), ("add_prefix_space", True), ("clean_up_tokenization_spaces", True)),
                *(("split_special_tokens", True),),
                *(("added_tokens_decoder", {"x": 1}), ("added_tokens_decoder", {"7": {"content": "<y>"}})),
                *(("extra_special_tokens", ["<y>"]),),
                *(("extra_special_tokens", {"image": "<y>"}), ("backend", "nosuch"), ("fix_mistral_regex", True)),
                *(("use_fast", False), ("legacy", True)),
                *(("from_slow", True), ("vocab_file", "x"), ("tokenizer_file", "x"), ("name_or_path", 1)),
                *(("chat_template", 1), ("is_local", 0)),
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
    *("", " ", "{{ messages }}", "{% for message in messages %}", "{{ undefined_name }}"),
    *("{{ messages[0]['content'] }}", "{{ 1 / 0 }}", "{{"),
    *("{{ raise_exception('no system role') if messages[0]['role'] == 'system' }}{{ messages[-1]['content'] }}",),
    *("{{ raise_exception('roles must alternate') }}", "{{ messages | nosuch }}", "{{ nosuch(messages) }}"),
    *("{{ messages[5]['content'] }}",),
    *("{{ strftime_now('%d %b %Y') }}{{ messages[-1]['content'] }}", "{{ messages[-1]['content'][0]['text'] }}"),
    *("{{ bos_token + nosuch_token }}",),
    *("{% include 'x' %}", "{% import 'os' as os %}", "{{ ''.__class__.__mro__ }}"),
    *("{{ cycler.__init__.__globals__.os.system('touch executed') }}",),
    *("{{ messages[-1]['content'] | tojson }}", "{% generation %}{{ messages[-1]['content'] }}{% endgeneration %}"),
    *("{{ messages[-1].content.strip() }}",),
    *("{% if tools %}x{% endif %}{{ messages[-1]['content'] }}", "{{ messages[-1]['content'] * 100000 }}"),
    *("{% for i in range(10**9) %}x{% endfor %}",),
    *("<s>{{ messages[-1]['content'] }}", "{{ messages[-1]['content'] }}</s>", "{{ messages[-1]['content'] }}\n\n  "),
    *("\ufeff{{ messages[-1]['content'] }}",),
    *("{%- set x = namespace(y=1) -%}{{ x.z }}", "{% do messages.append(1) %}", "{% break %}"),
    *("{{ messages[-1]['content'] }}{{ now() }}", "{{ None }}"),
    *("{{ messages[-1]['thinking'] }}", "{{ messages[-1]['content'].split('</think>')[1] }}"),
    *("{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}",),
]  # fmt: skip


def template(random: Random, files: Folder) -> str:
    """Remove or break the chat template, put several in its place, or let it use what does not exist."""
    template = random.choice(TEMPLATES)
    place = random.choice(
        ["chat_template.jinja", "chat_template.jinja", "tokenizer_config.json", "several", "bytes", "gone"]
    )
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
        config["chat_template"] = [
            {"name": name, "template": random.choice([template, old.decode()])} for name in names
        ]
        wrong = f"templates {names}"
    files["tokenizer_config.json"] = json.dumps(config).encode()
    return wrong
