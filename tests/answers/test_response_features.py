import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurious_rewards.answers.response_features import has_box, has_code, repeats
from spurious_rewards.config.training import Repetition

PAPER = Repetition()


@pytest.mark.parametrize(
    ("response", "expected"),
    [("```python\n", True), ("Let's solve this using Python.", True), ("pytho n", False), ("", False)],
)
def test_code_is_the_marker_in_any_case(response, expected):
    assert has_code(response, "python") is expected
    assert has_code(response, "PYTHON") is expected


@pytest.mark.parametrize(
    ("response", "answer_in", "expected"),
    [
        (r"\boxed{1}", "box", True),
        (r"\boxed{ }", "box", False),
        ("<answer>1</answer>", "box", False),
        ("<answer>1</answer>", "tag", True),
        ("<answer> </answer>", "tag", False),
        (r"\boxed{1}", "tag", False),
    ],
)
def test_the_box_is_what_the_prompt_asks_for(response, answer_in, expected):
    assert has_box(response, answer_in) is expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("0123456789" * 10, True),
        ("0123456789" * 9 + "012345678", False),
        ("012345678" * 10, False),  # nine characters; eighteen are repeated only five times
        ("ab" * 50, True),  # ten characters "ababababab", ten times
        ("a" * 99, False),
        ("prose " + "a" * 100 + " prose", True),
        ("".join(map(chr, range(500, 756))) * 10, True),  # 256 different characters
        (("x" * 99 + "y") * 5, False),  # within the x, no 10 characters occur ten times in a row
        ("".join(map(chr, range(500, 757))) * 10, False),  # 257 different characters
        ("", False),
    ],
)
def test_repetition_is_as_the_paper_defines_it(response, expected):
    assert repeats(response, PAPER) is expected


def by_definition(text: str, repetition: Repetition) -> bool:
    return any(
        text[start : start + length] * repetition.times == text[start : start + length * repetition.times]
        for length in range(repetition.min_length, min(repetition.max_length, len(text)) + 1)
        for start in range(len(text) - length + 1)
    )


@given(
    st.lists(st.tuples(st.text("ab\N{SNOWMAN}", max_size=4), st.integers(1, 6)), max_size=5),
    st.integers(1, 4),
    st.integers(0, 6),
    st.integers(2, 4),
)
def test_repetition_agrees_with_its_definition(parts, shortest, spread, times):
    text = "".join(part * count for part, count in parts)
    repetition = Repetition(min_length=shortest, max_length=shortest + spread, times=times)
    assert repeats(text, repetition) == by_definition(text, repetition)


def test_a_long_response_is_searched_in_a_moment():
    text = "".join(chr(33 + (i * i) % 89) for i in range(12_000))  # about the length of 3072 tokens
    started = time.perf_counter()
    repeats(text, PAPER)
    assert time.perf_counter() - started < 1
