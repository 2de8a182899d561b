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

_PHRASE = re.compile(
    r"(?:\b(?:the (?:(?:final|correct|right) )?|final )answer is(?![a-z])|答案[是为])[\s:：*]*", re.IGNORECASE
)
_FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_SENTENCE_END = re.compile(r"\n|\.(?=\s|$)|[。！？；]|，(?=[\u4e00-\u9fff])")
r"""A full-width comma too where words follow it: `5，因为` is 5, and `x=1，y=2` is both."""

_DENIED = re.compile(
    r"not (?:[^.\n]*?[\s,]but (?:rather |instead )?(?P<then>.+)|[^.\n]*?[,;] ?(?:it is|it's) (?P<it>.+)|[-+$\\(\d]|[A-Z]\b)"
)
"""`not 5, but 6`, `not 5; it is 6`, or only that it is not a number, a formula or a letter."""

_AS_ASCII = str.maketrans("０１２３４５６７８９．／＋−‐‑‒–﹣－", "0123456789./+-------")
"""Digits and signs that are written in other characters. The em dash is not one of them: it stands between sentences."""

_GROUPS = re.compile(r"(?<=\d)(?:,\d{3})++(?=(\d?))", re.ASCII)
"""Groups of thousands as far as they go, and the digit that shows that the last of them has more than three."""

_NO_COMMA = "\udc2c"
"""Stands for the commas of such groups, as half of a surrogate pair, which no response holds."""

_PLAIN = r"(?:\d{1,3}(?:,\d{3})++|\d++)(?:\.\d+)?|\.\d+"
_PART = rf"\s*(?:\{{\s*-?\d[\d,{_NO_COMMA}]*(?:\.\d+)?\s*\}}|\d)"
_NUMBER = re.compile(
    # A minus is one where nothing ends before it, and with a space behind it only after an equals sign.
    r"(?:(?<![\w)\]}-])-(?:(?<=[=≈]-)\s|(?<=[=≈]\s-)\s)?)?"
    r"(?:"
    rf"(?:\d+\s*)?\\[dt]?frac{_PART}{_PART}"
    rf"|(?:{_PLAIN})\s*(?:\\times|\\cdot|[×x*])\s*10\s*\^\s*(?:\{{\s*[-+]?\d+\s*\}}|[-+]?\d+)"
    rf"|(?:{_PLAIN})[eE][-+]?\d+(?!\w)"
    rf"|(?:{_PLAIN})\s?/\s?(?:{_PLAIN})"
    rf"|{_PLAIN}"
    r")",
    re.ASCII,
)
"""A number, a fraction of two, or one in scientific notation."""


_THOUGHT = re.compile(r"</?think>")
"""Where thoughts begin and end. Some prompts have the beginning themselves, so that a response may have the end alone."""


class Extraction(NamedTuple):
    """An answer as text, or None if the response has none, and the rule that found it."""

    text: str | None
    rule: Rule


_NONE = Extraction(None, "none")


def extract(response: str, answer_in: Literal["box", "tag"]) -> Extraction:
    r"""Read the answer: the last \boxed{} or <answer>, else what follows "the answer is", else the last number.

    Of a model that thinks first, what stands after `</think>` is read, and what stands before it only where there is no answer
    in that. Thoughts that were cut off before their end hold no answer, unless it is marked by <answer>.
    """
    if answer_in == "tag" and (marked := tagged(response)) is not None:
        return Extraction(marked, "tag")
    begun = response.rfind("<think>")
    whole = response[:begun] if begun > response.rfind("</think>") else response
    found = (_extract(part, answer_in) for part in reversed(_THOUGHT.split(whole)))
    return next((each for each in found if each.text is not None), _NONE)


def _extract(said: str, answer_in: Literal["box", "tag"]) -> Extraction:
    if answer_in == "box" and (marked := boxed(said)) is not None:
        return Extraction(marked, "box")
    if (text := _after_phrase(said)) is not None:
        return Extraction(text, "phrase")
    text = _GROUPS.sub(_apart, _without_denied(said).translate(_AS_ASCII))
    last = max(_NUMBER.finditer(text), key=re.Match.start, default=None)
    if last is None:
        return _NONE
    return Extraction(last[0].replace(",", "").replace(_NO_COMMA, "").replace("- ", "-"), "number")


def _apart(groups: re.Match[str]) -> str:
    """Groups that make no number, without commas: `_NUMBER` would look for their end anew from each of them."""
    return groups[0].replace(",", _NO_COMMA) if groups[1] else groups[0]


def _without_denied(said: str) -> str:
    """A text without the sentences that say what the answer is not: no number of theirs is one."""
    kept, end = [], 0
    phrases = list(_PHRASE.finditer(said))
    starts = [*(phrase.start() for phrase in phrases), len(said)]
    for phrase, until in zip(phrases, starts[1:], strict=True):
        if phrase.start() >= end and _DENIED.match(said, phrase.end(), until):
            kept.append(said[end : phrase.start()])
            sentence = _SENTENCE_END.search(said, phrase.end())
            end = sentence.start() if sentence else len(said)
    return "".join([*kept, said[end:]])


def boxed(response: str) -> str | None:
    r"""The content of the last \boxed{...} or \fbox{...} that is closed and not blank, or of a later bare `\boxed 5`.

    A box within a box is the later one, so `\boxed{\boxed{5}}` is 5. A box cut off by the end of the response does not count.
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


def _after_phrase(said: str) -> str | None:
    """What follows the last "the answer is": a formula if it comes at once, else the rest of the sentence or line.

    Of `not 5, but 6` it is 6; what is only said not to be the answer is passed over, for the phrase before it.
    """
    end = len(said)
    for phrase in reversed(list(_PHRASE.finditer(said))):
        rest, end = said[phrase.end() : end], phrase.start()
        if not (denied := _DENIED.match(rest)):
            return _formula_or_sentence(rest)
        if then := denied["then"] or denied["it"]:
            return _formula_or_sentence(then)
    return None


def _formula_or_sentence(rest: str) -> str | None:
    if formula := _FORMULA.match(rest):
        return next(part for part in formula.groups() if part is not None).strip() or None
    return _SENTENCE_END.split(rest, maxsplit=1)[0].strip(" \t*") or None
