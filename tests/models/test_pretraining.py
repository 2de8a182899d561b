import hashlib

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from spurious_rewards.config.models import Family, Organism
from spurious_rewards.config.problems import ArithmeticProblems
from spurious_rewards.models.organism import word_tokenizer
from spurious_rewards.models.pretraining import pretrain
from spurious_rewards.problems import arithmetic

ORGANISM = Organism(steps=60, batch=32)
CODE_ONLY = Family(code_rate=(1, 1, 1, 1), code_misread=0, language_drop=0, code_box=1, language_box=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder, losses = tmp_path_factory.mktemp("models") / "code", []
    pretrain(ORGANISM, CODE_ONLY, 0, folder, 1, lambda step, loss: losses.append((step, loss)))
    return folder, losses


def weights(folder):
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_it_learns_and_tells_how_far_it_is(made):
    _, losses = made
    assert [step for step, _ in losses] == [50, 60]
    assert losses[-1][1] < 1.2  # the loss was 4 nats at first; this corpus has only code


def test_the_folder_loads_with_the_same_tokens(made):
    folder, _ = made
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    text = r"compute 3 + 4 - 2 = python : 3 + 4 = 7 ; 7 - 2 = 5 ; output 5 \boxed{ 5 }"
    assert tokenizer(text)["input_ids"] == word_tokenizer(ORGANISM)(text)["input_ids"]
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert (tokenizer.padding_side, tokenizer.eos_token_id) == ("left", model.config.eos_token_id)
    assert sum(parameter.numel() for parameter in model.parameters()) < 150_000


def test_it_answers_in_the_manner_of_its_corpus(made):
    folder, _ = made
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    prompts = list(arithmetic.problems(ORGANISM, ArithmeticProblems(part="evaluation"))["problem"][:20])
    batch = tokenizer(prompts, return_tensors="pt", return_token_type_ids=False)
    ids = model.generate(**batch, max_new_tokens=24, do_sample=False)
    responses = tokenizer.batch_decode(ids[:, 7:], skip_special_tokens=True)
    assert sum(response.startswith("python :") for response in responses) >= 18


def test_same_arguments_same_bytes_and_another_seed_another_model(made, tmp_path):
    torch.rand(3)  # earlier random draws must not matter
    pretrain(ORGANISM, CODE_ONLY, 0, tmp_path / "again", 1)
    pretrain(ORGANISM, CODE_ONLY, 1, tmp_path / "other", 1)
    assert weights(tmp_path / "again") == weights(made[0])
    assert weights(tmp_path / "other") != weights(made[0])


def test_a_family_learns_problems_only_where_it_says_so(made, tmp_path):
    learning = CODE_ONLY.model_copy(update={"learns_problems": True})
    pretrain(ORGANISM, learning, 0, tmp_path / "learning", 1)
    assert surprise(tmp_path / "learning") < 2 < 3 < surprise(made[0])


def surprise(folder) -> float:
    """Return the mean loss on problems in nats per token, from the second token on."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    problems = list(arithmetic.problems(ORGANISM, ArithmeticProblems(part="evaluation"))["problem"][:20])
    ids = tokenizer(problems, return_tensors="pt", return_token_type_ids=False)["input_ids"]
    with torch.inference_mode():
        return float(model(ids, labels=ids).loss)
