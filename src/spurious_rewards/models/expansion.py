"""How much longer the steps of a tokenizer can make a text, reckoned without a text.

A tokenizer.json is a program of its makers': ten steps that write ten letters for each make gigabytes of a word. What is
reckoned is an upper bound, of any text. What Unicode's own forms make longer (NFKC makes 18 characters of one) counts nothing,
for it stays at that however often they are applied: in its place each character that a step puts in counts as what they make
of it. The steps are those of tokenizers 0.23; a test compares.
"""

import base64
import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Step = Mapping[str, Any]
"""As a tokenizer.json has it: `type` and what else it needs."""

LONGER = 100
"""Times the text that may come of it. The steps of real tokenizers make up to 72 times of it, by this reckoning (ALBERT's)."""

TEXT = 1_000
"""Characters of a text, against which what is put in once counts."""

LONGEST_TOKEN = 10_000
"""Characters. Those of real vocabularies have up to a thousand."""


class Growth(NamedTuple):
    """Of a text of n characters comes one of at most `times` n and `more`; `times` is 1 or more, for what one step leaves out
    another has made before."""

    times: float = 1
    more: float = 0

    def then(self, step: "Growth") -> "Growth":
        """This step and then another."""
        return Growth(self.times * step.times, self.more * step.times + step.more)

    @property
    def longer(self) -> float:
        """Times a text that comes of it."""
        return self.times + self.more / TEXT


LONGEST_WORD = 1_000
"""Of WordPiece, whose time grows with a power of it; BERT's is 100."""

ANYTHING = Growth(10.0**100)
"""What a step may do that is not known here."""


def fault(tokenizer: "Tokenizer") -> str:
    """What is wrong with a tokenizer that makes texts too long; nothing if it does not."""
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
    """Of a part of a tokenizer, which says itself what it does; the file may say it in other ways."""
    return Growth() if steps is None else _in_sequence([json.loads(steps.__getstate__())], known)


def _in_sequence(steps: Sequence[Step], known: Mapping[str, Callable[[Step], Growth]]) -> Growth:
    growth = Growth()
    for step in steps:
        growth = growth.then(known[step["type"]](step) if step["type"] in known else ANYTHING)
    return growth


def in_full(text: str) -> int:
    """Characters that Unicode's forms make of a text, at most."""
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
    "ByteLevel": lambda step: Growth(8 if step["add_prefix_space"] else 4),  # the space before each of many pieces
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
    "Replace": lambda step: Growth(sum(_replace(step, len))),  # of each token by itself
}


def _replace(step: Step, size: Callable[[str], int]) -> Growth:
    """Of putting one text in the place of another; a regex may find something between any two characters."""
    put_in, found = size(step["content"]), size(step["pattern"].get("String", ""))
    return Growth(max(1, put_in / found)) if found else Growth(1 + put_in, put_in)


def _template(step: Step) -> Growth:
    """Of special tokens around a text, which may stand there several times."""
    special = [piece["SpecialToken"]["id"] for piece in step["single"] if "SpecialToken" in piece]
    put_in = sum(len(step["special_tokens"][id_]["ids"]) for id_ in special)
    return Growth(max(1, len(step["single"]) - len(special)), put_in)


def _precompiled(charsmap: str) -> list[str]:
    """All that SentencePiece's table of characters puts in: a length, so many bytes of a trie, and texts that end with a zero."""
    table = base64.b64decode(charsmap)
    return table[4 + int.from_bytes(table[:4], "little") :].decode("utf-8", "replace").split("\0")
