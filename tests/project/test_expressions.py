r"""No regular expression takes quadratic time, because models and other people can supply very long texts.

A model may answer with anything, and users import other people's answers. Each time is compared with the time of a text
an eighth as long, so that the result depends on no clock and no machine.
"""

import functools
import re
from collections.abc import Callable, Iterator

import expressions
import pytest
from expressions import Expression, asked_of, hard_texts, outgrown

from spurious_rewards.answers import extraction, graders
from spurious_rewards.reporting.exhibits import qualitative


def test_every_expression_grows_with_its_text() -> None:
    every = expressions.every()
    assert len(every) > 40
    found = {
        each.where: text
        for each in every
        if (text := outgrown(asked_of(each), functools.partial(hard_texts, each.pattern)))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"([-+]?)(\d+\.?\d*|\.\d+)", "fullmatch"),
        (r"\\boxed\s*\{?\s*5", "search"),
        (r"<svg\b[^>]*?\swidth=", "search"),
        (r"\s+$", "search"),
        (r"\d{1,3}(?:,\d{3})++(?!\d)|\d++", "finditer"),
        (r"<answer>(?:(?!<answer>).)*?5.*?</answer>", "finditer"),
        (r"\\text\{(.*?)\}", "sub"),
    ],
)
def test_an_expression_that_grows_with_the_square_is_seen(pattern: str, method: str) -> None:
    expression = Expression("here", re.compile(pattern), frozenset({method}))
    assert outgrown(asked_of(expression), functools.partial(hard_texts, expression.pattern))


@pytest.mark.parametrize("pattern", [r"(?:\d+\s*)x", r"[a-z]+=", r"\d++(?:\.\d+)?"])
def test_an_expression_that_grows_with_its_text_is_not(pattern: str) -> None:
    expression = Expression("here", re.compile(pattern), frozenset({"match"}))
    assert outgrown(asked_of(expression), functools.partial(hard_texts, expression.pattern)) is None


PIECES = [
    "\\boxed{",
    "\\boxed ",
    "}",
    "{",
    "<answer>",
    "</answer>",
    "<answer>5</answer>",
    "<answer>5",
    "<think>",
    "</think>",
    " ",
    "5",
]
PIECES += [
    "the answer is ",
    "the answer is not 5, but ",
    "not ",
    "1",
    "1,111",
    ",111",
    "1.",
    "\\frac{1",
    "\\frac",
    "1/",
]
PIECES += ["$", "\\(", "\n", ". ", "python"]


def answers(length: int) -> Iterator[str]:
    """Yield texts that are hard for the functions that read whole answers."""
    for piece in PIECES:
        for head, end in (
            ("", "\0"),
            ("5", "1"),
            ("<answer>5</answer> \\boxed{5} \\boxed", "\0"),
            ("<answer>", "</answer>"),
        ):
            yield head + piece * (length // len(piece)) + end


@pytest.mark.parametrize(
    "asked",
    [
        lambda text: extraction.extract(text, "box"),
        lambda text: extraction.extract(text, "tag"),
        lambda text: qualitative.pieces(text, "python", "box"),
        lambda text: qualitative.pieces(text, "python", "tag"),
        graders.normalised,
    ],
    ids=["box", "tag", "pieces of a box", "pieces of a tag", "normalised"],
)
def test_what_reads_answers_grows_with_them(asked: Callable[[str], object]) -> None:
    assert outgrown(asked, answers) is None
