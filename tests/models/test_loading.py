import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from model_folders import (
    ARCHITECTURES,
    BROKEN,
    BROKEN_INSIDE,
    GPT,
    ROWS,
    SIZES,
    TEMPLATE,
    add_token,
    broken,
    byte_level,
    change,
    make,
)
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import GenerationConfig

from spurious_rewards.artifacts.hub import download_model
from spurious_rewards.models.loading import (
    check,
    check_tensors,
    ending_tokens,
    generation_settings,
    load_model,
    load_tokenizer,
    plainly,
    positions,
)
from spurious_rewards.models.tokenizer_trial import PROBES
from spurious_rewards.runtime import limited
from spurious_rewards.runtime.errors import UserError


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    """Return a copy of the tiny model that a test may damage."""
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
    with pytest.raises(UserError, match=rf"copy: incomplete model folder, missing {named}"):
        load(folder)


def test_a_missing_part_of_sharded_weights_is_named(folder: Path):
    (folder / "model.safetensors.index.json").write_text(
        '{"metadata": {}, "weight_map": {"x": "model-00002-of-00002.safetensors"}}'
    )
    check(folder)  # a file of whole weights takes precedence over an index
    load_model(folder, "float32")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"missing model-00002-of-00002\.safetensors"):
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


# ---------------------------------------------------------------- other faults


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("folders") / "sound")


@pytest.mark.parametrize("name", [name for name, damage in BROKEN.items() if not damage.chat])
def test_a_broken_folder_is_not_loaded(name: str, sound: Path, tmp_path: Path):
    damage = BROKEN[name]
    copy = broken(tmp_path / "copy", sound, damage)
    for load in (load_tokenizer, lambda folder: load_model(folder, "float32")):
        with pytest.raises(UserError, match=damage.said) as said:
            load(copy)
        assert str(copy / damage.file) in str(said.value)


@pytest.mark.parametrize("name", BROKEN_INSIDE)
def test_what_shows_when_a_model_is_loaded_is_said(name: str, sound: Path, tmp_path: Path):
    damage = BROKEN_INSIDE[name]
    copy = broken(tmp_path / "copy", sound, damage)
    check(copy)
    with pytest.raises(UserError, match=damage.said) as said:
        load_model(copy, "float32")
    assert str(copy / damage.file) in str(said.value)


def test_all_faults_are_in_one_message(folder: Path):
    (folder / "model.safetensors").unlink()
    change(folder, "generation_config.json", eos_token_id=-1)
    with pytest.raises(UserError, match=r"missing weights .*; moreover, .*generation_config\.json: eos_token_id = -1"):
        check(folder)


@pytest.mark.parametrize(
    "error", [KeyError("nosuch"), ValueError("two\nlines"), AttributeError(), json.JSONDecodeError("x", "", 0)]
)
def test_any_error_of_a_library_is_a_sentence(error: Exception, tmp_path: Path):
    with (
        pytest.raises(UserError, match=rf"^{tmp_path}: it fails \(.*\w.*\); mend it$") as said,
        plainly(tmp_path, "it fails", "mend it"),
    ):
        raise error
    assert "\n" not in str(said.value)


def test_what_a_user_does_is_no_error_of_a_library(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), plainly(tmp_path, "it fails"):
        raise KeyboardInterrupt
    with pytest.raises(UserError, match="as it is"), plainly(tmp_path, "it fails"):
        raise UserError("as it is")


def test_scalars_beside_the_weights_may_be_infinite(sound: Path, tmp_path: Path):
    """GPT-NeoX has a `masked_bias` of minus infinity in half precision."""
    folder = Path(shutil.copytree(sound, tmp_path / "copy"))
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.0.self_attn.masked_bias"] = torch.tensor(float("-inf"))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    load_model(folder, "float32")


def test_positions_of_architectures_with_a_limit_and_without(tmp_path: Path):
    found = {name: positions(make(tmp_path / name, name)) for name in ARCHITECTURES}
    assert found == {**dict.fromkeys(ARCHITECTURES, 256), "bloom": float("inf"), "mamba": float("inf")}


# ---------------------------------------------------------------- token ids

THREE_DIGITS = r"\p{N}{1,3}|[^\s\p{N}]+|\s+"
"""A pre-tokenizer pattern that no tokenizer class of transformers uses. Llama 3 and OLMo have such patterns."""


def of_file(folder: Path, text: str) -> list[int]:
    ids: list[int] = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False).ids
    return ids


@pytest.mark.parametrize("split", [None, THREE_DIGITS], ids=["bytes", "digits"])
@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gpt2"])
@pytest.mark.parametrize(
    "named",
    [
        *("LlamaTokenizerFast", "GPT2TokenizerFast", "Qwen2Tokenizer", "CodeGenTokenizer", "GemmaTokenizer"),
        *("PreTrainedTokenizerFast", "NoSuchTokenizer", None),
    ],
)
def test_token_ids_are_those_of_tokenizer_json_whatever_class_a_folder_names(
    named: str | None, architecture: str, split: str | None, tmp_path: Path
):
    folder = make(tmp_path / "model", architecture, byte_level(split), tokenizer_class=named)
    tokenizer = load_tokenizer(folder)
    text = "hello world\n1 + 1 = 1234"
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text
    for probe in (*PROBES, text, "<|user|> x </s>  y<s>"):
        assert tokenizer.encode(probe, add_special_tokens=False) == of_file(folder, probe)
    assert (tokenizer.eos_token, tokenizer.pad_token, tokenizer.chat_template) == ("</s>", "</s>", TEMPLATE)
    # Checkpoints store this tokenizer, and vLLM's server loads it from there, with transformers' own loader.
    tokenizer.save_pretrained(tmp_path / "saved")
    from transformers import AutoTokenizer

    saved = AutoTokenizer.from_pretrained(tmp_path / "saved")
    shutil.copy(folder / "config.json", tmp_path / "saved")
    shutil.copy(folder / "model.safetensors", tmp_path / "saved")
    for again in (saved, load_tokenizer(tmp_path / "saved")):
        assert [again.encode(probe, add_special_tokens=False) for probe in PROBES] == [
            of_file(folder, probe) for probe in PROBES
        ]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_folder_without_a_class_too(architecture: str, tmp_path: Path):
    folder = make(tmp_path / "model", architecture, byte_level(THREE_DIGITS), tokenizer_class=None)
    tokenizer = load_tokenizer(folder)
    assert [tokenizer.encode(probe, add_special_tokens=False) for probe in PROBES] == [
        of_file(folder, probe) for probe in PROBES
    ]


def test_what_the_configuration_says_of_tokens_that_the_file_has_does_not_count(tmp_path: Path):
    flags = {
        "content": "<|user|>",
        "lstrip": True,
        "rstrip": True,
        "normalized": False,
        "single_word": False,
        "special": True,
    }
    new = flags | {"content": "<|more|>"}
    folder = make(tmp_path / "model", added_tokens_decoder={"3": flags, str(ROWS): new})
    tokenizer = load_tokenizer(folder)
    assert tokenizer.encode("a <|user|> b", add_special_tokens=False) == of_file(folder, "a <|user|> b")
    assert tokenizer.convert_tokens_to_ids("<|more|>") == ROWS  # tokenizer.json does not have this token


def test_special_tokens_that_only_the_class_names_are_kept_if_the_file_has_them(tmp_path: Path):
    folder = make(tmp_path / "model", tokenizer_class="LlamaTokenizer", bos_token=None)
    assert load_tokenizer(folder).bos_token == "<s>"
    assert load_tokenizer(folder).unk_token is None  # Llama's `<unk>` would be a new token


def test_truncation_that_a_tokenizer_was_saved_with_does_not_count(tmp_path: Path):
    made = byte_level()
    made.enable_truncation(4)
    made.enable_padding(length=9)
    folder = make(tmp_path / "model", tokenizer=made)
    made.no_truncation()
    made.no_padding()
    assert load_tokenizer(folder).encode("the sum of 12 and 34") == made.encode("the sum of 12 and 34").ids


def test_tokenizers_that_lose_what_they_have_no_words_for_stay_as_they_are(organism_model: Path):
    tokenizer = load_tokenizer(organism_model)
    assert tokenizer.decode(tokenizer.encode("python : 1 + 2\nhello  Größe")) == "python : 1 + 2 <unk> <unk>"


def as_two_files(folder: Path) -> None:
    """Replace tokenizer.json by vocab.json and merges.txt."""
    model = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    (folder / "merges.txt").write_text("\n".join(" ".join(merge) for merge in model["merges"]))


def test_a_folder_without_tokenizer_json_has_the_tokenizer_of_its_class(tmp_path: Path):
    folder = make(tmp_path / "model", tokenizer_class="GPT2Tokenizer")
    expected = of_file(folder, "the sum of 12")
    as_two_files(folder)
    assert load_tokenizer(folder).encode("the sum of 12") == expected


def test_its_words_are_not_too_long_either(tmp_path: Path):
    folder = make(tmp_path / "model", tokenizer_class="GPT2Tokenizer")
    as_two_files(folder)
    vocabulary = json.loads((folder / "vocab.json").read_text())
    (folder / "vocab.json").write_text(json.dumps(vocabulary | {"a" * 20_000: len(vocabulary)}))
    with pytest.raises(UserError, match="its tokenizer has a token of 20,000 characters, and the limit is 10,000"):
        load_tokenizer(folder)


def test_a_class_that_does_not_read_the_words_of_the_folder_is_refused(tmp_path: Path):
    folder = make(tmp_path / "model", tokenizer_class="LlamaTokenizer")
    as_two_files(folder)
    with pytest.raises(
        UserError, match=r"loses \d+ words when transformers loads it as LlamaTokenizer; name its right"
    ):
        load_tokenizer(folder)


def test_a_file_that_is_no_tokenizer(tmp_path: Path):
    folder = make(tmp_path / "model", tokenizer_class="LlamaTokenizer")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.model").write_bytes(b"\0\1 no words")
    with pytest.raises(UserError, match="its tokenizer cannot be loaded"):
        load_tokenizer(folder)


def test_code_of_the_tokenizer_s_own_is_never_run(tmp_path: Path):
    own = {"AutoTokenizer": ["tokenization_own.Own", None]}
    folder = make(tmp_path / "model", auto_map=own)
    (folder / "tokenization_own.py").write_text("raise SystemExit('run')")
    expected = of_file(folder, "the sum")
    assert load_tokenizer(folder).encode("the sum") == expected
    as_two_files(folder)
    with pytest.raises(UserError, match="its tokenizer is code of its own"):
        load_tokenizer(folder)


LOADERS = """
import sys
from pathlib import Path
from spurious_rewards.models import loading
_architecture = loading.architecture
folder = Path(sys.argv[1])
for load in (
    loading.configuration, loading.generation_settings, loading.positions, loading.load_tokenizer, loading._of_class,
    loading._of_file, lambda folder: loading.load_model(folder, "float32"), _architecture,
):
    try:
        load(folder)
    except Exception as error:
        print(type(error).__name__)
"""


def test_code_of_a_model_s_own_is_never_run_even_where_every_question_is_answered_with_yes(tmp_path: Path):
    """No code of a model runs, even for `yes | snakemake`.

    transformers asks on standard input whether to trust the code, unless it is told not to trust it.
    """
    classes = {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own", "AutoTokenizer": ["own.Own", "own.Own"]}
    folder = make(tmp_path / "model", auto_map=classes, tokenizer_class="Own")
    change(folder, "config.json", model_type="nosuch", auto_map=classes)
    (folder / "own.py").write_text(f"open({str(tmp_path / 'was_run')!r}, 'w')\nclass Own: pass\n")
    as_two_files(folder)
    ran = subprocess.run(
        [sys.executable, "-c", LOADERS, str(folder)],
        input="y\n" * 1000,
        env={**os.environ, "HF_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert not (tmp_path / "was_run").exists()
    assert "Do you wish to run the custom code?" not in ran.stdout + ran.stderr
    assert len(ran.stdout.splitlines()) == 7  # all loaders but the one of generation_config.json, which holds only data


# ---------------------------------------------------------------- ending and padding tokens


@pytest.mark.parametrize(("ending", "token"), [(1, "</s>"), ([7, 1], "</s>"), ([8, 7], None)])
def test_without_an_ending_token_of_its_own_a_tokenizer_takes_the_model_s(
    ending: Any, token: str | None, tmp_path: Path
):
    folder = make(tmp_path / "model", eos_token=None)
    change(folder, "generation_config.json", eos_token_id=ending)
    tokenizer = load_tokenizer(folder)
    assert tokenizer.eos_token == (token or tokenizer.convert_ids_to_tokens(7))
    assert tokenizer.pad_token == tokenizer.eos_token


def test_some_token_must_end_a_response(tmp_path: Path):
    folder = make(tmp_path / "model", eos_token=None)
    for name in ("config.json", "generation_config.json"):
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": None}))
    with pytest.raises(UserError, match=r"neither generation_config\.json nor the tokenizer names a token that ends"):
        load_tokenizer(folder)


def test_a_padding_token_that_the_model_does_not_know_becomes_the_ending_one(tmp_path: Path):
    folder = make(tmp_path / "model", pad_token="<pad>")
    add_token(folder, "<pad>")
    assert load_tokenizer(folder).pad_token == "</s>"


@pytest.mark.parametrize("hub_id", ["nobody/nothing", "not a hub id"])
def test_a_hub_model_that_cannot_be_had(hub_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=rf"{hub_id} \(revision main\): cannot be had from the Hugging Face hub"):
        download_model(hub_id, "main")


# ---------------------------------------------------------------- faults that appear when a model runs


@pytest.mark.parametrize(
    "named",
    [
        {"additional_special_tokens": ["sum"]},
        {"extra_special_tokens": {"image_token": "sum"}},
        {"unk_token": "sum"},
    ],
    ids=["additional", "extra", "unk"],
)
def test_special_tokens_that_are_words_of_texts_are_refused_where_the_file_has_none_such(named, tmp_path: Path):
    with pytest.raises(UserError, match=r"makes other token ids of a text than the folder's tokenizer\.json"):
        load_tokenizer(make(tmp_path / "model", **named))


@pytest.mark.parametrize("word", ["!", "h", {"content": "12", "__type": "AddedToken"}])
def test_a_word_that_pads_stays_a_word_in_texts(word, tmp_path: Path):
    folder = make(tmp_path / "model", pad_token=word)
    tokenizer, text = load_tokenizer(folder), "What is 5!! = 12h!?"
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert ids == of_file(folder, text)
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    assert tokenizer.pad_token == tokenizer.eos_token


def test_an_architecture_that_does_not_leave_out_padding_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(
        ARCHITECTURES, "recurrent_gemma", ("RecurrentGemmaConfig", SIZES | {"lru_width": 16, "num_hidden_layers": 3})
    )
    with pytest.raises(UserError, match="RecurrentGemmaForCausalLM gives other answers in a batch than alone"):
        load_model(make(tmp_path / "model", "recurrent_gemma"), "float32")


def test_tensors_of_another_shape_and_those_of_no_use_are_named(folder: Path, capsys: pytest.CaptureFixture[str]):
    tensors = load_file(folder / "model.safetensors")
    norm = tensors["model.norm.weight"]
    save_file(tensors | {"extra.weight": norm.clone()}, folder / "model.safetensors", metadata={"format": "pt"})
    load_model(folder, "float32")
    assert "does not use 1 of the folder's tensors (first: " in capsys.readouterr().err
    save_file(
        tensors | {"model.norm.weight": norm[:3].clone()}, folder / "model.safetensors", metadata={"format": "pt"}
    )
    with pytest.raises(UserError, match=rf"model\.norm\.weight has the shape 3 and not {len(norm)}; copy both again"):
        load_model(folder, "float32")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_tensor_that_is_missing_is_seen_without_loading_any(architecture: str, tmp_path: Path) -> None:
    """vLLM would run with arbitrary values in place of the missing tensor."""
    from safetensors.torch import load_file, save_file

    folder = make(tmp_path / "model", architecture)
    check_tensors(folder)
    weights = load_file(folder / "model.safetensors")
    del weights[max(weights)]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"model: its weights lack \d tensors, the first"):
        check_tensors(folder)


GPTJ = GPT | {"n_positions": 64, "rotary_dim": 4}
LARGER: dict[str, tuple[str, dict[str, Any], str]] = {
    "larger tensors": ("llama", {"hidden_size": 8192}, r"has the shape .* and not"),
    "far larger tensors": ("llama", {"vocab_size": 10**6, "hidden_size": 8192}, r"more than [\d,]+ numbers"),
    "many layers": ("gpt2", {"n_layer": 900}, r"describes more than 1,160 tensors, and its files hold 16"),
    "the sizes of another class": ("gpt2", {"model_type": "llama4"}, r"config\.json describes more than"),
    "what no file holds": (
        "gptj",
        {"n_positions": 10**10},
        r"describes more than [\d,]+ numbers, and its files hold \d",
    ),
}


@pytest.mark.parametrize("what", LARGER)
def test_a_model_larger_than_its_weights_is_refused_before_it_takes_memory(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ARCHITECTURES, "gptj", ("GPTJConfig", GPTJ))
    architecture, keys, said = LARGER[what]
    folder = make(tmp_path / "model", architecture)
    load_model(folder, "float32")
    change(folder, "config.json", **keys)
    check(folder)
    with limited.memory(2**30), pytest.raises(UserError, match=f"^{folder}: .*{said}"):
        load_model(folder, "float32")


@pytest.mark.parametrize("name", ["tokenizer_config.json", "special_tokens_map.json"])
def test_a_tokenizer_s_class_reads_no_file_of_this_machine(name: str, tmp_path: Path) -> None:
    """Each line of such a file would become a token.

    A model can be made to output these tokens, and the lines would then be in results and archives.
    """
    folder, secret = make(tmp_path / "model"), tmp_path / "secret"
    secret.write_text("hf_secret\n")
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text("{}")
    change(folder, "tokenizer_config.json", tokenizer_class="BertTokenizer", backend=None)
    change(folder, name, vocab=str(secret))
    with pytest.raises(UserError, match=f"{name}: vocab = .*secret.* is a file of this machine"):
        load_tokenizer(folder)
