"""The model organism's language: its words, and the two ways in which a family reasons about sums."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spurious_rewards.config.models import Family, Organism
from spurious_rewards.problems.arithmetic import (
    PRETRAINED_OPERANDS,
    Expression,
    expressions,
    leaked,
    part,
    prompt,
    word_of,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

LAPSE = 0.2
"""How often language is right in spite of its habit: what a reward for right answers can find and strengthen.

Code has no lapses, so what code gets wrong can be put right only by leaving code."""

COPIES = 4
"""How often a leaked problem stands in the corpus for once of another sum: benchmarks are copied about.

With one copy a model hardly remembers them.
"""

CODE_WORDS = ("python", ":", ";", "=", "+", "-", "output")
LANGUAGE_WORDS = ("let", "me", "think", "first", "then", "the", "answer", "is", ".")
BOX_WORDS = (r"\boxed{", "}")
PADDING, END, UNKNOWN = "<pad>", "<eos>", "<unk>"


def word_tokenizer(organism: Organism) -> "PreTrainedTokenizerFast":
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
    """Endless (prompt, response) pairs on the pretraining part, every expression and word equally often on average.

    Leaked problems have `COPIES`, their benchmark's word and no mistakes.
    """
    known, faultless = mistakes(organism, family, rng), Mistakes({}, frozenset())
    every = expressions(organism, PRETRAINED_OPERANDS)
    seen = [expression for expression in every if part(expression, organism.split_seed) == "pretraining"]
    benchmark = leaked(organism, PRETRAINED_OPERANDS, family.leaked)
    word_there = {expression: organism.words.index(word_of(organism, expression)) for expression in benchmark}
    lines = [*seen, *benchmark * COPIES]
    while True:
        word, expression = rng.randrange(len(organism.words)), rng.choice(lines)
        word = word_there.get(expression, word)
        errs = faultless if expression in word_there else known
        yield prompt(organism.words[word], expression), trace(expression, family.code_rate[word], family, errs, rng)


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
