r"""Alternative graders, besides the one that decides: compare two answers as strings, or with sympy.

Both graders first normalise the notation of the answers. The normalisation follows the MATH benchmark's own script
(Hendrycks et al., arXiv 2103.03874, App.) and Minerva's (Lewkowycz et al., arXiv 2206.14858, App. D.1), which most
evaluations still use. It unifies LaTeX's equivalent spellings and removes units, currency signs, percent signs and a
name before an equals sign. Unlike those scripts, it gives equal whole numbers one spelling ("142.0" becomes "142",
"025" becomes "25"), because answers of AMC and AIME need that, and it keeps the space that ends a command ("\pi r").
"""

import re
from collections.abc import Sequence

from spurious_rewards.answers.verifier import Verdict, Verifier

_NO_SPACE = re.compile(r"(?<!\\)\\[!,]")
_SPACING = re.compile(r"(?<!\\)\\[;: ]|~|\\q?quad(?![A-Za-z])|\\(?:left|right|displaystyle)(?![A-Za-z])")
_FRACTION = re.compile(r"\\[dtc]frac(?![A-Za-z])")
_SIGN = re.compile(r"\\?[$%]|\^\{?\\(?:circ|degree)(?![A-Za-z])\}?|\\degree(?![A-Za-z])")
_TEXT = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox)\{([^{}]*)\}")
_UNIT = re.compile(r"(?<=[\w})])\s*\\(?:text|textrm|mathrm|mbox)\{[^{}]*\}(?:\^\{?\d\}?)?$")
_NAME = re.compile(r"^[A-Za-z](?:\([A-Za-z]\)|_\{?\w\}?)?=(?=[^=]+$)")
_SPACE = re.compile(r"(\\[A-Za-z]+ )\s*(?=[A-Za-z])|(?<=\d)( )\s*(?=\d)|\s+")
_BARE_FRACTION = re.compile(r"\\frac(?:\{([^{}]+)\}|(\d))(?:\{([^{}]+)\}|(\d))")
_BARE_ROOT = re.compile(r"\\sqrt(\d)")
_SLASHED = re.compile(r"(-?)(\d+)/(\d+)")
_THOUSANDS = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NUMBER = re.compile(r"([-+]?)(\d+(?:\.\d*)?|\.\d+)", re.ASCII)


def normalised(answer: str) -> str:
    r"""Return an answer with normalised notation: `x = \dfrac12\text{ cm}` becomes `\frac{1}{2}`."""
    text = answer.strip().removeprefix(r"\(").removesuffix(r"\)").removeprefix(r"\[").removesuffix(r"\]")
    text = _SPACING.sub(" ", _NO_SPACE.sub("", text.replace("{,}", ",")))
    text = _SIGN.sub("", _FRACTION.sub(r"\\frac", text)).strip().removesuffix(".")
    text = _TEXT.sub(r"\1", _UNIT.sub("", text)).strip()
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    text = _NAME.sub("", _SPACE.sub(lambda found: found[1] or found[2] or "", text))
    text = _BARE_FRACTION.sub(lambda found: rf"\frac{{{found[1] or found[2]}}}{{{found[3] or found[4]}}}", text)
    text = _BARE_ROOT.sub(r"\\sqrt{\1}", text)
    if slashed := _SLASHED.fullmatch(text):
        return rf"{slashed[1]}\frac{{{slashed[2]}}}{{{slashed[3]}}}"
    if number := _NUMBER.fullmatch(text):
        whole, _, decimals = number[2].partition(".")
        text = ".".join(filter(None, [whole.lstrip("0") or "0", decimals.rstrip("0")]))
        return text if number[1] != "-" or text == "0" else f"-{text}"
    return text


def strings(pairs: Sequence[tuple[str, str]]) -> list[bool]:
    """Return for each pair whether its two answers are the same non-empty text after `normalised`."""
    return [normalised(gold) == normalised(answer) != "" for gold, answer in pairs]


def sympy(pairs: Sequence[tuple[str, str]], verifier: Verifier) -> list[Verdict]:
    """Return for each pair whether the difference of its two answers, after `normalised`, simplifies to zero.

    `verifier` asks sympy. Answers that sympy cannot parse (most text) count as different. So do answers that have no
    difference (intervals, tuples), unless sympy parses both to the same object.
    """
    return verifier.verify([(normalised(gold), normalised(answer)) for gold, answer in pairs])
