"""Computes how much longer the steps of a tokenizer can make a text, without trying a text.

A tokenizer.json is a program by its makers: ten steps that each write ten letters for one turn a word into gigabytes.
The result is an upper bound for any text. What Unicode's normal forms add (NFKC makes 18 characters of one) does not
count as growth, because applying them again adds nothing. Instead, each character that a step inserts counts as all
those that these forms make of it. The steps are those of tokenizers 0.23; a test compares.
"""

import base64
import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Step = Mapping[str, Any]
"""A step as in tokenizer.json: `type`, and the settings of this type."""

LONGER = 100
"""Largest allowed growth, as a factor. By this computation, the steps of real tokenizers reach 72 (ALBERT)."""

TEXT = 1_000
"""Length of a text in characters; an addition that does not grow with the text counts relative to this length."""

LONGEST_TOKEN = 10_000
"""Longest allowed token in characters. Tokens of real vocabularies have up to a thousand."""


class Growth(NamedTuple):
    """How much a step lengthens a text: n characters become at most `times` * n + `more`.

    `times` is never below 1, because what one step leaves out another one has made before.
    """

    times: float = 1
    more: float = 0

    def then(self, step: "Growth") -> "Growth":
        """Return the growth by this step and then another."""
        return Growth(self.times * step.times, self.more * step.times + step.more)

    @property
    def longer(self) -> float:
        """Factor by which a text of `TEXT` characters grows."""
        return self.times + self.more / TEXT


LONGEST_WORD = 1_000
"""Longest word in characters that WordPiece may look at: its time grows with a power of this length. BERT has 100."""

ANYTHING = Growth(10.0**100)
"""Growth by a step of an unknown type, which may do anything."""


def fault(tokenizer: "Tokenizer") -> str:
    """Return why a tokenizer may make texts too long or take too much time; "" if it does not."""
    longest = max(map(len, tokenizer.get_vocab(with_added_tokens=True)), default=0)
    if longest > LONGEST_TOKEN:
        return f"has a token of {longest:,} characters, and the limit is {LONGEST_TOKEN:,}"
    word = getattr(tokenizer.model, "max_input_chars_per_word", None)
    if word is not None and word > LONGEST_WORD:
        return f"looks for tokens in words of up to {word:,} characters, and the limit is {LONGEST_WORD:,}"
    encoding = (
        _of(tokenizer.normalizer, NORMALIZERS)
        .then(_of(tokenizer.pre_tokenizer, PRE_TOKENIZERS))
        .then(_of(tokenizer.post_processor, POST_PROCESSORS))
    )
    for growth, steps in (
        (encoding, "normalizer, pre_tokenizer and post_processor"),
        (_of(tokenizer.decoder, DECODERS), "decoder"),
    ):
        if not growth.longer <= LONGER:
            return f"can make a text {_shown(growth.longer)} times as long ({steps}), and the limit is {LONGER} times"
    return ""


def _shown(times: float) -> str:
    return f"{times:,.0f}" if times < 10**15 else "more than 10^15"


def _of(steps: Any, known: Mapping[str, Callable[[Step], Growth]]) -> Growth:
    """Return the growth by a part of a tokenizer. The loaded part is asked: the file may say the same in other ways."""
    return Growth() if steps is None else _in_sequence([json.loads(steps.__getstate__())], known)


def _in_sequence(steps: Sequence[Step], known: Mapping[str, Callable[[Step], Growth]]) -> Growth:
    growth = Growth()
    for step in steps:
        growth = growth.then(known[step["type"]](step) if step["type"] in known else ANYTHING)
    return growth


def in_full(text: str) -> int:
    """Return how many characters Unicode's normal forms and lower case make of a text, at most."""
    return sum(
        max(
            len(unicodedata.normalize("NFKD", form))
            for form in (one, one.lower(), unicodedata.normalize("NFKD", one).lower())
        )
        for one in text
    )


NORMALIZERS: dict[str, Callable[[Step], Growth]] = {
    **dict.fromkeys(("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip", "Nmt"), lambda _: Growth()),
    "Sequence": lambda step: _in_sequence(step["normalizers"], NORMALIZERS),
    "BertNormalizer": lambda _: Growth(3),  # spaces around Chinese characters
    "ByteLevel": lambda _: Growth(4 * 3),  # the bytes of a character, written as characters such as ¼
    "Prepend": lambda step: Growth(1, in_full(step["prepend"])),
    "Replace": lambda step: _replace(step, in_full),
    "Precompiled": lambda step: Growth(max(1, *map(in_full, _precompiled(step["precompiled_charsmap"])))),
}

PRE_TOKENIZERS: dict[str, Callable[[Step], Growth]] = {
    **dict.fromkeys(
        ("BertPreTokenizer", "CharDelimiterSplit", "Digits", "FixedLength", "Punctuation"), lambda _: Growth()
    ),
    **dict.fromkeys(("Split", "UnicodeScripts", "Whitespace", "WhitespaceSplit"), lambda _: Growth()),
    "Sequence": lambda step: _in_sequence(step["pretokenizers"], PRE_TOKENIZERS),
    "ByteLevel": lambda step: Growth(8 if step["add_prefix_space"] else 4),  # a space before each of many pieces
    "Metaspace": lambda step: Growth(1 if step["prepend_scheme"] == "never" else 2),
}

POST_PROCESSORS: dict[str, Callable[[Step], Growth]] = {
    **dict.fromkeys(("BertProcessing", "RobertaProcessing"), lambda _: Growth(1, 2)),
    "ByteLevel": lambda _: Growth(),
    "Sequence": lambda step: _in_sequence(step["processors"], POST_PROCESSORS),
    "TemplateProcessing": lambda step: _template(step),
}

DECODERS: dict[str, Callable[[Step], Growth]] = {
    **dict.fromkeys(("ByteFallback", "ByteLevel", "Fuse", "Metaspace", "Strip"), lambda _: Growth()),
    "Sequence": lambda step: _in_sequence(step["decoders"], DECODERS),
    "BPEDecoder": lambda step: Growth(1 if step["suffix"] else 3),  # spaces around each character
    "CTC": lambda step: Growth(1 if step["word_delimiter_token"] else 3),
    "WordPiece": lambda _: Growth(2),  # a space before each token
    "Replace": lambda step: Growth(sum(_replace(step, len))),  # applied to each token by itself
}


def _replace(step: Step, size: Callable[[str], int]) -> Growth:
    """Return the growth by replacing one text with another; a regex may match between any two characters."""
    put_in, found = size(step["content"]), size(step["pattern"].get("String", ""))
    return Growth(max(1, put_in / found)) if found else Growth(1 + put_in, put_in)


def _template(step: Step) -> Growth:
    """Return the growth by putting special tokens around a text, which the template may repeat."""
    special = [piece["SpecialToken"]["id"] for piece in step["single"] if "SpecialToken" in piece]
    put_in = sum(len(step["special_tokens"][id_]["ids"]) for id_ in special)
    return Growth(max(1, len(step["single"]) - len(special)), put_in)


def _precompiled(charsmap: str) -> list[str]:
    """Return all texts that SentencePiece's map of characters inserts.

    The map consists of a length, a trie of so many bytes, and texts that end with a zero byte.
    """
    table = base64.b64decode(charsmap)
    return table[4 + int.from_bytes(table[:4], "little") :].decode("utf-8", "replace").split("\0")
