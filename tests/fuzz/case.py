"""What a generator makes, and how a case may end: in a result, or in a sentence that says what is wrong with it."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Protocol

REFUSED = "refused with a sentence"


@dataclass(frozen=True)
class Case:
    """Something with one wrong thing. The same seed and number make the same case."""

    number: int
    wrong: str
    """What is wrong with it, in a few words."""
    content: Any
    """What the judge of its kind takes."""


class Verdict(NamedTuple):
    """How a case ended that ended well: the word under which it is counted, and the sentence if it was refused."""

    end: str
    said: str = ""


class Wrong(Exception):  # noqa: N818  # not a fault of the program that raises it
    """A case ended neither in a result nor in a sentence. `how` is the word under which it is counted."""

    def __init__(self, how: str, said: str):
        super().__init__(how, said)
        self.how, self.said = how, said


class Kind(Protocol):
    """A module that makes cases of a kind and judges them."""

    CASES: int
    """How many a long run has."""
    CHUNK: int
    """How many a process judges before a new one takes over."""
    SECONDS: float
    """Processor time that a case may take, or ten times that of wall clock."""
    MEMORY: int
    """Bytes that the process which judges may have."""
    MEMORY_OF_WORKERS: int
    """Bytes that each process may have that it starts."""

    @staticmethod
    def warm_up(folder: Path) -> None:
        """Import and make in `folder`, the working one, what all cases share: cases are judged in forks of this process."""

    @staticmethod
    def case(seed: int, number: int) -> Case:
        """Make a case."""

    @staticmethod
    def judge(case: Case, shared: Path) -> Verdict:
        """Put a case through the product, in a working folder of its own; `shared` is the folder of `warm_up`.

        Raises:
            Wrong: it ended in neither a result nor a sentence.
            Exception: any other one is a traceback that a user would see.
        """


def generator(kind: str, seed: int, number: int) -> Random:
    """The random numbers of a case."""
    return Random(f"{kind} {seed} {number}")
