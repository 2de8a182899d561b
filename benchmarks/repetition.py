"""Compares the search for repetitions with the obvious ways, on the same responses: `python benchmarks/repetition.py`.

The question is the paper's: does a string of 10 to 256 characters occur ten times or more in a row? The longest
responses have 3,000 tokens at about four characters each, and shorter ones show how the time grows. They repeat
themselves, but never enough for a yes, so no search may stop before the end. `paragraph` repeats one paragraph of 300
characters, and `sentences` repeats sentences of about 60 characters, each nine times.

There are two obvious ways. One writes each string of the response ten times over and looks for that in the response. It
is cubic: starts times lengths times the characters searched. The other is a regular expression with a back-reference.
Each search is timed three times, or less often once its times add up to a second.
"""

import random
import re
import string
import time
from collections.abc import Callable

from spurious_rewards.answers.response_features import repeats
from spurious_rewards.config.training import Repetition

PAPER = Repetition()
CHARACTERS = (1_500, 3_000, 6_000, 12_000)
PATTERN = re.compile(rf"(.{{{PAPER.min_length},{PAPER.max_length}}})\1{{{PAPER.times - 1},}}", re.DOTALL)


def words(draw: random.Random, characters: int) -> str:
    return "".join(draw.choices(string.ascii_lowercase + " ", k=characters))


def paragraph(characters: int) -> str:
    return (words(random.Random(0), 300) * characters)[:characters]


def sentences(characters: int) -> str:
    draw, text = random.Random(0), ""
    while len(text) < characters:
        text += words(draw, draw.randint(50, 70)) * (PAPER.times - 1)
    return text[:characters]


def by_expression(text: str) -> bool:
    return PATTERN.search(text) is not None


def by_search(text: str) -> bool:
    return any(
        text[start : start + length] * PAPER.times in text
        for length in range(PAPER.min_length, PAPER.max_length + 1)
        for start in range(len(text) - length * PAPER.times + 1)
    )


def ours(text: str) -> bool:
    return repeats(text, PAPER)


def seconds(search: Callable[[str], bool], text: str) -> float:
    taken: list[float] = []
    while len(taken) < 3 and sum(taken) < 1:
        began = time.perf_counter()
        assert not search(text)
        taken.append(time.perf_counter() - began)
    return min(taken)


def main() -> None:
    print(
        "| response | characters | search, s | expression, s | ours, s | times faster than search | than expression |"
    )
    print("|---|---|---|---|---|---|---|")
    for make in (paragraph, sentences):
        for characters in CHARACTERS:
            text = make(characters)
            search, expression, own = (seconds(way, text) for way in (by_search, by_expression, ours))
            print(
                f"| {make.__name__} | {characters} | {search:.3f} | {expression:.3f} | {own:.4f} "
                f"| {search / own:.0f} | {expression / own:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
