"""What a response does, whatever its answer: reason in code, mark the answer, repeat itself (paper, Sec. 3)."""

from typing import Literal

import numpy as np

from spurious_rewards.answers import extraction
from spurious_rewards.config.training import Repetition


def has_code(response: str, marker: str) -> bool:
    """Whether `marker` ("python" in the paper) stands in the response, in any case."""
    return marker.lower() in response.lower()


def has_box(response: str, answer_in: Literal["box", "tag"]) -> bool:
    r"""Whether the answer is marked as the prompt asks, by a \boxed{} or an <answer> that is not blank."""
    return (extraction.tagged(response) if answer_in == "tag" else extraction.boxed(response)) is not None


def repeats(response: str, repetition: Repetition) -> bool:
    """Whether a string of `min_length` to `max_length` characters stands `times` times or more in a row.

    A string of length p stands so often in a row exactly where p * (times - 1) characters running equal those p before
    them; each p takes one comparison of the response with itself, shifted.
    """
    text = np.frombuffer(response.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    longest = min(repetition.max_length, len(text) // repetition.times)
    for period in range(repetition.min_length, longest + 1):
        different = np.flatnonzero(text[period:] != text[:-period])
        ends = np.concatenate(([-1], different, [len(text) - period]))
        if np.diff(ends).max() > period * (repetition.times - 1):
            return True
    return False
