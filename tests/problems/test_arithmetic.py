"""The organism's arithmetic: its expressions, their division into parts, and the problems made of them."""

import hashlib
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurious_rewards.artifacts import tables
from spurious_rewards.config.models import Organism
from spurious_rewards.config.problems import ArithmeticProblems
from spurious_rewards.problems import arithmetic
from spurious_rewards.runtime.errors import UserError

ORGANISM = Organism()
EXPRESSIONS = arithmetic.expressions(ORGANISM, 3)


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

    assert sorted(bare(own)) == sorted(bare(other)) or organism.operand_max == 2  # here one sum may replace two
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


def test_problems_as_they_were_before_there_were_other_forms():
    frame = arithmetic.problems(ORGANISM, ArithmeticProblems(part="evaluation"))
    assert hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()[:12] == "80d1a2fb5bd1"
