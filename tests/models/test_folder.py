"""The check of model folders reports each fault with the right file, and reports nothing for sound folders."""

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_folders import (
    ARCHITECTURES,
    BROKEN,
    INDEX,
    POINTER,
    ROWS,
    TEMPLATE,
    add_token,
    broken,
    byte_level,
    change,
    make,
)

from spurious_rewards.config.models import Prompt
from spurious_rewards.models import configuration
from spurious_rewards.models.configuration import ROPE_TYPES, embeddings, positions, read_config
from spurious_rewards.models.folder import faults

RAW, CHAT, SYSTEM = Prompt(kind="raw"), Prompt(kind="chat"), Prompt(kind="chat", system="Be plain.")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("folders") / "sound")


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    """Return a copy of the sound folder that a test may damage."""
    return Path(shutil.copytree(sound, tmp_path / "copy"))


# ---------------------------------------------------------------- sound folders


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_sound_folder_has_no_fault(architecture: str, tmp_path: Path) -> None:
    assert faults(make(tmp_path / "sound", architecture), [RAW, CHAT, SYSTEM]) == []


def test_folders_of_our_own_have_no_fault(tiny_model: Path, organism_model: Path) -> None:
    assert faults(tiny_model, [RAW, CHAT]) == []
    assert faults(organism_model, [RAW]) == []


@pytest.mark.parametrize(
    "harmless",
    [
        {"pad_token_id": -1},  # old Llama folders say in this way that there is no padding token
        {"eos_token_id": None},
        {"eos_token_id": [1, 2]},
        {"quantization_config": None},
        {"auto_map": {"AutoModelForCausalLM": "modeling_llama.Llama"}},  # next to an architecture that transformers has
        {"rope_scaling": {"rope_type": "linear", "factor": 2.0}},
        {"vocab_size": None},
        {"max_position_embeddings": None},
    ],
    ids=json.dumps,
)
def test_what_does_no_harm_is_no_fault(folder: Path, harmless: dict[str, Any]) -> None:
    change(folder, "config.json", **harmless)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | harmless))
    assert faults(folder, [RAW, CHAT]) == []


@pytest.mark.parametrize("ended_by", ["a stop string", "an id", "a special token", "a token made special", "nothing"])
def test_a_chat_response_must_end_where_the_template_closes_it(folder: Path, ended_by: str) -> None:
    closing = "\n<|user|>\n" if ended_by == "a special token" else "~\n"
    (folder / "chat_template.jinja").write_text(TEMPLATE.replace("</s>", closing))
    prompt = Prompt(kind="chat", stop=("~",) if ended_by == "a stop string" else ())
    if ended_by == "an id":
        words = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
        change(folder, "generation_config.json", eos_token_id=[1, words["~"]])
    if ended_by == "a token made special":
        change(folder, "tokenizer_config.json", additional_special_tokens=["~"])
    found = faults(folder, [prompt])
    assert [fault.file.name for fault in found] == ["chat_template.jinja"] * (ended_by == "nothing")
    assert all('put it under `stop` of the prompt (stop: ["~"])' in fault.mend for fault in found)


def test_a_token_beyond_the_embedding_that_no_prompt_has_is_no_fault(folder: Path) -> None:
    """Gemma 3's tokenizer has such a token for images; its text-only models have no embedding for it."""
    add_token(folder, "<image>")
    assert faults(folder, [RAW, CHAT]) == []


def test_a_padding_token_beyond_the_embedding_is_no_fault(folder: Path) -> None:
    add_token(folder, "<pad>")
    change(folder, "tokenizer_config.json", pad_token="<pad>")
    assert faults(folder, [RAW, CHAT]) == []


def test_files_that_nothing_reads_do_not_matter(folder: Path) -> None:
    for name in (
        "pytorch_model.bin",
        "consolidated.safetensors",
        "README.md",
        "preprocessor_config.json",
        "vocab.json",
    ):
        (folder / name).write_bytes(POINTER)
    (folder / "broken.json").write_text("{")
    assert faults(folder, [RAW, CHAT]) == []


@pytest.mark.parametrize("lossy", ["no words for spaces", "unknown words", "no words for letters"])
def test_a_tokenizer_that_has_no_words_for_something_loses_nothing(folder: Path, lossy: str) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    made = Tokenizer(
        {
            "no words for spaces": models.WordLevel({"[UNK]": 0, "</s>": 1, "1": 2, "+": 3}, unk_token="[UNK]"),
            "unknown words": models.WordLevel({"</s>": 0, "sum": 1}),
            "no words for letters": models.BPE({"</s>": 0, "1": 1, "+": 2}, merges=[]),
        }[lossy]
    )
    made.pre_tokenizer, made.decoder = pre_tokenizers.Whitespace(), decoders.Fuse()
    made.save(str(folder / "tokenizer.json"))
    assert faults(folder, [RAW]) == []


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize("embeddings_said", [True, False])
def test_a_tokenizer_without_tokens_for_the_prompt_is_a_fault(folder: Path, embeddings_said: bool) -> None:
    from tokenizers import Tokenizer, models

    Tokenizer(models.BPE({"</s>": 0, "~": 1}, merges=[])).save(str(folder / "tokenizer.json"))
    if not embeddings_said:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "vocab_size": None}))
    found = faults(folder, [RAW])
    assert [(fault.file.name, fault.wrong) for fault in found] == [
        ("tokenizer.json", "makes no token of the suite's prompt")
    ]


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_said_with_its_file(name: str, sound: Path, tmp_path: Path) -> None:
    damage = BROKEN[name]
    copy = broken(tmp_path / "copy", sound, damage)
    found = faults(copy, [SYSTEM if damage.chat else RAW])
    assert all(fault.mend for fault in found)
    assert any(fault.file == copy / damage.file and re.search(damage.said, fault.wrong) for fault in found), found
    if damage.chat:
        assert faults(copy, [RAW]) == []


def test_all_that_is_wrong_is_said_at_once(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(POINTER)
    change(folder, "config.json", quantization_config={"quant_method": "awq"})
    change(folder, "generation_config.json", eos_token_id="</s>")
    assert [fault.file.name for fault in faults(folder)] == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
    ]


def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    for name in ("tokenizer_config.json", "model.safetensors"):
        (folder / name).unlink()
        (folder / name).symlink_to("/proc/self/mem")  # reading its beginning fails, even for root
    found = faults(folder)
    assert [fault.file.name for fault in found] == ["tokenizer_config.json", "model.safetensors"]
    assert all(fault.wrong == "cannot be read (Input/output error)" for fault in found)


@pytest.mark.parametrize("name", ["vocab.json", "merges.txt", "tokenizer.model"])
def test_what_a_tokenizer_is_made_of_without_a_tokenizer_json_is_looked_at(name: str, folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text("{}")
    (folder / name).write_bytes(POINTER)
    [fault] = faults(folder)
    assert (fault.file.name, fault.wrong) == (name, "a Git LFS pointer, not the file that it stands for")


@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", INDEX]
)
def test_a_file_that_is_too_large_to_be_read_is_named(name: str, folder: Path) -> None:
    if name == INDEX:
        (folder / "model.safetensors").unlink()
    with (folder / name).open("ab") as file:
        file.truncate(2 * 10**9)  # a sparse file, which takes no disk space
    assert f"{folder / name}: has more than 100 MB, the limit for such a file" in {
        fault.said for fault in faults(folder)
    }


def test_no_folder_and_one_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("nowhere", "file", "file/below", "nul\0"):
        [fault] = faults(tmp_path / name)
        assert fault.wrong == "no such model folder"


def test_packed_weights_are_quantised_whatever_the_configuration_says(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.0.mlp.up_proj.weight"] = torch.zeros(16, 4, dtype=torch.int32)
    save_file(tensors, folder / "model.safetensors")
    [fault] = faults(folder)
    assert fault.wrong == "quantised weights (model.layers.0.mlp.up_proj.weight is I32)"


def test_tokens_drawn_by_chance(folder: Path) -> None:
    made = byte_level()
    made.model.dropout = 0.1
    made.save(str(folder / "tokenizer.json"))
    [fault] = faults(folder)
    assert "dropout = 0.1" in fault.wrong


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
PARTS = st.dictionaries(
    st.sampled_from(["rope_type", "type", "quant_method", "vocab_size", "content", "default"]), JSON
)
KEYS = (
    *("rope_scaling", "rope_parameters", "quantization_config", "text_config", "auto_map", "model_type", "vocab_size"),
    *("eos_token_id", "pad_token_id", "chat_template", "eos_token", "added_tokens_decoder", "weight_map", "model"),
)
FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "tokenizer.json",
    "model.safetensors.index.json",
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_whatever_a_folder_holds_there_is_an_answer(sound: Path, tmp_path: Path, data: st.DataObject) -> None:
    """The check returns a printable list for any bytes, any JSON, and any other value in a file."""
    copy = tmp_path / "copy"
    shutil.copytree(sound, copy, dirs_exist_ok=True)
    (copy / "model.safetensors.index.json").unlink(missing_ok=True)
    path = copy / data.draw(st.sampled_from(FILES))
    if path.name.endswith(".index.json"):
        (copy / "model.safetensors").unlink()
    content: Any = json.loads(path.read_text("utf-8")) if path.exists() else {"weight_map": {}}
    how = data.draw(st.sampled_from(["bytes", "json", "value"]))
    if how == "bytes":
        path.write_bytes(data.draw(st.binary(max_size=60)))
    elif how == "json":
        path.write_text(json.dumps(data.draw(JSON)))
    else:
        content[data.draw(st.sampled_from(sorted({*content, *KEYS})))] = data.draw(JSON | PARTS)
        path.write_text(json.dumps(content))
    for fault in faults(copy, [RAW, SYSTEM]):
        assert "cannot be looked at" not in fault.wrong
        str(fault).encode()


# ---------------------------------------------------------------- imports, and what the check knows of transformers


def test_neither_torch_nor_transformers_is_loaded(sound: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from spurious_rewards.models.folder import faults\n"
        "from spurious_rewards.config.models import Prompt\n"
        "assert faults(Path(sys.argv[1]), [Prompt(kind='chat')]) == []\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, str(sound)], check=True)


def test_all_rope_types_of_transformers_are_known() -> None:
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    assert set(ROPE_INIT_FUNCTIONS) <= ROPE_TYPES


def test_all_architectures_of_transformers_are_known(folder: Path) -> None:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    for name in CONFIG_MAPPING_NAMES:
        (folder / "config.json").write_text(json.dumps({"model_type": name}))
        assert faults(folder) == [], name


def test_positions_by_whatever_name(tmp_path: Path) -> None:
    assert {name: positions(read_config(make(tmp_path / name, name))) for name in ARCHITECTURES} == {
        **dict.fromkeys(ARCHITECTURES, 256),
        "bloom": math.inf,
        "mamba": math.inf,
    }
    assert positions({"max_position_embeddings": "many", "n_positions": 7}) == 7


def test_of_a_model_that_sees_the_part_that_writes_counts(folder: Path) -> None:
    text = {"vocab_size": ROWS, "max_position_embeddings": 64}
    (folder / "config.json").write_text(json.dumps({"model_type": "gemma3", "vocab_size": 9, "text_config": text}))
    config = read_config(folder)
    assert (embeddings(config), positions(config)) == (ROWS, 64)
    assert embeddings({}) is None


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"transformers_weights": "sub/model.safetensors"}, "names other weights than those that are checked"),
        ({"attn_implementation": "somebody/kernel"}, "attn_implementation names code from elsewhere"),
        ({"num_hidden_layers": 10**7}, "num_hidden_layers = 10000000, and the limit is 1,000"),
        ({"num_labels": 10**8}, "num_labels = 100000000"),
        ({"intermediate_size": 10**9}, "intermediate_size = 1000000000"),
        ({"n_layer": 10**9}, "n_layer = 1000000000, and the limit is 1,000"),
        ({"decoder_layers": 10**9}, "decoder_layers = 1000000000"),
        ({"vision_config": {"num_labels": 10**8}}, "num_labels = 100000000"),
        ({"parts": [{"num_hidden_layers": 10**8}]}, "num_hidden_layers = 100000000"),
    ],
)
def test_what_a_configuration_must_not_ask_for(keys: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    found = list(configuration.faults(path, {"model_type": "llama", **keys}))
    assert [said in str(fault) for fault in found] == [True]
