import hashlib
import itertools
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurious_rewards.artifacts import tables
from spurious_rewards.config.models import Family, Organism
from spurious_rewards.config.problems import ArithmeticProblems
from spurious_rewards.models import organism as world
from spurious_rewards.problems import arithmetic
from spurious_rewards.runtime.errors import UserError

ORGANISM = Organism()
FAMILY = Family(code_rate=(0.9, 0.6, 0.4, 0.0), code_misread=0.3, language_drop=0.8, code_box=1.0, language_box=0.5)
FLAWLESS = FAMILY.model_copy(update={"code_misread": 0.0, "language_drop": 0.0})
EXPRESSIONS = arithmetic.expressions(ORGANISM, 3)
an_expression = st.sampled_from(EXPRESSIONS)
a_seed = st.integers(0, 10**6)


def final(text: str) -> int:
    """The answer that a trace ends with."""
    return int([word for word in text.split() if word.isdigit()][-1])


@given(st.sampled_from(EXPRESSIONS + arithmetic.expressions(Organism(operand_max=4), 4)))
def test_partial_results_are_those_of_python(expression):
    words = str(expression).split()
    assert expression.partial_results == [eval("".join(words[: 2 * n + 1])) for n in range(len(expression.operands))]
    assert all(0 <= result <= ORGANISM.result_max for result in expression.partial_results)


def test_no_expression_is_missing_or_doubled():
    numbers, signs = itertools.product(range(1, 10), repeat=3), list(itertools.product("+-", repeat=2))
    texts = {f"{a} {s} {b} {t} {c}" for a, b, c in numbers for s, t in signs}
    valid = {text for text in texts if eval(text[:5]) >= 0 and 0 <= eval(text) <= 27}
    assert {str(expression) for expression in EXPRESSIONS} == valid
    assert len(EXPRESSIONS) == len(valid)


@pytest.mark.parametrize(("part", "share"), [("pretraining", 0.70), ("reinforcement", 0.15), ("evaluation", 0.15)])
def test_parts_have_their_shares(part, share):
    found = sum(arithmetic.part(expression, 0) == part for expression in EXPRESSIONS) / len(EXPRESSIONS)
    assert found == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize("operands", [3, 4])
@pytest.mark.parametrize("part", ["reinforcement", "evaluation"])
def test_problems_are_a_valid_table_with_right_answers(part, operands):
    frame = tables.Problems.validate(arithmetic.problems(ORGANISM, ArithmeticProblems(part=part, operands=operands)))
    assert len(frame) >= 200
    for row in frame.itertuples():
        word, *expression, equals = row.problem.split()
        assert word in ORGANISM.words
        assert equals == "="
        assert len(expression) == 2 * operands - 1
        assert row.answer == str(eval(" ".join(expression)))
    assert frame["problem"].str.split().str[0].value_counts(normalize=True).between(0.15, 0.35).all()


def test_problems_never_change_and_hang_on_the_split_seed():
    wanted = ArithmeticProblems(part="evaluation")
    frame = arithmetic.problems(ORGANISM, wanted)
    assert frame.equals(arithmetic.problems(ORGANISM, wanted))
    assert frame["id"].iloc[0] == "compute:1+1+5"
    other = arithmetic.problems(Organism(split_seed=1), wanted)
    assert len(set(frame["problem"]) & set(other["problem"])) < len(frame) / 2


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


SIZES = [ORGANISM, Organism(operand_max=4), Organism(operand_max=2, split_seed=2)]


@pytest.mark.parametrize("wording", ["plain", "story"])
@pytest.mark.parametrize("part", ["reinforcement", "evaluation"])
@pytest.mark.parametrize("organism", SIZES)
def test_other_numbers_are_another_sum_of_the_part_under_the_same_id(organism, part, wording):
    own = arithmetic.problems(organism, ArithmeticProblems(part=part, wording=wording))
    other = arithmetic.problems(organism, ArithmeticProblems(part=part, wording=wording, numbers="other"))
    assert list(other["id"]) == list(own["id"])

    def bare(frame):
        return [re.sub("first|then", "", text).split()[1:-1] for text in frame["problem"]]

    assert sorted(bare(own)) == sorted(bare(other)) or organism.operand_max == 2  # where one sum may stand for two
    assert {tuple(words) for words in bare(other)} <= {tuple(words) for words in bare(own)}
    signs = [words[1::2] for words in bare(own)]
    for before, after, mine, row in zip(bare(own), bare(other), signs, other.itertuples(), strict=True):
        assert after != before
        assert after[1::2] == mine or signs.count(mine) == 1
        assert row.answer == str(eval("".join(after)))
        assert row.problem.split()[0] == row.id.split(":")[0]


def test_a_part_with_one_sum_has_no_other_numbers():
    tiny = Organism(operand_max=2, split_seed=1)
    wanted = ArithmeticProblems(part="evaluation", numbers="other")
    assert len(arithmetic.problems(tiny, ArithmeticProblems(part="evaluation"))) == 1
    with pytest.raises(UserError, match="no other sum is there; raise operand_max"):
        arithmetic.problems(tiny, wanted)


def test_a_story_is_the_same_sum_in_words_that_no_problem_of_the_corpus_has():
    plain = arithmetic.problems(ORGANISM, ArithmeticProblems(part="evaluation"))
    story = arithmetic.problems(ORGANISM, ArithmeticProblems(part="evaluation", wording="story"))
    assert plain[["id", "answer"]].equals(story[["id", "answer"]])
    assert story["problem"].iloc[0] == "compute first 1 then + 1 then + 5 ="
    assert (story["problem"].str.replace("first ", "").str.replace("then ", "") == plain["problem"]).all()
    tokenizer = world.tokenizer(ORGANISM)
    for text in story["problem"]:
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.decode(ids) == text
        assert tokenizer.unk_token_id not in ids
        assert len(ids) <= 12
    prompts = {prompt for prompt, _ in itertools.islice(world.corpus(ORGANISM, FAMILY, random.Random(0)), 5000)}
    assert not any(word in prompt.split() for prompt in prompts for word in ("first", "then"))


def test_problems_as_they_were_before_there_were_other_forms():
    frame = arithmetic.problems(ORGANISM, ArithmeticProblems(part="evaluation"))
    assert hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()[:12] == "80d1a2fb5bd1"


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
    tokenizer = world.tokenizer(organism)
    for prompt, response in itertools.islice(world.corpus(organism, FAMILY, random.Random(2)), 2000):
        line = f"{prompt} {response}"
        ids = tokenizer(line)["input_ids"]
        assert tokenizer.decode(ids) == line
        assert tokenizer.unk_token_id not in ids
        assert len(ids) == len(line.split()) < organism.positions
    ended = tokenizer(r"python : output 12 \boxed{ 12 } <eos>")["input_ids"]
    assert tokenizer.decode(ended, skip_special_tokens=True) == r"python : output 12 \boxed{ 12 }"
    assert tokenizer("compute pineapples")["input_ids"][1] == tokenizer.unk_token_id
