r"""Reading the final answer out of a response, in the paper's order (Sec. 2.1): box, then phrase, then number.

Pure text work in time linear in the response's length; whether two answers mean the same is for `verifier` to say.
"""

import re
from typing import Literal, NamedTuple

Rule = Literal["box", "tag", "phrase", "number", "none"]

_BRACE = re.compile(r"(?P<box>\\(?:boxed|fbox)\s*\{)|\\\\(?!boxed|fbox)|\\[{}]|(?P<open>\{)|(?P<close>\})")
"""What opens or closes a group in LaTeX; escaped braces and line breaks match too, so that they are passed over."""

_BARE_BOX = re.compile(r"\\boxed\s*([-+.\d\\][^\s$]*)")
r"""`\boxed 5`: a number, or an expression that begins with a sign or a command. A word after `\boxed` is prose."""

_PHRASE = re.compile(r"the answer is[\s:*]*", re.IGNORECASE)
_FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_SENTENCE_END = re.compile(r"\n|\.(?=\s|$)")
_NUMBER = re.compile(r"(?:(?<![\w)\]}])-)?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)", re.ASCII)


class Extraction(NamedTuple):
    """An answer as text, or None if the response has none, and the rule that found it."""

    text: str | None
    rule: Rule


def extract(response: str, answer_in: Literal["box", "tag"]) -> Extraction:
    r"""Read the answer: the last \boxed{} or <answer>, else what follows "the answer is", else the last number."""
    marked = tagged(response) if answer_in == "tag" else boxed(response)
    if marked is not None:
        return Extraction(marked, answer_in)
    if (text := _after_phrase(response)) is not None:
        return Extraction(text, "phrase")
    if numbers := _NUMBER.findall(response):
        return Extraction(numbers[-1].replace(",", ""), "number")
    return Extraction(None, "none")


def boxed(response: str) -> str | None:
    r"""The content of the last \boxed{...} or \fbox{...} that is closed and not blank, or of a later bare `\boxed 5`.

    A box within a box is the later one, so `\boxed{\boxed{5}}` is 5. A box cut off by the end of the response is none.
    """
    start, content = -1, None
    groups: list[tuple[int, int, bool]] = []  # (where it opens, where its content begins, whether it is a box)
    for match in _BRACE.finditer(response):
        if match["box"] or match["open"]:
            groups.append((match.start(), match.end(), match["box"] is not None))
        elif match["close"] and groups:
            opened, begin, is_box = groups.pop()
            if is_box and opened > start and (text := response[begin : match.start()].strip()):
                start, content = opened, text
    for match in _BARE_BOX.finditer(response, start + 1):
        content = match[1].rstrip(".,;") or content
    return content


def tagged(response: str) -> str | None:
    r"""The content of the last <answer>...</answer> that is not blank; of a \boxed{} in it, if there is one."""
    close = response.rfind("</answer>")
    while close >= 0 and (opened := response.rfind("<answer>", 0, close)) >= 0:
        if content := response[opened + len("<answer>") : close].strip():
            return boxed(content) or content
        close = response.rfind("</answer>", 0, opened)
    return None


def _after_phrase(response: str) -> str | None:
    """What follows the last "the answer is": a formula if it comes at once, else the rest of the sentence or line."""
    phrases = list(_PHRASE.finditer(response))
    if not phrases:
        return None
    rest = response[phrases[-1].end() :]
    if formula := _FORMULA.match(rest):
        return next(part for part in formula.groups() if part is not None).strip() or None
    return _SENTENCE_END.split(rest, maxsplit=1)[0].strip(" \t*") or None
