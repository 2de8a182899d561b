"""Cases of the fuzzer, and how each may end: in a result, or in a sentence that says what is wrong with it."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Protocol

REFUSED = "refused with a sentence"


@dataclass(frozen=True)
class Case:
    """An input with one thing wrong. The same seed and number make the same case."""

    number: int
    wrong: str
    """A few words that say what is wrong with the input."""
    content: Any
    """The input, as the `judge` of its kind takes it."""


class Verdict(NamedTuple):
    """How a case ended well: the word under which it is counted, and the sentence if the input was refused."""

    end: str
    said: str = ""


class Wrong(Exception):  # noqa: N818  # not a fault of the program that raises it
    """A case that ended neither in a result nor in a sentence. `how` is the word under which it is counted."""

    def __init__(self, how: str, said: str):
        super().__init__(how, said)
        self.how, self.said = how, said


class Kind(Protocol):
    """The interface of a module that makes cases of one kind and judges them."""

    CASES: int
    """Number of cases in a long run."""
    CHUNK: int
    """Number of cases that a process judges before a new process takes over."""
    SECONDS: float
    """Limit of processor seconds for a case; the limit of wall-clock time is ten times this."""
    MEMORY: int
    """Memory limit of the process that judges, in bytes."""
    MEMORY_OF_WORKERS: int
    """Memory limit of each process that the judging process starts, in bytes."""

    @staticmethod
    def warm_up(folder: Path) -> None:
        """Import and make, in the working folder `folder`, what all cases share. Cases run in forks of this process."""

    @staticmethod
    def case(seed: int, number: int) -> Case:
        """Make a case."""

    @staticmethod
    def judge(case: Case, shared: Path) -> Verdict:
        """Put a case through the product, in a working folder of its own; `shared` is the folder of `warm_up`.

        Raises:
            Wrong: the case ended in neither a result nor a sentence.
            Exception: any other exception is a traceback that a user would see.
        """


def generator(kind: str, seed: int, number: int) -> Random:
    """Return the random generator of a case."""
    return Random(f"{kind} {seed} {number}")
