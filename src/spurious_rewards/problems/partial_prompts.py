"""The partial-prompt probe: who is given the beginning of a problem and writes the rest word for word has seen it before.

Of the rebuttal that the gains are contamination (arXiv 2507.10532). Greedy, without any template: the problem's own words alone.
"""

import re

from spurious_rewards.config.models import Prompt
from spurious_rewards.problems.decontamination import words

PROMPT = Prompt(kind="raw")

LONGEST_REST = 256
"""Tokens that a model may write: more than the rest of a problem has, and far fewer than an answer."""

_WORD = re.compile(r"\S+\s*")


def cut(problem: str, share: float) -> tuple[str, str]:
    """(the first `share` of a problem's words, the others); each has one word at least, if the problem has two.

    White space between the two is lost, so that a model goes on with a whole word.
    """
    pieces = _WORD.findall(problem.strip())
    given = min(max(round(share * len(pieces)), 1), max(len(pieces) - 1, 1))
    return "".join(pieces[:given]).rstrip(), "".join(pieces[given:])


def share_completed(rest: str, response: str) -> float:
    """Share of the words of `rest` with which `response` begins, up to the first that differs; 1 is word for word."""
    wanted, said = words(rest), words(response)
    same = 0
    while same < len(wanted) and same < len(said) and wanted[same] == said[same]:
        same += 1
    return same / len(wanted) if wanted else 0.0
