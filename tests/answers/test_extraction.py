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
        (r"The final answer is $\frac34$. I hope it is correct.", r"\frac34", "phrase"),
        ("So my final answer is: 7.", "7", "phrase"),
        ("So the correct answer is B. I am 100% sure.", "B", "phrase"),
        ("The right answer is 5", "5", "phrase"),
        (r"答案是：$\frac{1}{2}$，经过3步验证", r"\frac{1}{2}", "phrase"),
        ("故答案为 5。共3步", "5", "phrase"),
        ("答案是5，因为 2 + 3 = 5", "5", "phrase"),
        ("答案是 x=1，y=2。", "x=1，y=2", "phrase"),
        ("The answer is not 5, but 6.", "6", "phrase"),
        ("The answer is not $5$ but rather $6$.", "6", "phrase"),
        ("The answer is not B; it's C.", "C", "phrase"),
        ("The answer is 4. No, the answer is not 5", "4", "phrase"),
        ("The answer is not 5. It is 6.", "6", "number"),
        ("We get 7 or 5. The answer is not 5.", "5", "number"),
        ("The answer is not 5.", None, "none"),
        ("The answer is $ $ 42 and 43", "43", "number"),
        ("So 7. The answer is not 5\nand the answer is not 6.", "7", "number"),
        ("The answer is not an integer.", "not an integer", "phrase"),
        ("The answer isn't 5, it's 7", "7", "number"),
        # the last number
        ("I get 3 then 4", "4", "number"),
        ("it falls to -4 degrees", "-4", "number"),
        ("x=5-3", "3", "number"),
        ("it falls to −4 degrees", "-4", "number"),
        ("x = - 4", "-4", "number"),
        ("x = 10 - 4", "4", "number"),
        ("pages 3–5", "5", "number"),
        ("pages 3--5", "5", "number"),
        ("so the answer — 4", "4", "number"),
        ("so the answer —4", "4", "number"),
        ("－５ 度", "-5", "number"),
        ("＋５ 度", "5", "number"),
        ("So we get 1/2", "1/2", "number"),
        ("So we get 1 / 2 of it", "1 / 2", "number"),
        ("on 1/2/2024", "2024", "number"),
        ("So we get 1.5e6", "1.5e6", "number"),
        ("3e8 m/s", "3e8", "number"),
        ("So 1e5x", "5", "number"),
        (r"So 1.5 \times 10^{−6} m", r"1.5 \times 10^{-6}", "number"),
        (r"So we get \frac{3}{4}", r"\frac{3}{4}", "number"),
        (r"So $x = -\dfrac34$", r"-\dfrac34", "number"),
        (r"So 3\frac{1}{2} cups", r"3\frac{1}{2}", "number"),
        (r"So \frac{x}{2}", "2", "number"),
        ("1,234.5 apples", "1234.5", "number"),
        ("of 1, 2, 3", "3", "number"),
        ("about .5", ".5", "number"),
        ("no idea", None, "none"),
        ("", None, "none"),
        # thoughts
        (r"<think>First guess \boxed{3}; let me check. Hmm no it's 4, so", None, "none"),
        ("Well, 7. <think>or 8", "7", "number"),
        (r"<think>Is it \boxed{3}?</think> The answer is 4.", "4", "phrase"),
        (r"Is it \boxed{3}?</think> So it is 4.", "4", "number"),
        (r"<think>It is \boxed{3}.</think> Done.", "3", "box"),
        ("<think>3</think>4<think>5", "4", "number"),
        ("<think>3</think><think>5", "3", "number"),
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
        ("<think>a <answer>4</answer>", "4", "tag"),
        ("<think>a 4", None, "none"),
        ("a 4</think> the answer is 5", "5", "phrase"),
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


MINUS = "-−‐‑‒–﹣－"
NUMBERS = st.one_of(
    st.integers(0, 10**9).map(str),
    st.decimals(0, 1000, places=2).map(str),
    st.tuples(st.integers(0, 99), st.integers(1, 99)).map("{0[0]}/{0[1]}".format),
    st.tuples(st.integers(0, 99), st.integers(1, 99)).map(r"\frac{{{0[0]}}}{{{0[1]}}}".format),
    st.tuples(st.integers(0, 9), st.integers(1, 9)).map(r"\dfrac{0[0]}{0[1]}".format),
    st.tuples(st.decimals(0, 10, places=1), st.integers(-30, 30)).map("{0[0]}e{0[1]}".format),
    st.tuples(st.decimals(0, 10, places=1), st.integers(-30, 30)).map(r"{0[0]} \times 10^{{{0[1]}}}".format),
)
words = st.text(string.ascii_lowercase + " ,", max_size=20).filter(lambda text: "answer" not in text)


@given(words, st.sampled_from(["", *MINUS]), NUMBERS, words)
def test_the_last_number_is_read_whole_with_its_sign(before: str, sign: str, number: str, after: str) -> None:
    assert extract(f"{before} {sign}{number} {after}", "box") == (f"{'-' * bool(sign)}{number}", "number")


@given(
    st.sampled_from(
        ["the answer is", "The final answer is:", "final answer is", "the correct answer is", "答案是：", "答案为"]
    ),
    st.sampled_from([r"$\frac34$", "$$5$$", r"\((1, 2)\)", "B", "-5", "x=1"]),
    words,
)
def test_every_phrase_reads_what_follows_it(phrase: str, answer: str, after: str) -> None:
    expected = answer.strip("$").removeprefix(r"\(").removesuffix(r"\)")
    assert extract(f"I have 7. {phrase} {answer}.\n{after} 9", "box") == (expected, "phrase")


anything = st.lists(st.sampled_from([r"\boxed{3}", "4", "the answer is 5.", "\n", " so ", "<think>", r"\frac12"])).map(
    "".join
)


@given(anything.filter(lambda text: "<think>" not in text), anything, st.sampled_from(["box", "tag"]))
def test_thoughts_that_were_cut_off_change_nothing(before: str, thoughts: str, answer_in: str) -> None:
    assert extract(f"{before}<think>{thoughts.replace('<think>', '')}", answer_in) == extract(before, answer_in)


@given(anything, anything.filter(lambda text: "<think>" not in text), st.sampled_from(["box", "tag"]))
def test_what_stands_after_thoughts_is_the_answer_if_it_has_one(thoughts: str, after: str, answer_in: str) -> None:
    alone = extract(after, answer_in)
    thoughts = thoughts.replace("<think>", "")
    assert extract(f"<think>{thoughts}</think>{after}", answer_in) == (
        alone if alone.text is not None else extract(thoughts, answer_in)
    )


@given(
    st.lists(
        st.sampled_from(
            [
                "<think>",
                "</think>",
                "答案是",
                "final answer is ",
                "not ",
                "but ",
                "−",
                "/",
                "e",
                r"\frac",
                r"\times 10^",
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
        if rule == "number":
            response = response.replace(",", "").replace("−", "-")
            text = text.lstrip("-")
        assert text in response


@pytest.mark.parametrize(
    "piece",
    [
        *(r"\boxed{", "{", "<answer>", "</answer>", "the answer is ", "111,", "}", "$", r"\boxed{}", "1", " "),
        *("<think>", "</think>", "the answer is not ", "答案是not 1 but ", "1/", "1e", "1 ", "1.", "−", "= - ", "1/1 "),
        *(r"\frac", r"\frac{1}", r"\frac{1}{", r"1 \times 10^", "1 x ", r"1\frac", r"\frac1", "，", "。", "$$ "),
    ],
)
@pytest.mark.parametrize("answer_in", ["box", "tag"])
def test_long_responses_cost_no_more_a_character_than_short_ones(piece, answer_in):
    started = time.perf_counter()
    extract(piece * 30_000, answer_in)
    assert time.perf_counter() - started < 2  # a quadratic reading takes minutes
