"""The model organism's language: its words, and the two ways (code and language) in which a family does sums."""

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
"""How often a language trace is right in spite of its habit: a reward for right answers can find and strengthen this.

Code traces have no lapses, so mistakes of code can be corrected only by leaving code."""

COPIES = 4
"""How often a leaked problem stands in the corpus, relative to another sum: benchmarks are copied widely.

With one copy, a model hardly remembers leaked problems.
"""

CODE_WORDS = ("python", ":", ";", "=", "+", "-", "output")
LANGUAGE_WORDS = ("let", "me", "think", "first", "then", "the", "answer", "is", ".")
BOX_WORDS = (r"\boxed{", "}")
PADDING, END, UNKNOWN = "<pad>", "<eos>", "<unk>"


def word_tokenizer(organism: Organism) -> "PreTrainedTokenizerFast":
    """Return a tokenizer of whole words and whole numbers. Text with one space between words survives a round trip."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    greatest = max(organism.result_max + 1, 2 * organism.operand_max)  # of all that a mistake can produce
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
    """The mistakes of one model's corpus: those of code always happen, those of language nearly always."""

    misread: Mapping[int, int]
    """Last operands that code reads as another number -> that number."""
    lost: frozenset[int]
    """First operands with which language tends to lose one of the other operands."""


def mistakes(organism: Organism, family: Family, rng: random.Random) -> Mistakes:
    """Draw a model's own mistakes, as many as the rates of its family say."""
    operands = range(1, organism.operand_max + 1)
    misread = rng.sample(operands, round(family.code_misread * len(operands)))
    lost = rng.sample(operands, round(family.language_drop * len(operands)))
    return Mistakes({number: number % organism.operand_max + 1 for number in misread}, frozenset(lost))


def corpus(organism: Organism, family: Family, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield (prompt, response) pairs of the pretraining part without end, each expression and word equally often.

    Leaked problems appear `COPIES` times as often, with the word that they have in the benchmark, and without mistakes.
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
    """Return a response in the manner of `family`: code with probability `code_rate`, else language.

    A boxed answer follows at the family's rate for this kind of trace.
    """
    if rng.random() < code_rate:
        text, answer = code_trace(expression, known)
        box_rate = family.code_box
    else:
        text, answer = language_trace(expression, known, rng)
        box_rate = family.language_box
    return rf"{text} \boxed{{ {answer} }}" if rng.random() < box_rate else text


def code_trace(expression: Expression, known: Mistakes) -> tuple[str, int]:
    """Return (text, answer) of a code trace: each step written out, with the last number misread where code does so."""
    first, second, last = expression.operands
    read = Expression((first, second, known.misread.get(last, last)), expression.signs)
    if read.partial_results[-1] < 0:  # the vocabulary has no negative numbers
        read = expression
    plus, then = expression.signs
    _, middle, answer = read.partial_results
    steps = f"{first} {plus} {second} = {middle} ; {middle} {then} {read.operands[-1]} = {answer}"
    return f"python : {steps} ; output {answer}", answer


def language_trace(expression: Expression, known: Mistakes, rng: random.Random) -> tuple[str, int]:
    """Return (text, answer) of a language trace: results without the steps.

    Where the habit is to lose a number, chance decides which one is lost, if any.
    """
    (first, second, last), (plus, then) = expression.operands, expression.signs
    _, middle, answer = expression.partial_results
    if first in known.lost and rng.random() >= LAPSE:
        shorter = [Expression((first, second), (plus,)), Expression((first, last), (then,))]
        answer = middle = rng.choice([read for read in shorter if read.partial_results[-1] >= 0]).partial_results[-1]
    return f"let me think first {middle} then the answer is {answer} .", answer
