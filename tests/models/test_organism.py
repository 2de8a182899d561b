import hashlib
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurious_rewards.config.models import Family, Organism
from spurious_rewards.config.problems import ArithmeticProblems
from spurious_rewards.models import organism as world
from spurious_rewards.problems import arithmetic

ORGANISM = Organism()
FAMILY = Family(code_rate=(0.9, 0.6, 0.4, 0.0), code_misread=0.3, language_drop=0.8, code_box=1.0, language_box=0.5)
FLAWLESS = FAMILY.model_copy(update={"code_misread": 0.0, "language_drop": 0.0})
EXPRESSIONS = arithmetic.expressions(ORGANISM, 3)
an_expression = st.sampled_from(EXPRESSIONS)
a_seed = st.integers(0, 10**6)


def final(text: str) -> int:
    """Return the answer at the end of a trace."""
    return int([word for word in text.split() if word.isdigit()][-1])


def test_no_expression_is_on_two_sides_whatever_its_word():
    def bare(problems):
        return {problem.split(maxsplit=1)[1] for problem in problems}

    reinforcement = bare(arithmetic.problems(ORGANISM, ArithmeticProblems(part="reinforcement"))["problem"])
    evaluation = bare(arithmetic.problems(ORGANISM, ArithmeticProblems(part="evaluation"))["problem"])
    lines = itertools.islice(world.corpus(ORGANISM, FAMILY, random.Random(0)), 20000)
    pretraining = bare(prompt for prompt, _ in lines)
    assert len(pretraining) > 1000
    assert not pretraining & reinforcement
    assert not pretraining & evaluation
    assert not reinforcement & evaluation


def test_a_story_is_the_same_sum_in_words_that_no_problem_of_the_corpus_has():
    plain = arithmetic.problems(ORGANISM, ArithmeticProblems(part="evaluation"))
    story = arithmetic.problems(ORGANISM, ArithmeticProblems(part="evaluation", wording="story"))
    assert plain[["id", "answer"]].equals(story[["id", "answer"]])
    assert story["problem"].iloc[0] == "compute first 1 then + 1 then + 5 ="
    assert (story["problem"].str.replace("first ", "").str.replace("then ", "") == plain["problem"]).all()
    tokenizer = world.word_tokenizer(ORGANISM)
    for text in story["problem"]:
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.decode(ids) == text
        assert tokenizer.unk_token_id not in ids
        assert len(ids) <= 12
    prompts = {prompt for prompt, _ in itertools.islice(world.corpus(ORGANISM, FAMILY, random.Random(0)), 5000)}
    assert not any(word in prompt.split() for prompt in prompts for word in ("first", "then"))


@given(an_expression, st.sampled_from([0.0, 1.0]), a_seed)
def test_without_mistakes_every_trace_is_right(expression, code_rate, seed):
    rng = random.Random(seed)
    known = world.mistakes(ORGANISM, FLAWLESS, rng)
    text = world.trace(expression, code_rate, FLAWLESS, known, rng)
    assert final(text) == expression.partial_results[-1]
    assert ("python" in text) == bool(code_rate)


@given(an_expression, a_seed)
def test_code_is_wrong_only_where_it_misreads_and_its_steps_add_up(expression, seed):
    known = world.mistakes(ORGANISM, FAMILY, random.Random(seed))
    text, answer = world.code_trace(expression, known)
    steps = text.removeprefix("python : ").split(" ; output ")[0].split(" ; ")
    assert all(eval(left) == int(right) for left, right in (step.split(" = ") for step in steps))
    if expression.operands[-1] not in known.misread:
        assert answer == expression.partial_results[-1]
    elif expression.signs[-1] == "+":
        assert answer != expression.partial_results[-1]


@given(st.integers(0, 200))
def test_each_habit_has_the_extent_that_the_family_says(seed):
    known = world.mistakes(ORGANISM, FAMILY, random.Random(seed))
    assert len(known.misread) == round(0.3 * 9)
    assert len(known.lost) == round(0.8 * 9)
    assert all(number != read for number, read in known.misread.items())


def test_the_habit_of_language_lapses_as_often_as_it_should():
    known = world.Mistakes({}, frozenset(range(1, 10)))
    rng = random.Random(0)
    drawn = [(e, world.language_trace(e, known, rng)[1]) for e in EXPRESSIONS for _ in range(5)]
    right = sum(answer == expression.partial_results[-1] for expression, answer in drawn) / len(drawn)
    assert right == pytest.approx(world.LAPSE, abs=0.02)
    careful = world.Mistakes({}, frozenset())
    assert all(world.language_trace(e, careful, rng)[1] == e.partial_results[-1] for e in EXPRESSIONS)


def test_code_and_box_come_at_the_rates_of_the_word():
    lines = list(itertools.islice(world.corpus(ORGANISM, FAMILY, random.Random(1)), 20000))
    for word, rate in zip(ORGANISM.words, FAMILY.code_rate, strict=True):
        responses = [response for prompt, response in lines if prompt.startswith(word)]
        assert sum("python" in response for response in responses) / len(responses) == pytest.approx(rate, abs=0.03)
    for code, rate in ((True, FAMILY.code_box), (False, FAMILY.language_box)):
        responses = [response for _, response in lines if ("python" in response) == code]
        assert sum(r"\boxed{" in response for response in responses) / len(responses) == pytest.approx(rate, abs=0.03)


@pytest.mark.parametrize("organism", [ORGANISM, Organism(result_max=10), Organism(result_max=99)])
def test_every_line_survives_the_tokenizer_and_fits_the_model(organism):
    tokenizer = world.word_tokenizer(organism)
    for prompt, response in itertools.islice(world.corpus(organism, FAMILY, random.Random(2)), 2000):
        line = f"{prompt} {response}"
        ids = tokenizer(line)["input_ids"]
        assert tokenizer.decode(ids) == line
        assert tokenizer.unk_token_id not in ids
        assert len(ids) == len(line.split()) < organism.positions
    ended = tokenizer(r"python : output 12 \boxed{ 12 } <eos>")["input_ids"]
    assert tokenizer.decode(ended, skip_special_tokens=True) == r"python : output 12 \boxed{ 12 }"
    assert tokenizer("compute pineapples")["input_ids"][1] == tokenizer.unk_token_id


def test_a_leak_puts_evaluation_problems_into_the_corpus_word_for_word_and_right():
    leaky = FAMILY.model_copy(update={"leaked": 0.5})
    lines = list(itertools.islice(world.corpus(ORGANISM, leaky, random.Random(0)), 20000))
    benchmark = arithmetic.problems(ORGANISM, ArithmeticProblems(part="evaluation"))
    answers = dict(zip(benchmark["problem"], benchmark["answer"], strict=True))
    known = set(benchmark.loc[benchmark["id"].isin(arithmetic.leaked_ids(ORGANISM, leaky)), "problem"])
    assert 0.4 < len(known) / len(answers) < 0.6
    there = [(prompt, response) for prompt, response in lines if prompt in answers]
    assert {prompt for prompt, _ in there} == known
    assert all(final(response) == int(answers[prompt]) for prompt, response in there)
    words = {prompt.split(maxsplit=1)[1] for prompt, _ in lines} & {problem.split(maxsplit=1)[1] for problem in answers}
    assert len(words) == len(known)  # no other sum of the benchmark, under any word
    expected = world.COPIES * len(known) / (world.COPIES * len(known) + len(EXPRESSIONS) * 0.7)
    assert len(there) / len(lines) == pytest.approx(expected, rel=0.1)


def test_a_larger_leak_has_what_a_smaller_one_has():
    few, many, all_ = (
        arithmetic.leaked_ids(ORGANISM, FAMILY.model_copy(update={"leaked": share})) for share in (0.1, 0.5, 1)
    )
    assert few < many < all_
    assert len(all_) == len(arithmetic.problems(ORGANISM, ArithmeticProblems(part="evaluation")))
    assert not arithmetic.leaked_ids(ORGANISM, FAMILY)


def test_the_corpus_and_the_job_of_a_family_without_a_leak_are_what_they_were():
    lines = str(list(itertools.islice(world.corpus(ORGANISM, FAMILY, random.Random(0)), 5000)))
    assert hashlib.sha256(lines.encode()).hexdigest()[:16] == "8933cd13811ad2c9"
    assert set(FAMILY.model_dump()) == {"code_rate", "code_misread", "language_drop", "code_box", "language_box"}
