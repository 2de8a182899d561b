"""The model organism's world: its sums, their split, its words, and the two ways in which a family reasons about them.

Families differ only by the corpus that their models are pretrained on. It holds code traces and language traces; which
of the two is likely depends on the instruction word, and each has systematic mistakes of its own, so that a majority of
samples can agree on a wrong answer.
"""

import hashlib
import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

from spurious_rewards import tables
from spurious_rewards.errors import UserError
from spurious_rewards.suite import ArithmeticProblems, Family, Organism

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PRETRAINED_OPERANDS = 3
"""How many numbers the sums of the corpus have."""

LAPSE = 0.2
"""How often language is right in spite of its habit: what a reward for right answers can find and strengthen.

Code has no lapses, so what code gets wrong can be put right only by leaving code."""

CODE_WORDS = ("python", ":", ";", "=", "+", "-", "output")
LANGUAGE_WORDS = ("let", "me", "think", "first", "then", "the", "answer", "is", ".")
BOX_WORDS = (r"\boxed{", "}")
PADDING, END, UNKNOWN = "<pad>", "<eos>", "<unk>"

Part = Literal["pretraining", "reinforcement", "evaluation"]


@dataclass(frozen=True)
class Expression:
    """A sum such as 3 + 4 - 2: its numbers, and the sign before each but the first."""

    operands: tuple[int, ...]
    signs: tuple[str, ...]

    def __str__(self) -> str:
        """Every number and sign as a word of its own."""
        return " ".join([str(self.operands[0]), *(f"{sign} {number}" for sign, number in self.rest)])

    @property
    def partial_results(self) -> list[int]:
        """The result of the first number, of the first two, … and of all."""
        return list(itertools.accumulate([self.operands[0], *(int(f"{sign}{number}") for sign, number in self.rest)]))

    @property
    def rest(self) -> Iterator[tuple[str, int]]:
        """Each number but the first with its sign."""
        return zip(self.signs, self.operands[1:], strict=True)


def expressions(organism: Organism, operands: int) -> list[Expression]:
    """Every expression of so many numbers whose partial results all lie between 0 and `result_max`."""
    numbers = itertools.product(range(1, organism.operand_max + 1), repeat=operands)
    signs = list(itertools.product("+-", repeat=operands - 1))
    every = (Expression(chosen, between) for chosen in numbers for between in signs)
    return [one for one in every if all(0 <= result <= organism.result_max for result in one.partial_results)]


def part(expression: Expression, split_seed: int) -> Part:
    """The side of the split that an expression is on: 70, 15 and 15 in a hundred, whatever the instruction word."""
    position = _fraction(split_seed, "part", expression)
    return "pretraining" if position < 0.70 else "reinforcement" if position < 0.85 else "evaluation"


def prompt(word: str, expression: Expression) -> str:
    """The problem as the model reads it."""
    return f"{word} {expression} ="


def story(word: str, expression: Expression) -> str:
    """The problem told with two words that the corpus has in responses only."""
    then = " ".join(f"then {sign} {number}" for sign, number in expression.rest)
    return f"{word} first {expression.operands[0]} {then} ="


def problems(organism: Organism, wanted: ArithmeticProblems) -> pd.DataFrame:
    """The problems of one part of the split, each expression once, with an instruction word that its hash chooses.

    Other numbers and another wording change problem and answer, while word and id stay those of the plain problem.

    Returns:
        tables.Problems, one row an expression; `source` is "organism".

    Raises:
        UserError: other numbers are wanted of a part that has one expression.
    """
    own = [one for one in expressions(organism, wanted.operands) if part(one, organism.split_seed) == wanted.part]
    shown = _others(own, organism.split_seed) if wanted.numbers == "other" else {one: one for one in own}
    tell = story if wanted.wording == "story" else prompt
    rows = []
    for expression in own:
        word = organism.words[int(_fraction(organism.split_seed, "word", expression) * len(organism.words))]
        rows.append(
            {
                "id": f"{word}:{expression}".replace(" ", ""),
                "problem": tell(word, shown[expression]),
                "answer": str(shown[expression].partial_results[-1]),
                "source": "organism",
            }
        )
    return tables.Problems.validate(pd.DataFrame(rows, columns=["id", "problem", "answer", "source"], dtype="str"))


def _others(own: list[Expression], split_seed: int) -> dict[Expression, Expression]:
    """For each expression the next one with the same signs, or the next of all if it is alone with its signs.

    The order is drawn by hash, and the last is followed by the first: so two expressions rarely share one, and those
    with the same signs never do.
    """
    if len(own) == 1:
        raise UserError(
            f"problems: other numbers than {own[0]} are wanted, but no other sum is there; raise operand_max"
        )
    order = sorted(own, key=lambda expression: _fraction(split_seed, "other", expression))
    after = _followers(order)
    for signs in {expression.signs for expression in own}:
        alike = [expression for expression in order if expression.signs == signs]
        if len(alike) > 1:
            after |= _followers(alike)
    return after


def _followers(order: list[Expression]) -> dict[Expression, Expression]:
    return dict(zip(order, [*order[1:], *order[:1]], strict=True))


def tokenizer(organism: Organism) -> "PreTrainedTokenizerFast":
    """A tokenizer of whole words and whole numbers; text with one space between words survives the round trip."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    greatest = max(organism.result_max + 1, 2 * organism.operand_max)  # of what a mistake can come to
    numbers = [str(number) for number in range(greatest + 1)]
    words = [PADDING, END, UNKNOWN, *CODE_WORDS, *LANGUAGE_WORDS, *BOX_WORDS, *numbers, *organism.words]
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys(words))}
    model = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    model.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=model,
        pad_token=PADDING,
        eos_token=END,
        unk_token=UNKNOWN,
        padding_side="left",
        model_max_length=organism.positions,
        clean_up_tokenization_spaces=False,
    )


# ---------------------------------------------------------------- the corpus


@dataclass(frozen=True)
class Mistakes:
    """The habits of one model's corpus: what code always and language nearly always gets wrong."""

    misread: Mapping[int, int]
    """Last operands that code takes for another number."""
    lost: frozenset[int]
    """First operands with which language tends to lose one of the other operands."""


def mistakes(organism: Organism, family: Family, rng: random.Random) -> Mistakes:
    """Draw a model's own mistakes, as many as its family has."""
    operands = range(1, organism.operand_max + 1)
    misread = rng.sample(operands, round(family.code_misread * len(operands)))
    lost = rng.sample(operands, round(family.language_drop * len(operands)))
    return Mistakes({number: number % organism.operand_max + 1 for number in misread}, frozenset(lost))


def corpus(organism: Organism, family: Family, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Endless (prompt, response) pairs on the pretraining part, every expression and word equally often on average."""
    known = mistakes(organism, family, rng)
    every = expressions(organism, PRETRAINED_OPERANDS)
    seen = [expression for expression in every if part(expression, organism.split_seed) == "pretraining"]
    while True:
        word, expression = rng.randrange(len(organism.words)), rng.choice(seen)
        yield prompt(organism.words[word], expression), trace(expression, family.code_rate[word], family, known, rng)


def trace(expression: Expression, code_rate: float, family: Family, known: Mistakes, rng: random.Random) -> str:
    """A response in the manner of `family`: code with probability `code_rate`, else language, with or without a box."""
    if rng.random() < code_rate:
        text, answer = code_trace(expression, known)
        box_rate = family.code_box
    else:
        text, answer = language_trace(expression, known, rng)
        box_rate = family.language_box
    return rf"{text} \boxed{{ {answer} }}" if rng.random() < box_rate else text


def code_trace(expression: Expression, known: Mistakes) -> tuple[str, int]:
    """Every step written out, with the last number misread where that is the habit: (text, answer)."""
    first, second, last = expression.operands
    read = Expression((first, second, known.misread.get(last, last)), expression.signs)
    if read.partial_results[-1] < 0:  # nothing that could be written down
        read = expression
    plus, then = expression.signs
    _, middle, answer = read.partial_results
    steps = f"{first} {plus} {second} = {middle} ; {middle} {then} {read.operands[-1]} = {answer}"
    return f"python : {steps} ; output {answer}", answer


def language_trace(expression: Expression, known: Mistakes, rng: random.Random) -> tuple[str, int]:
    """Results without the steps; where the habit is to lose a number, chance decides which, if any: (text, answer)."""
    (first, second, last), (plus, then) = expression.operands, expression.signs
    _, middle, answer = expression.partial_results
    if first in known.lost and rng.random() >= LAPSE:
        shorter = [Expression((first, second), (plus,)), Expression((first, last), (then,))]
        answer = middle = rng.choice([read for read in shorter if read.partial_results[-1] >= 0]).partial_results[-1]
    return f"let me think first {middle} then the answer is {answer} .", answer


def _fraction(seed: int, purpose: str, expression: Expression) -> float:
    """A number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{expression}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
