from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurious_rewards.config.models import Prompt
from spurious_rewards.models.loading import load_tokenizer
from spurious_rewards.models.prompts import encode, fitting, prefix, room, texts, trim
from spurious_rewards.runtime.errors import UserError


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path):
    return load_tokenizer(tiny_model)


def spelled(tokenizer, ids: list[int]) -> str:
    return "".join(tokenizer.convert_ids_to_tokens(ids))


def test_a_chat_prompt_is_the_template_opened_for_the_assistant(tokenizer):
    ids = encode(Prompt(kind="chat", user="What is {}?"), tokenizer, "1 + 1")
    assert spelled(tokenizer, ids) == "<user>What is 1 + 1?<end><assistant>"
    assert len(ids) == len("What is 1 + 1?") + 3


def test_a_system_message_comes_first(tokenizer):
    ids = encode(Prompt(kind="chat", system="Be plain."), tokenizer, "1 + 1")
    assert spelled(tokenizer, ids) == "<system>Be plain.<end><user>1 + 1<end><assistant>"


def test_a_raw_prompt_is_its_text_without_the_token_that_the_tokenizer_would_put_first(tokenizer):
    assert spelled(tokenizer, tokenizer.encode("1 + 1")) == "<begin>1 + 1"
    ids = encode(Prompt(kind="raw", user="User: {}\nAssistant:"), tokenizer, "1 + 1")
    assert spelled(tokenizer, ids) == "User: 1 + 1\nAssistant:"


def test_braces_of_the_problem_stay(tokenizer):
    ids = encode(Prompt(kind="raw", user="Solve {}."), tokenizer, r"\frac{1}{2} + {} + {0}")
    assert spelled(tokenizer, ids) == r"Solve \frac{1}{2} + {} + {0}."


def test_a_chat_prompt_needs_a_chat_template(tiny_model: Path):
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.chat_template = None
    with pytest.raises(UserError, match=r"tiny: its tokenizer has no chat template, but the prompt is of kind chat"):
        encode(Prompt(kind="chat"), tokenizer, "a")


# ---------------------------------------------------------------- the prompts of the paper, token for token

DEFAULT_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}<system>Reason step by step.<end>{% endif %}"
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
"""As Qwen2.5-Math's: a system message of its own where it is given none."""

R1 = Prompt(
    kind="raw",
    user="Reasoning in <think> </think>, answer in <answer> </answer>.\n\n<|user|>\n{}\n<|assistant|>\n<think>",
    stop=("</answer>",),
    answer_in="tag",
)

STUDY = {
    "default": (Prompt(kind="chat"), "Reason step by step.", "1 + 1"),
    "math problem": (
        Prompt(kind="chat", system="You are a helpful Assistant.", user="Math Problem: {}"),
        "You are a helpful Assistant.",
        "Math Problem: 1 + 1",
    ),
    "instruction after": (
        Prompt(kind="chat", system="You are a helpful Assistant.", user="{}\nPut it within \\boxed{}."),
        "You are a helpful Assistant.",
        "1 + 1\nPut it within \\boxed{}.",
    ),
    "instruction before": (
        Prompt(kind="chat", system="Box it.", user="The last line is '$\\boxed{ANSWER}$'.\n\n{}"),
        "Box it.",
        "The last line is '$\\boxed{ANSWER}$'.\n\n1 + 1",
    ),
    "spurious": (
        Prompt(kind="chat", system="Lorem ipsum.", user="Ut purus elit.\n\n{}"),
        "Lorem ipsum.",
        "Ut purus elit.\n\n1 + 1",
    ),
}
"""The five kinds of the paper's prompt study: prompt, then what system and user say."""


@pytest.mark.parametrize("name", STUDY)
def test_each_prompt_of_the_study_is_given_token_for_token(tiny_model: Path, name):
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.chat_template = DEFAULT_SYSTEM
    prompt, system, user = STUDY[name]
    special = {token: tokenizer.convert_tokens_to_ids(f"<{token}>") for token in ("system", "user", "assistant", "end")}
    characters = {text: tokenizer.convert_tokens_to_ids(list(text)) for text in (system, user)}
    assert encode(prompt, tokenizer, "1 + 1") == [
        *(special["system"], *characters[system], special["end"]),
        *(special["user"], *characters[user], special["end"]),
        special["assistant"],
    ]


def test_the_raw_template_of_base_models_opens_the_reasoning_and_has_no_first_token(tokenizer):
    text = R1.user.replace("{}", "1 + 1")
    assert encode(R1, tokenizer, "1 + 1") == tokenizer.convert_tokens_to_ids(list(text))
    assert text.endswith("<|assistant|>\n<think>")


# ---------------------------------------------------------------- how a response must begin

FORCED = "Let's solve this using Python."


@pytest.mark.parametrize("prompt", [Prompt(kind="chat"), R1])
def test_the_prefix_stands_behind_the_prompt_without_a_token_between(tokenizer, prompt):
    forced = prompt.model_copy(update={"response_prefix": FORCED})
    begun = encode(forced, tokenizer, "1 + 1")
    assert begun == encode(prompt, tokenizer, "1 + 1") + tokenizer.convert_tokens_to_ids(list(FORCED))
    assert prefix(forced, tokenizer) == begun[-len(FORCED) :]
    assert prefix(prompt, tokenizer) == []


def test_prefix_and_what_was_generated_are_one_text_with_characters_and_with_words(tokenizer, organism_model: Path):
    words = load_tokenizer(organism_model)
    for of, begun, more, end in ((tokenizer, FORCED, " 1", "<end>"), (words, "python :", " 1 + 2", "<eos>")):
        ids = prefix(Prompt(kind="raw", response_prefix=begun), of)
        generated = [of.encode(more, add_special_tokens=False), [of.convert_tokens_to_ids(end)], []]
        assert texts(of, ids, generated) == [begun + more, begun, begun]
        assert texts(of, [], generated)[0] == more.strip() if of is words else more


def test_bytes_of_a_character_that_the_prefix_begins_are_decoded_together():
    """A byte-level tokenizer may split a character; decoded apart its halves would be two replacement characters."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    model = Tokenizer(models.BPE({byte: i for i, byte in enumerate(alphabet)}, merges=[]))
    model.pre_tokenizer, model.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    bytewise = PreTrainedTokenizerFast(tokenizer_object=model)
    ids = bytewise.encode("x \N{SNOWMAN}y .", add_special_tokens=False)
    for cut in range(len(ids) + 1):
        assert texts(bytewise, ids[:cut], [ids[cut:]]) == ["x \N{SNOWMAN}y ."]


def test_a_prefix_that_the_tokenizer_cannot_spell_is_refused(organism_model: Path):
    words = load_tokenizer(organism_model)
    for text in (FORCED, "python  :"):
        with pytest.raises(UserError, match=r"organism: its tokenizer makes '.*' of the response_prefix"):
            encode(Prompt(kind="raw", response_prefix=text), words, "1 + 1")


def test_the_prefix_has_its_place_among_the_tokens_of_the_response(tokenizer):
    assert room(12, []) == 12
    assert room(12, [5, 6]) == 10
    with pytest.raises(UserError, match="12 tokens leaves nothing of max_new_tokens = 12"):
        room(12, [5] * 12)
    problems = pd.DataFrame({"problem": ["a" * 9, "a" * 10]})
    kept, left_out = fitting(problems, Prompt(kind="raw", response_prefix=FORCED), tokenizer, 9)
    assert kept["problem"].tolist() == ["a" * 9]
    assert left_out == 1


@given(lengths=st.lists(st.integers(0, 9)), most=st.integers(1, 9))
def test_fitting_counts_whole_prompts_and_loses_none_silently(tokenizer, lengths, most):
    problems = pd.DataFrame({"id": range(len(lengths)), "problem": ["a" * length for length in lengths]})
    kept, left_out = fitting(problems, Prompt(kind="raw", user=":{}"), tokenizer, most)
    assert kept["id"].tolist() == [i for i, length in enumerate(lengths) if length + 1 <= most]
    assert list(kept.columns) == ["id", "problem"]
    assert len(kept) + left_out == len(problems)


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("a</answer> b</answer>", ["</answer>"], "a</answer>"),
        ("a b", ["</answer>"], "a b"),
        ("a b", [], "a b"),
        ("one END two STOP", ["STOP", "END"], "one END"),
        ("abcd", ["abcd", "bc"], "abc"),
    ],
)
def test_trim_keeps_the_stop_string_that_is_completed_first(text, stop, expected):
    assert trim(text, stop) == expected


@given(st.text(alphabet="abc"), st.lists(st.text(alphabet="abc", min_size=1)))
def test_trim_gives_the_shortest_beginning_that_holds_a_stop_string(text, stop):
    beginnings = [text[:end] for end in range(len(text) + 1)]
    assert trim(text, stop) == next((b for b in beginnings if any(s in b for s in stop)), text)
