"""Tries a tokenizer.json in a worker with hard limits before it is used: what it does to a text is up to its makers.

The library aborts its whole process when memory runs out, and the time of its regexes is not limited. `expansion` has
computed that texts stay short; a trial may show what it cannot see. One worker serves all tokenizers of a process.
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
"""Limit of processor time, for reading and trying a file; those of the largest vocabularies take some seconds."""

MEMORY_LIMIT = 4 * 1024**3
"""Limit of the worker's address space in bytes."""

PROBES = (
    "  Two  spaces,\n\n\ta tab\r\nand an end. ",
    "1234567890 + 3.14 = ?",
    "$\\frac{a_1}{b^2} \\le \\boxed{-7}$",
    "def f(x):\n    return x ** 2  # It's 'code'\n",
    " 求和。\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT TWO} Größe naïve",
    "\N{GRINNING FACE}\N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4} \N{LATIN SMALL LIGATURE FI} \N{MINUS SIGN}1",
)
"""Sample texts of all kinds."""

RUNS = tuple(f"{repeated * 2000}{end}" for repeated in (*"aA0 \n.é和", "a ", "a1") for end in ("", "!"))
"""Texts on which badly made regexes take time without end."""


def fault(path: Path, texts: Sequence[str] = (*PROBES, *RUNS)) -> str:
    """Return what is wrong with how a tokenizer.json treats texts; "" if it keeps the limits, or is no tokenizer."""
    try:
        answer: str = _of_process(os.getpid()).ask([str(path), list(texts)], SECONDS)
    except limited.EndedError as error:
        return f"{error} when it is given a text (it may have {MEMORY_LIMIT / 1024**3:.0f} GiB of memory)"
    return answer


@functools.cache
def _of_process(process: int) -> limited.Worker:
    """Return the worker of a process; a forked child needs its own, or both would read each other's replies."""
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
    except BaseException:  # Rust's panics are no `Exception`s; `tokenizer_file.load` reports such a file
        return ""
    try:
        wrong = expansion.fault(tokenizer)
    except Exception as error:  # tokenizers accepts these steps, but would write them in another form
        return f"has steps that cannot be checked ({type(error).__name__}: {error})"
    if wrong:
        return wrong
    for text in texts:
        try:
            tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids, skip_special_tokens=False)
        except MemoryError:
            return TOO_MUCH
        except BaseException:  # a character has no token
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
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # hides what Rust prints when it ends the process
    return _answer


if __name__ == "__main__":
    limited.serve(_prepare, float(sys.argv[1]), MEMORY_LIMIT)
