r"""Extract the final answer from a response, in the paper's order (Sec. 2.1): box, then phrase, then number.

This module only searches text, in time linear in the response's length. `verifier` decides whether two answers are
equivalent.
"""

import re
from typing import Literal, NamedTuple

Rule = Literal["box", "tag", "phrase", "number", "none"]

_BRACE = re.compile(r"(?P<box>\\(?:boxed|fbox)\s*\{)|\\\\(?!boxed|fbox)|\\[{}]|(?P<open>\{)|(?P<close>\})")
"""Opening and closing of a group in LaTeX. Escaped braces and line breaks also match, so that the scan skips them."""

_BARE_BOX = re.compile(r"\\boxed\s*([-+.\d\\][^\s$]*)")
r"""`\boxed 5`: a number, or an expression that starts with a sign or a command. A word after `\boxed` is prose."""

_PHRASE = re.compile(
    r"(?:\b(?:the (?:(?:final|correct|right) )?|final )answer is(?![a-z])|答案[是为])[\s:：*]*", re.IGNORECASE
)
_FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_SENTENCE_END = re.compile(r"\n|\.(?=\s|$)|[。！？；]|，(?=[\u4e00-\u9fff])")
r"""A full-width comma ends a sentence if Chinese text follows it: `5，因为` is 5, but `x=1，y=2` stays whole."""

_DENIED = re.compile(
    r"not (?:[^.\n]*?[\s,]but (?:rather |instead )?(?P<then>.+)|[^.\n]*?[,;] ?(?:it is|it's) (?P<it>.+)|[-+$\\(\d]|[A-Z]\b)"
)
"""`not 5, but 6`; `not 5; it is 6`; or `not` before a number, a formula or a single capital letter."""

_AS_ASCII = str.maketrans("０１２３４５６７８９．／＋−‐‑‒–﹣－", "0123456789./+-------")
"""Non-ASCII digits and signs, and their ASCII equivalents. The em dash is left out, because it separates clauses."""

_GROUPS = re.compile(r"(?<=\d)(?:,\d{3})++(?=(\d?))", re.ASCII)
"""Groups of three digits after a comma, and the next digit if the last group has more than three."""

_NO_COMMA = "\udc2c"
"""Placeholder for the commas of malformed groups: half of a surrogate pair, which no response contains."""

_PLAIN = r"(?:\d{1,3}(?:,\d{3})++|\d++)(?:\.\d+)?|\.\d+"
_PART = rf"\s*(?:\{{\s*-?\d[\d,{_NO_COMMA}]*(?:\.\d+)?\s*\}}|\d)"
_NUMBER = re.compile(
    # A minus is a sign unless an operand ends right before it. A space may follow it only after an equals sign.
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
"""A number, a fraction of two numbers, or a number in scientific notation."""


_THOUGHT = re.compile(r"</?think>")
"""Start or end of a thought. Some prompts already contain the start tag, so a response may contain only the end tag."""


class Extraction(NamedTuple):
    """An answer as text (None if the response has none), and the rule that found it."""

    text: str | None
    rule: Rule


_NONE = Extraction(None, "none")


def extract(response: str, answer_in: Literal["box", "tag"]) -> Extraction:
    r"""Extract the answer: the last \boxed{} or <answer>, else the text after "the answer is", else the last number.

    If a model thinks first, the text after `</think>` is read first; the text before it is read only if the text after
    it has no answer. A thought that was cut off before its end contains no answer, except one marked by <answer>.
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
    """Return malformed groups without commas; otherwise `_NUMBER` would search for their end again from each group."""
    return groups[0].replace(",", _NO_COMMA) if groups[1] else groups[0]


def _without_denied(said: str) -> str:
    """Return a text without the sentences that say what the answer is not; a number in such a sentence is no answer."""
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
    r"""Return the content of the last closed, non-blank \boxed{...} or \fbox{...}, or of a later bare `\boxed 5`.

    A box inside a box counts as the later one, so `\boxed{\boxed{5}}` is 5. A box cut off by the end of the response
    does not count.
    """
    start, content = -1, None
    groups: list[tuple[int, int, bool]] = []  # (start of the group, start of its content, whether it is a box)
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
    r"""Return the content of the last non-blank <answer>...</answer>, or of a \boxed{} in it if there is one."""
    close = response.rfind("</answer>")
    while close >= 0 and (opened := response.rfind("<answer>", 0, close)) >= 0:
        if content := response[opened + len("<answer>") : close].strip():
            return boxed(content) or content
        close = response.rfind("</answer>", 0, opened)
    return None


def _after_phrase(said: str) -> str | None:
    """Return what follows the last "the answer is": a formula if it follows directly, else the rest of the sentence.

    A line break also ends a sentence. For `not 5, but 6` the result is 6. A phrase that only says what the answer is
    not is skipped, and the phrase before it is read instead.
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
