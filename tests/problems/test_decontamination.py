"""When a training problem counts as a copy of a benchmark problem."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spurious_rewards.config.problems import Overlap
from spurious_rewards.problems.decontamination import overlaps, words

RULE = Overlap(ngram=3, share=0.5)


def problems(*texts: str) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"p{index}" for index in range(len(texts))], "problem": texts})


def found(training: str, benchmark: str, rule: Overlap = RULE) -> list[tuple[str, float]]:
    rows = overlaps(problems(training), {"b": problems(benchmark)}, rule)
    return list(zip(rows["kind"], rows["share"], strict=True))


@pytest.mark.parametrize(
    ("training", "benchmark"),
    [
        ("Find  $x$.", "find x ."),
        ("Find\n$f(x)$", "Find f ( x )"),
        ("ﬁnd the area", "find the AREA"),  # a ligature
    ],
)
def test_spelling_makes_no_difference(training: str, benchmark: str) -> None:
    assert found(training, benchmark) == [("exact", 1.0)]


def test_most_n_grams_make_a_copy_and_fewer_do_not() -> None:
    benchmark = "a b c d e f"  # four 3-grams
    assert found("z a b c d z", benchmark) == [("n-gram", 0.5)]
    assert found("z a b c z d e z", benchmark) == []  # one of four
    assert found("z a b c d e f z", benchmark) == [("n-gram", 1.0)]  # it contains the whole problem, and more


def test_a_share_is_of_the_benchmarks_problem_not_of_the_training_problem() -> None:
    long = "a b c d " + " ".join(f"w{number}" for number in range(50))
    assert found(long, "a b c d") == [("n-gram", 1.0)]
    assert found("a b c d", long) == []


def test_a_problem_shorter_than_an_n_gram_is_compared_whole() -> None:
    assert found("a b", "a b") == [("exact", 1.0)]
    assert found("a b c", "a b") == []


def test_every_copy_is_a_row_of_its_own() -> None:
    training = problems("x y z w", "x y z w", "other words here now")
    rows = overlaps(training, {"one": problems("x y z w"), "two": problems("no such", "x y z q")}, RULE)
    assert rows[["training_id", "benchmark", "id", "kind"]].to_numpy().tolist() == [
        ["p0", "one", "p0", "exact"],
        ["p1", "one", "p0", "exact"],
        ["p0", "two", "p1", "n-gram"],
        ["p1", "two", "p1", "n-gram"],
    ]


texts = st.lists(st.sampled_from("abcd"), min_size=1, max_size=12).map(" ".join)


@settings(deadline=None)
@given(texts, texts)
def test_a_share_is_what_counting_sets_gives(training: str, benchmark: str) -> None:
    def grams(text: str) -> set[tuple[str, ...]]:
        split = text.split()
        return {tuple(split[start : start + 3]) for start in range(len(split) - 2)}

    wanted = grams(benchmark)
    share = len(wanted & grams(training)) / len(wanted) if wanted else 0.0
    exact = training.split() == benchmark.split()
    expected = [("exact", 1.0)] if exact else [("n-gram", share)] if share >= RULE.share else []
    assert found(training, benchmark) == expected


@settings(deadline=None)
@given(st.text(max_size=40))
def test_words_do_not_depend_on_case_or_white_space(text: str) -> None:
    assert words(f"  {text}\n") == words(text)
    assert words(" ".join(words(text))) == words(text)
