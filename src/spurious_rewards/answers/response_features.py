"""Features of a response besides its answer: reasoning in code, marking the answer, repetition (paper, Sec. 3)."""

from typing import Literal

import numpy as np

from spurious_rewards.answers import extraction
from spurious_rewards.config.training import Repetition


def has_code(response: str, marker: str) -> bool:
    """Whether the response contains `marker` ("python" in the paper), ignoring case."""
    return marker.lower() in response.lower()


def has_box(response: str, answer_in: Literal["box", "tag"]) -> bool:
    r"""Whether the answer is marked as the prompt asks: by a non-blank \boxed{} or <answer>."""
    return (extraction.tagged(response) if answer_in == "tag" else extraction.boxed(response)) is not None


def repeats(response: str, repetition: Repetition) -> bool:
    """Whether a string of `min_length` to `max_length` characters occurs `times` times or more in a row.

    A string of length p occurs that often in a row exactly if p * (times - 1) consecutive characters equal the
    characters p positions before them. So each p takes one comparison of the response with a shifted copy of itself.
    """
    text = np.frombuffer(response.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    longest = min(repetition.max_length, len(text) // repetition.times)
    for period in range(repetition.min_length, longest + 1):
        different = np.flatnonzero(text[period:] != text[:-period])
        ends = np.concatenate(([-1], different, [len(text) - period]))
        if np.diff(ends).max() > period * (repetition.times - 1):
            return True
    return False
