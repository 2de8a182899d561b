from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurious_rewards.errors import UserError
from spurious_rewards.models import load_tokenizer
from spurious_rewards.prompts import encode, fitting, trim
from spurious_rewards.suite import Prompt


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
