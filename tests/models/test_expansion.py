"""The estimated growth of a text in a tokenizer is never below the real growth, and real tokenizers are accepted."""

import base64
import json
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from spurious_rewards.models import expansion
from spurious_rewards.models.expansion import in_full
from spurious_rewards.models.faults import raised_by_library

PARTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")


def made(**parts: Any) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE({"a": 0}, []))
    for name, steps in parts.items():
        setattr(tokenizer, name, steps)
    return tokenizer


def precompiled(*texts: str) -> normalizers.Normalizer:
    """Return a normalizer with a SentencePiece table that can insert these texts.

    Its trie has 256 entries, all empty, so it never matches.
    """
    table = (4 * 256).to_bytes(4, "little") + bytes(4 * 256) + "\0".join((*texts, "")).encode()
    return normalizers.Precompiled(table)


BEGIN, END = ("<s>", 1), ("</s>", 2)
LIGATURE = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"
"""NFKC expands it to 18 characters."""

REAL = {
    "Llama 2": {
        "normalizer": normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        "post_processor": processors.TemplateProcessing(single="<s> $A", special_tokens=[BEGIN]),
        "decoder": decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        ),
    },
    "Llama 3": {
        "pre_tokenizer": pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        ),
        "post_processor": processors.Sequence(
            [processors.ByteLevel(), processors.TemplateProcessing(single="<s> $A", special_tokens=[BEGIN])]
        ),
        "decoder": decoders.ByteLevel(),
    },
    "Qwen": {"normalizer": normalizers.NFC(), "pre_tokenizer": pre_tokenizers.ByteLevel(), "decoder": decoders.ByteLevel()},
    "RoBERTa": {
        "pre_tokenizer": pre_tokenizers.ByteLevel(add_prefix_space=True),
        "post_processor": processors.RobertaProcessing(END, BEGIN),
        "decoder": decoders.ByteLevel(),
    },
    "BERT": {
        "normalizer": normalizers.BertNormalizer(),
        "pre_tokenizer": pre_tokenizers.BertPreTokenizer(),
        "post_processor": processors.BertProcessing(END, BEGIN),
        "decoder": decoders.WordPiece(),
    },
    "ALBERT": {
        "normalizer": normalizers.Sequence(
            [
                *(normalizers.Replace("``", '"'), normalizers.Replace("''", '"')),
                *(normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()),
                *(precompiled(unicodedata.normalize("NFKC", LIGATURE)), normalizers.Replace(Regex(" {2,}"), " ")),
            ]
        ),
        "pre_tokenizer": pre_tokenizers.Metaspace(),
        "post_processor": processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[BEGIN, END]),
        "decoder": decoders.Metaspace(),
    },
    "nothing": {},
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_tokenizers_pass(name: str) -> None:
    assert expansion.fault(made(**REAL[name])) == ""


TEN = 10
HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "replacing": (
        {"normalizer": normalizers.Sequence([normalizers.Replace("a", "a" * TEN)] * TEN)},
        r"can make a text 10,000,000,000 times as long \(normalizer, .*, and the limit is 100 times",
    ),
    "replacing by what Unicode makes longer": (
        {
            "normalizer": normalizers.Sequence(
                [normalizers.Replace("ab", LIGATURE), normalizers.NFKC(), normalizers.Replace(" ", "ab")] * 2
            )
        },
        r"324 times as long",
    ),
    "between any two characters": ({"normalizer": normalizers.Replace(Regex(""), "a" * 100)}, "101 times as long"),
    "replacing nothing": ({"normalizer": normalizers.Replace("", "a" * 100)}, "101 times as long"),
    "putting in front": ({"normalizer": normalizers.Prepend("a" * 10**6)}, "1,001 times as long"),
    "a table": ({"normalizer": precompiled("a", "b" * 10**4, "c")}, "10,000 times as long"),
    "bytes of bytes": (
        {"pre_tokenizer": pre_tokenizers.Sequence([pre_tokenizers.ByteLevel()] * 30)},
        r"more than 10\^15",
    ),
    "steps in steps": (
        {"normalizer": normalizers.Sequence([normalizers.Sequence([normalizers.Replace("a", "a" * TEN)] * TEN)])},
        "10,000,000,000",
    ),
    "the text twice": (
        {"post_processor": processors.Sequence([processors.TemplateProcessing(single="$A $A")] * 30)},
        "1,073,741,824",
    ),
    "special tokens": (
        {
            "post_processor": processors.TemplateProcessing(
                single=" ".join(["<s>"] * 10**5 + ["$A"]), special_tokens=[BEGIN]
            )
        },
        "101 times",
    ),
    "a longer text that is left out in the end": (
        {
            "normalizer": normalizers.Replace("a", "a" * 10**6),
            "post_processor": processors.TemplateProcessing(single="<s>", special_tokens=[BEGIN]),
        },
        "1,000,000 times",
    ),
    "decoding": (
        {"decoder": decoders.Sequence([decoders.Replace("a", "aa")] * 30)},
        r"1,073,741,824 times as long \(decoder\)",
    ),
    "decoding without a suffix": (
        {"decoder": decoders.Sequence([decoders.BPEDecoder(suffix="")] * 30)},
        r"\(decoder\)",
    ),
    "decoding without words": (
        {"decoder": decoders.Sequence([decoders.CTC(word_delimiter_token="")] * 30)},
        r"\(decoder\)",
    ),
    "one part after another": (
        {
            "normalizer": normalizers.Replace("a", "a" * 50),
            "pre_tokenizer": pre_tokenizers.ByteLevel(add_prefix_space=False),
        },
        "200 times",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_makes_texts_too_long_is_refused(name: str) -> None:
    parts, said = HOSTILE[name]
    assert re.search(said, expansion.fault(made(**parts)))


def test_a_token_that_is_too_long_is_refused() -> None:
    tokenizer = Tokenizer(models.BPE({"a": 0, "b" * 10**5: 1}, []))
    assert expansion.fault(tokenizer) == "has a token of 100,000 characters, and the limit is 10,000"


STEPS = st.sampled_from(
    [
        *(normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD(), normalizers.Lowercase()),
        *(normalizers.StripAccents(), normalizers.BertNormalizer(), normalizers.ByteLevel(), normalizers.Prepend("é½")),
        *(normalizers.Replace("a", LIGATURE), normalizers.Replace("  ", " a "), normalizers.Replace(Regex("a*"), "½")),
        *(normalizers.Replace("", "a"), normalizers.Replace(Regex(r"\s"), "¼ "), normalizers.Nmt()),
    ]
)
TEXTS = st.text(
    st.sampled_from(["a", " ", "é", "İ", "½", "汉", "한", "\N{GRINNING FACE}", LIGATURE]), min_size=1, max_size=9
)


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(STEPS, max_size=6), text=TEXTS)
def test_no_text_becomes_longer_than_is_reckoned(steps: list[Any], text: str) -> None:
    normalizer = normalizers.Sequence(steps)
    growth = expansion._of(normalizer, expansion.NORMALIZERS)
    try:
        longer = normalizer.normalize_str(text)
    except BaseException as error:  # some steps panic on the output of others
        assume(not raised_by_library(error))
        raise
    assert len(longer) <= growth.times * in_full(text) + growth.more


DECODING = st.sampled_from(
    [
        *(decoders.BPEDecoder(suffix=""), decoders.CTC(word_delimiter_token=""), decoders.WordPiece(), decoders.Fuse()),
        *(decoders.Replace("a", "bb"), decoders.Replace(Regex("b*"), "ab"), decoders.ByteLevel(), decoders.Metaspace()),
        *(decoders.Replace("", "a"), decoders.ByteFallback(), decoders.Strip("a", 1, 0), decoders.BPEDecoder()),
    ]
)


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(DECODING, max_size=5), tokens=st.lists(TEXTS, min_size=1, max_size=5))
def test_no_decoded_text_becomes_longer_than_is_reckoned(steps: list[Any], tokens: list[str]) -> None:
    decoder = decoders.Sequence(steps)
    growth = expansion._of(decoder, expansion.DECODERS)
    assert len(decoder.decode(tokens)) <= growth.times * sum(map(len, tokens)) + growth.more


def test_unicodes_forms_make_no_character_longer_than_is_reckoned() -> None:
    forms = (normalizers.NFKC(), normalizers.NFD(), normalizers.NFKD(), normalizers.Lowercase())
    changing = [one for one in map(chr, range(0x3000)) if unicodedata.normalize("NFKD", one).lower() != one]
    for one in (*changing, *map(chr, range(0xF900, 0xFFFE, 7)), LIGATURE):
        assert all(in_full(form.normalize_str(one)) <= in_full(one) for form in forms)
    assert in_full(LIGATURE) == 18


@pytest.mark.parametrize(
    ("module", "known"),
    [
        (normalizers, expansion.NORMALIZERS),
        (pre_tokenizers, expansion.PRE_TOKENIZERS),
        (processors, expansion.POST_PROCESSORS),
        (decoders, expansion.DECODERS),
    ],
)
def test_all_steps_of_tokenizers_are_known(module: Any, known: dict[str, Any]) -> None:
    no_steps = {"Normalizer", "PreTokenizer", "PostProcessor", "Decoder", "DecodeStream"}
    there = {name for name in dir(module) if isinstance(getattr(module, name), type)}
    assert there - no_steps == set(known)


def test_a_step_that_is_not_known_may_do_anything() -> None:
    assert expansion._in_sequence([{"type": "Nosuch"}], expansion.NORMALIZERS) == expansion.ANYTHING


def test_a_table_of_characters_is_read_as_tokenizers_reads_it() -> None:
    said = json.loads(precompiled("one", "two").__getstate__())["precompiled_charsmap"]
    assert expansion._precompiled(said) == ["one", "two", ""]
    assert expansion._precompiled(base64.b64encode(b"\xff\xff\xff\x7f").decode()) == [""]
