import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GenerationConfig

from spurious_rewards.artifacts.hub import download_model
from spurious_rewards.models.loading import check, ending_tokens, generation_settings, load_model, load_tokenizer
from spurious_rewards.runtime.errors import UserError


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(tiny_model, tmp_path / "copy"))


def test_a_whole_folder_loads_in_the_precision_asked_for(tiny_model: Path):
    assert load_model(tiny_model, "float32").dtype == torch.float32
    assert load_model(tiny_model, "bfloat16").dtype == torch.bfloat16
    assert load_tokenizer(tiny_model).pad_token == "<pad>"


def test_a_tokenizer_of_its_own_stays_one_beside_a_qwen2_model(tiny_model: Path):
    tokenizer = load_tokenizer(tiny_model)
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode("add 7")) == ["<begin>", *"add 7"]


def test_a_missing_padding_token_becomes_the_ending_one(folder: Path):
    tokenizer = load_tokenizer(folder)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(folder)
    assert load_tokenizer(folder).pad_token == "<end>"


def test_of_the_generation_settings_only_the_ending_tokens_are_kept(folder: Path):
    GenerationConfig(do_sample=True, top_k=3, repetition_penalty=9.0, eos_token_id=[1, 7]).save_pretrained(folder)
    model = load_model(folder, "float32")
    assert model.generation_config.repetition_penalty is None
    assert model.generation_config.top_k is None
    assert ending_tokens(model.generation_config, load_tokenizer(folder)) == [1, 7]


def test_the_tokenizer_s_ending_token_counts_too(folder: Path):
    GenerationConfig(eos_token_id=7).save_pretrained(folder)
    assert ending_tokens(generation_settings(folder), load_tokenizer(folder)) == [1, 7]


@pytest.mark.parametrize("several", [[1, 7], 7, None])
def test_generation_settings_are_those_of_the_loaded_model(folder: Path, several):
    if several is None:
        (folder / "generation_config.json").unlink()
    else:
        GenerationConfig(eos_token_id=several).save_pretrained(folder)
    assert generation_settings(folder).eos_token_id == load_model(folder, "float32").generation_config.eos_token_id


def test_no_such_folder(tmp_path: Path):
    with pytest.raises(UserError, match=r"nowhere: no such model folder"):
        load_model(tmp_path / "nowhere", "float32")


@pytest.mark.parametrize(
    ("file", "named"),
    [("config.json", r"config\.json"), ("tokenizer.json", "tokenizer"), ("model.safetensors", "weights")],
)
@pytest.mark.parametrize("load", [load_tokenizer, lambda folder: load_model(folder, "float32")])
def test_what_is_missing_is_named(folder: Path, file: str, named: str, load):
    (folder / file).unlink()
    with pytest.raises(UserError, match=rf"copy: not a whole model folder, it lacks {named}"):
        load(folder)


def test_a_missing_part_of_sharded_weights_is_named(folder: Path):
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"x": "model-00002-of-00002.safetensors"}}')
    with pytest.raises(UserError, match=r"it lacks model-00002-of-00002\.safetensors"):
        check(folder)


@pytest.mark.parametrize("kept", [0, 4, 200, -1])
def test_truncated_weights(folder: Path, kept: int):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"model\.safetensors: not readable weights, perhaps cut short"):
        load_tokenizer(folder)


def test_weights_that_lack_a_tensor_are_refused_and_not_filled_with_random_values(folder: Path):
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lack 1 tensors, the first model\.norm\.weight"):
        load_model(folder, "float32")


@pytest.mark.parametrize("text", ["{", '{"model_type": "of no library"}'])
def test_a_configuration_that_transformers_cannot_use(folder: Path, text: str):
    (folder / "config.json").write_text(text)
    with pytest.raises(UserError, match=r"copy: cannot be loaded as a causal language model"):
        load_model(folder, "float32")


@pytest.mark.parametrize("hub_id", ["nobody/nothing", "not a hub id"])
def test_a_hub_model_that_cannot_be_had(hub_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=rf"{hub_id} \(revision main\): cannot be had from the Hugging Face hub"):
        download_model(hub_id, "main")
