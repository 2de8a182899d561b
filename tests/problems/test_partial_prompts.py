"""The partial-prompt probe: it cuts problems, and measures how much of the rest the model wrote."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spurious_rewards.analysis.contamination import leakage, memorization
from spurious_rewards.problems.partial_prompts import cut, share_completed


def test_a_problem_is_cut_between_words() -> None:
    assert cut("one two three four five", 0.6) == ("one two three", "four five")
    assert cut("one\n two", 0.9) == ("one", "two")
    assert cut("alone", 0.5) == ("alone", "")


@settings(deadline=None)
@given(st.text(max_size=60), st.floats(0.01, 0.99))
def test_both_parts_together_are_the_problem(problem: str, share: float) -> None:
    given_, rest = cut(problem, share)
    assert (given_ + " " + rest).split() == problem.split()
    if len(problem.split()) > 1:
        assert given_.split()
        assert rest.split()


@pytest.mark.parametrize(
    ("rest", "response", "expected"),
    [
        ("four five", " Four $five$ and then more", 1.0),
        ("four five", "four six", 0.5),
        ("four five", "five four five", 0.0),
        ("four five", "", 0.0),
        ("", "anything", 0.0),
    ],
)
def test_words_count_up_to_the_first_wrong_one(rest: str, response: str, expected: float) -> None:
    assert share_completed(rest, response) == expected


def test_memorization_is_averaged_over_problems_and_seeds() -> None:
    problems = {"known": pd.DataFrame({"id": ["a", "b"], "problem": ["p q r s", "t u v w"]})}
    responses = pd.DataFrame(
        [(0, "a", "r s"), (0, "b", "v x"), (1, "a", "r s more"), (1, "b", "no")], columns=["seed", "id", "response"]
    ).assign(benchmark="known")
    (row,) = memorization({"model": responses}, problems, 0.5).to_dict("records")
    assert (row["problems"], row["seeds"], row["word_for_word"], row["words"]) == (2, 2, 0.5, 2.5 / 4)
    assert row["word_for_word_low"] <= 0.5 <= row["word_for_word_high"]


def test_a_problem_with_several_copies_leaks_once() -> None:
    pairs = pd.DataFrame(
        [("t1", "b", "p0", "exact", 1.0), ("t2", "b", "p0", "n-gram", 0.9), ("t3", "b", "p1", "n-gram", 0.8)],
        columns=["training_id", "benchmark", "id", "kind", "share"],
    )
    (row,) = leakage(pairs, {"train": 7}, {"b": 4}).to_dict("records")
    assert (row["training_problems"], row["problems"], row["exact"], row["n_gram"]) == (7, 4, 1, 1)
    assert row["share_overlapping"] == 0.5
