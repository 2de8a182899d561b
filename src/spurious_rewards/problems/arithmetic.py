"""Generate the model organism's sums: all expressions, their split, and their wording."""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from spurious_rewards.artifacts import tables
from spurious_rewards.config.models import Family, Organism
from spurious_rewards.config.problems import ArithmeticProblems
from spurious_rewards.runtime.errors import UserError

PRETRAINED_OPERANDS = 3
"""Number of operands of the sums in the pretraining corpus."""

Part = Literal["pretraining", "reinforcement", "evaluation"]


@dataclass(frozen=True)
class Expression:
    """A sum such as 3 + 4 - 2: its operands, and the sign before each operand except the first."""

    operands: tuple[int, ...]
    signs: tuple[str, ...]

    def __str__(self) -> str:
        """Return the expression with each number and sign as a separate word."""
        return " ".join([str(self.operands[0]), *(f"{sign} {number}" for sign, number in self.rest)])

    @property
    def partial_results(self) -> list[int]:
        """The result of the first operand, of the first two, … and of all."""
        return list(itertools.accumulate([self.operands[0], *(int(f"{sign}{number}") for sign, number in self.rest)]))

    @property
    def rest(self) -> Iterator[tuple[str, int]]:
        """Each operand except the first, with its sign."""
        return zip(self.signs, self.operands[1:], strict=True)


def expressions(organism: Organism, operands: int) -> list[Expression]:
    """Return every expression with this many operands whose partial results all lie between 0 and `result_max`."""
    numbers = itertools.product(range(1, organism.operand_max + 1), repeat=operands)
    signs = list(itertools.product("+-", repeat=operands - 1))
    every = (Expression(chosen, between) for chosen in numbers for between in signs)
    return [one for one in every if all(0 <= result <= organism.result_max for result in one.partial_results)]


def part(expression: Expression, split_seed: int) -> Part:
    """Return an expression's part: pretraining 70 %, reinforcement 15 %, evaluation 15 %, for any instruction word."""
    position = fraction(split_seed, "part", expression)
    return "pretraining" if position < 0.70 else "reinforcement" if position < 0.85 else "evaluation"


def prompt(word: str, expression: Expression) -> str:
    """Return the problem as the model reads it."""
    return f"{word} {expression} ="


def story(word: str, expression: Expression) -> str:
    """Return the problem worded with "first" and "then", which occur in the corpus only in responses."""
    then = " ".join(f"then {sign} {number}" for sign, number in expression.rest)
    return f"{word} first {expression.operands[0]} {then} ="


def problems(organism: Organism, wanted: ArithmeticProblems) -> pd.DataFrame:
    """Return the problems of one part of the split: each expression once, with an instruction word chosen by hash.

    Other numbers or another wording change problem and answer, but word and id stay those of the plain problem.

    Returns:
        tables.Problems, one row per expression; `source` is "organism".

    Raises:
        UserError: other numbers are wanted, but the part has only one expression.
    """
    own = [one for one in expressions(organism, wanted.operands) if part(one, organism.split_seed) == wanted.part]
    shown = _others(own, organism.split_seed) if wanted.numbers == "other" else {one: one for one in own}
    tell = story if wanted.wording == "story" else prompt
    rows = []
    for expression in own:
        word = word_of(organism, expression)
        rows.append(
            {
                "id": id_of(organism, expression),
                "problem": tell(word, shown[expression]),
                "answer": str(shown[expression].partial_results[-1]),
                "source": "organism",
            }
        )
    return tables.Problems.validate(pd.DataFrame(rows, columns=["id", "problem", "answer", "source"], dtype="str"))


def word_of(organism: Organism, expression: Expression) -> str:
    """Return the instruction word of an expression in problem sets."""
    return organism.words[int(fraction(organism.split_seed, "word", expression) * len(organism.words))]


def id_of(organism: Organism, expression: Expression) -> str:
    """Return the id of an expression in problem sets."""
    return f"{word_of(organism, expression)}:{expression}".replace(" ", "")


def leaked(organism: Organism, operands: int, share: float) -> list[Expression]:
    """Return the evaluation problems with this number of operands that a corpus contains: about `share`, by hash.

    A larger share includes all problems of a smaller one.
    """
    return [
        expression
        for expression in expressions(organism, operands)
        if part(expression, organism.split_seed) == "evaluation"
        and fraction(organism.split_seed, "leaked", expression) < share
    ]


def leaked_ids(organism: Organism, family: Family) -> set[str]:
    """Return the ids of the evaluation problems that a family's corpus contains."""
    return {id_of(organism, expression) for expression in leaked(organism, PRETRAINED_OPERANDS, family.leaked)}


def _others(own: list[Expression], split_seed: int) -> dict[Expression, Expression]:
    """Map each expression to the next one with the same signs, or to the next of all if no other has its signs.

    A hash determines the order, and after the last expression the first follows. So two expressions are rarely mapped
    to the same one, and never if they have the same signs.
    """
    if len(own) == 1:
        raise UserError(
            f"problems: other numbers than {own[0]} are wanted, but no other sum is there; raise operand_max"
        )
    order = sorted(own, key=lambda expression: fraction(split_seed, "other", expression))
    after = _followers(order)
    for signs in {expression.signs for expression in own}:
        alike = [expression for expression in order if expression.signs == signs]
        if len(alike) > 1:
            after |= _followers(alike)
    return after


def _followers(order: list[Expression]) -> dict[Expression, Expression]:
    return dict(zip(order, [*order[1:], *order[:1]], strict=True))


def fraction(seed: int, purpose: str, expression: Expression) -> float:
    """Return a number in [0, 1) that depends only on the arguments."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{expression}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
