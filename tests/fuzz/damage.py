"""Ways to make one thing wrong: values that do not belong in their place, and damage to texts and files."""

import datetime
import math
from collections.abc import Iterator
from random import Random
from typing import Any

Node = tuple[tuple[Any, ...], Any]
"""A path of keys and indices in nested data, and the value at this path."""

NUMBERS = [
    *(0, -1, 1, 2, 3, 7, 100, 10**6, 10**9, 2**31, 2**63, 2**64, 10**30, -(2**63), 10**400),
    *(0.0, -0.0, 0.5, 1.5, 1e-9, 5e-324, 1e308, math.inf, -math.inf, math.nan),
]

TEXTS = [
    *("", " ", "\n", "\t", "a b", " leading", "a\nb", "a\tb", "-", "--help", "-x", "=", ":", "#", "*", "?", "|"),
    *("$HOME", "`touch executed`"),
    *("..", ".", "../x", "/", "/etc/passwd", "~", "a/b", "a//b", "\\", "C:\\x", "nul", "CON", "a" * 300),
    *("x" * 100_000,),
    *("{}", "{", "}", "{{}}", "{x}", "{0}", "{wildcards.model}", "{input}", "{threads:d}", "a{b}c", "%s", "%(x)s"),
    *("$x$", "\\boxed{}"),
    *("null", "true", "yes", "no", "None", "nan", "0", "-1", "1e3", "0x10", "1_000", "٣", "½", "²", "1.0"),
    *("é", "e\u0301", "γ", "数学", "😀", "\u202eabc", "\u200b", "\ufeff", "\u2028", "\x00", "\x1b[31m", "\x7f", "\x85"),
    *("\ud800", "\uffff"),
    *("base", "all", "headline", "default", "train", "report", "partial", "random", "main", "plain", "seeds0"),
    *("results",),
    *("0-4", "4-0", "0-99999999999", "0-", "-4", "0--4", "0-4-8", "٠-٤", "1,2", "00-01"),
    *("<b>", "</script><script>alert(1)</script>", "&amp;", "'", '"', "';", "\\textbf{", "$", "_", "^", "=1+1"),
]  # fmt: skip

THINGS: list[Any] = [None, [], {}, [1], {"a": 1}, "text", 1, 1.5, True, False, [[]], [None], {"": ""}, {"a": {}}, [{}]]

DATED = [datetime.date(2025, 1, 1), datetime.datetime(2025, 1, 1, 12), b"\x00\xff"]
"""Values that YAML makes of some texts."""


def value(random: Random, instead_of: Any) -> Any:
    """Return a value that is probably wrong in the place of another one, of the same type or of another type."""
    if isinstance(instead_of, bool):
        pool: list[Any] = [not instead_of, *THINGS]
    elif isinstance(instead_of, int | float):
        near = [-instead_of, instead_of + 1, instead_of - 1, instead_of * 1000, instead_of / 3, str(instead_of)]
        pool = random.choice([NUMBERS, near, THINGS])
    elif isinstance(instead_of, str):
        pool = random.choice([TEXTS, TEXTS, THINGS, [misspelt(random, instead_of)]])
    else:
        pool = THINGS
    return random.choice(pool)


def misspelt(random: Random, word: str) -> str:
    """Return a word with a letter dropped, doubled, swapped with the next or replaced, or in another case."""
    if not word:
        return "x"
    at = random.randrange(len(word))
    return random.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
            word[:at] + random.choice("abcxyz_-. 0") + word[at + 1 :],
            word.swapcase(),
            word + " ",
            word.replace("e", "е"),  # Cyrillic
        ]
    )


def nodes(data: Any, path: tuple[Any, ...] = ()) -> Iterator[Node]:
    """Yield every node of nested data, the whole first."""
    yield path, data
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, child in inner:
        yield from nodes(child, (*path, key))


def at(data: Any, path: tuple[Any, ...]) -> Any:
    """Return the value at a path."""
    for key in path:
        data = data[key]
    return data


def renamed(mapping: dict[Any, Any], old: Any, new: Any) -> None:
    """Rename a key, and keep the order of the keys."""
    items = [(new if key == old else key, value) for key, value in mapping.items()]
    mapping.clear()
    mapping.update(items)


def spelled(path: tuple[Any, ...]) -> str:
    """Return a path as text."""
    return ".".join(map(str, path)) or "(the whole)"


def shown(value: Any) -> str:
    """Return a value as text on one line, shortened if it is long."""
    text = ascii(value)
    return text if len(text) < 60 else f"{text[:50]}… ({len(text)})"


# ---------------------------------------------------------------- text

ENCODINGS = ("utf-16", "utf-32", "utf-8-sig", "latin-1", "cp1252", "gbk", "shift_jis", "utf-16-le", "cp037")
STRAY = [
    *("\x00", "\x07", "\x1b", "\x7f", "\x85", "\ufeff", "\u2028", "\ufffe", "\t", "\r", "é", "😀"),
    *("{", "}", '"', "'", ":", "-", "&a ", "*a", "!!x "),
]


def text(random: Random, whole: str) -> tuple[str, bytes]:
    """Return what was done and the bytes of a damaged text; the damage is of the sort that editors and disks do."""
    lines = whole.splitlines(keepends=True)
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    at = random.randrange(len(whole))
    ways = [
        "cut",
        "encoding",
        "line twice",
        "line gone",
        "lines swapped",
        "stray",
        "tabs",
        "indent",
        "byte",
        "ends",
        "conflict",
    ]
    way = random.choice(ways)
    if way == "cut":
        return f"cut after {at} characters", whole[:at].encode()
    if way == "encoding":
        encoding = random.choice(ENCODINGS)
        return f"written in {encoding}", whole.replace("title: ", "title: é", 1).encode(encoding, "replace")
    if way == "line twice":
        lines.insert(other, lines[one])
        return f"line {one + 1} again before line {other + 1}", "".join(lines).encode()
    if way == "line gone":
        del lines[one]
        return f"without line {one + 1}", "".join(lines).encode()
    if way == "lines swapped":
        lines[one], lines[other] = lines[other], lines[one]
        return f"lines {one + 1} and {other + 1} swapped", "".join(lines).encode()
    if way == "stray":
        stray = random.choice(STRAY)
        return f"{stray!a} after {at} characters", (whole[:at] + stray + whole[at:]).encode()
    if way == "tabs":
        lines[one] = lines[one].replace("  ", "\t")
        return f"tabs in line {one + 1}", "".join(lines).encode()
    if way == "indent":
        lines[one] = random.choice([" ", "   ", ""]) + (lines[one].lstrip(" ") or "\n")
        return f"line {one + 1} indented otherwise", "".join(lines).encode()
    if way == "byte":
        raw, byte = bytearray(whole.encode()), random.randrange(256)
        place = random.randrange(len(raw))
        raw[place] = byte
        return f"byte {place} is {byte:#x}", bytes(raw)
    if way == "ends":
        end = random.choice(["\r\n", "\r", "\n\n", "\u2028"])
        return f"line ends {end!a}", whole.replace("\n", end).encode()
    lines[one:one] = ["<<<<<<< HEAD\n", lines[one], "=======\n", lines[one], ">>>>>>> other\n"]
    return f"a conflict of versions before line {one + 1}", "".join(lines).encode()
