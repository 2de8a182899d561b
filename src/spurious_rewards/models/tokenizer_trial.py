"""Trying out a tokenizer.json in a worker under hard limits, before it is used: what it does to a text is up to its makers.

The library aborts its whole process where memory ends, and the time that its regexes take is not limited. `expansion` has
reckoned that texts stay short; what it cannot see, a trial may. One worker serves all tokenizers of a process.
"""

import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spurious_rewards.models import expansion
from spurious_rewards.runtime import limited

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SECONDS = 60.0
"""Of processor time, for reading a file and trying it out; those of the largest vocabularies take some seconds."""

MEMORY_LIMIT = 4 * 1024**3
"""Bytes of address space of the worker."""

PROBES = (
    "  Two  spaces,\n\n\ta tab\r\nand an end. ",
    "1234567890 + 3.14 = ?",
    "$\\frac{a_1}{b^2} \\le \\boxed{-7}$",
    "def f(x):\n    return x ** 2  # It's 'code'\n",
    " 求和。\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT TWO} Größe naïve",
    "\N{GRINNING FACE}\N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4} \N{LATIN SMALL LIGATURE FI} \N{MINUS SIGN}1",
)
"""Texts of every kind."""

RUNS = tuple(f"{repeated * 2000}{end}" for repeated in (*"aA0 \n.é和", "a ", "a1") for end in ("", "!"))
"""Where regexes of the wrong make take time without end."""


def fault(path: Path, texts: Sequence[str] = (*PROBES, *RUNS)) -> str:
    """What is wrong with what a tokenizer.json makes of texts; nothing if it stays within bounds, or is no tokenizer at all."""
    try:
        answer: str = _of_process(os.getpid()).ask([str(path), list(texts)], SECONDS)
    except limited.EndedError as error:
        return f"{error} when it is given a text (it may have {MEMORY_LIMIT / 1024**3:.0f} GiB of memory)"
    return answer


@functools.cache
def _of_process(process: int) -> limited.Worker:
    """Not of the one that a process was forked from: both would read each other's replies."""
    return limited.Worker("spurious_rewards.models.tokenizer_trial")


# ---------------------------------------------------------------- within the worker


TOO_MUCH = f"takes more than {MEMORY_LIMIT / 1024**3:.0f} GiB of memory"


def _answer(question: list[Any]) -> str:
    name, texts = question
    return _tried(Path(name).read_bytes(), tuple(texts))


@functools.lru_cache(maxsize=2)  # the checkpoints of a run have the same tokenizer
def _tried(content: bytes, texts: Sequence[str]) -> str:
    try:
        tokenizer = _read(content)
    except MemoryError:
        return TOO_MUCH
    except BaseException:  # Rust's panics are no `Exception`s; what is wrong with such a file the gate says
        return ""
    try:
        wrong = expansion.fault(tokenizer)
    except Exception as error:  # steps that tokenizers takes and that are not as it writes them
        return f"has steps that cannot be reckoned with ({type(error).__name__}: {error})"
    if wrong:
        return wrong
    for text in texts:
        try:
            tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids, skip_special_tokens=False)
        except MemoryError:
            return TOO_MUCH
        except BaseException:  # of a character that it has no word for
            continue
    return ""


@functools.lru_cache(maxsize=1)
def _read(content: bytes) -> "Tokenizer":
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_buffer(content)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _prepare() -> Any:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what Rust says of a process that it ends
    return _answer


if __name__ == "__main__":
    limited.serve(_prepare, float(sys.argv[1]), MEMORY_LIMIT)
