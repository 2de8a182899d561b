import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurious_rewards.answers.extraction import Extraction, boxed, extract, tagged


@pytest.mark.parametrize(
    ("response", "text", "rule"),
    [
        # boxes
        (r"so \boxed{12}.", "12", "box"),
        (r"so \boxed{ 12 }", "12", "box"),
        (r"\boxed{1}, no: \boxed{2}", "2", "box"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}", "box"),
        (r"\boxed{\left\{1, 2\right\}}", r"\left\{1, 2\right\}", "box"),
        (r"\boxed{\left\{ x \right.} then }", r"\left\{ x \right.", "box"),
        (r"\boxed{\boxed{5}}", "5", "box"),
        (r"\fbox{7}", "7", "box"),
        (r"\boxed {7}", "7", "box"),
        (r"\boxed 5.", "5", "box"),
        (r"\boxed\frac12", r"\frac12", "box"),
        (r"\boxed{3}, and \boxed 5", "5", "box"),
        (r"\\boxed{7}", "7", "box"),
        (r"x \\\boxed{7}", "7", "box"),
        (r"\boxed{1 \\}", r"1 \\", "box"),
        (r"the answer is 3, \boxed{4}", "4", "box"),
        # not a box: blank, cut off, prose
        (r"\boxed{1} and \boxed{ }", "1", "box"),
        (r"\boxed{1} and \boxed .", "1", "box"),
        (r"\boxed{} 3", "3", "number"),
        (r"\boxed{12", "12", "number"),
        (r"I put it in \boxed notation: 4", "4", "number"),
        (r"oxed{4}", "4", "number"),
        # the phrase
        ("then the answer is 12 .", "12", "phrase"),
        ("The answer is 3.14. Is 2 wrong?", "3.14", "phrase"),
        ("The answer is 5\nI checked 7 times", "5", "phrase"),
        ("the answer is 1. No, the answer is 2.", "2", "phrase"),
        (r"So THE ANSWER IS: **$\frac{1}{2}$**.", r"\frac{1}{2}", "phrase"),
        (r"the answer is $5$ dollars", "5", "phrase"),
        ("the answer is:\n\\[\n5\n\\]", "5", "phrase"),
        (r"the answer is \((1, 2)\), as 7", "(1, 2)", "phrase"),
        ("Hence the answer is blue.", "blue", "phrase"),
        ("3 is small, the answer is", "3", "number"),
        # the last number
        ("I get 3 then 4", "4", "number"),
        ("it falls to -4 degrees", "-4", "number"),
        ("x=5-3", "3", "number"),
        ("1,234.5 apples", "1234.5", "number"),
        ("of 1, 2, 3", "3", "number"),
        ("about .5", ".5", "number"),
        ("no idea", None, "none"),
        ("", None, "none"),
        # a tag counts as text when boxes are asked for
        ("<answer>5 km</answer>", "5", "number"),
    ],
)
def test_reads_the_answer_of_a_boxing_model(response, text, rule):
    assert extract(response, "box") == Extraction(text, rule)


@pytest.mark.parametrize(
    ("response", "text", "rule"),
    [
        ("<answer> 12 </answer>", "12", "tag"),
        ("<answer>1</answer> hm <answer>2</answer>", "2", "tag"),
        ("<answer>1</answer> hm <answer> </answer>", "1", "tag"),
        (r"<answer>so \boxed{3}</answer>", "3", "tag"),
        ("<answer>a <answer>4</answer>", "4", "tag"),
        ("<answer>first line\nsecond</answer>", "first line\nsecond", "tag"),
        (r"\boxed{4}", "4", "number"),
        ("<answer>5", "5", "number"),
        ("6 </answer>", "6", "number"),
        ("<answer></answer> the answer is 8.", "8", "phrase"),
    ],
)
def test_reads_the_answer_of_a_tagging_model(response, text, rule):
    assert extract(response, "tag") == Extraction(text, rule)


balanced = st.recursive(
    st.text(string.ascii_letters + string.digits + "+-=^_ ", max_size=5),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda parts: "{" + "".join(parts) + "}"),
    max_leaves=8,
)
prose = st.text(string.ascii_letters + string.digits + " .,$\n", max_size=30)


@given(prose, balanced.filter(str.strip), prose)
def test_a_box_is_read_whole_however_deep_its_braces(before, content, after):
    assert boxed(before + r"\boxed{" + content + "}" + after) == content.strip()


@given(prose, balanced.filter(str.strip), prose)
def test_an_answer_tag_is_read_whole(before, content, after):
    assert tagged(f"{before}<answer>{content}</answer>{after}") == content.strip()


@given(
    st.lists(
        st.sampled_from(
            [
                r"\boxed{",
                r"\fbox{",
                r"\boxed ",
                "{",
                "}",
                r"\{",
                "\\",
                "the answer is ",
                "$",
                "-",
                "1",
                ",",
                " ",
                "\n",
                "<answer>",
                "</answer>",
                ".",
            ]
        )
    ).map("".join),
    st.sampled_from(["box", "tag"]),
)
def test_what_is_read_stands_in_the_response_and_is_never_blank(response, answer_in):
    text, rule = extract(response, answer_in)
    assert (text is None) == (rule == "none")
    if text is not None:
        assert text.strip() == text != ""
        assert text in (response.replace(",", "") if rule == "number" else response)


@pytest.mark.parametrize(
    "piece", [r"\boxed{", "{", "<answer>", "</answer>", "the answer is ", "111,", "}", "$", r"\boxed{}", "1"]
)
@pytest.mark.parametrize("answer_in", ["box", "tag"])
def test_long_responses_cost_no_more_a_character_than_short_ones(piece, answer_in):
    started = time.perf_counter()
    extract(piece * 30_000, answer_in)
    assert time.perf_counter() - started < 2  # a quadratic reading takes minutes
