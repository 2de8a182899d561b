"""The partial-prompt probe: a model that completes a problem word for word from its beginning has seen it before.

The probe is that of the rebuttal that explains the gains by contamination (arXiv 2507.10532). Decoding is greedy; the
prompt has no template, only the words of the problem.
"""

import re

from spurious_rewards.config.models import Prompt
from spurious_rewards.problems.decontamination import words

PROMPT = Prompt(kind="raw")

LONGEST_REST = 256
"""Tokens that a model may write: more than the rest of any problem has, and far fewer than an answer."""

_WORD = re.compile(r"\S+\s*")


def cut(problem: str, share: float) -> tuple[str, str]:
    """Return (the first `share` of a problem's words, the other words), each with at least one word if there are two.

    The white space between them is removed, so that the model continues with a whole word.
    """
    pieces = _WORD.findall(problem.strip())
    given = min(max(round(share * len(pieces)), 1), max(len(pieces) - 1, 1))
    return "".join(pieces[:given]).rstrip(), "".join(pieces[given:])


def share_completed(rest: str, response: str) -> float:
    """Return the share of the words of `rest` that `response` starts with, up to the first difference."""
    wanted, said = words(rest), words(response)
    same = 0
    while same < len(wanted) and same < len(said) and wanted[same] == said[same]:
        same += 1
    return same / len(wanted) if wanted else 0.0
