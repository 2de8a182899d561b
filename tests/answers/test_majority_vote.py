from collections import Counter
from collections.abc import Collection, Sequence

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spurious_rewards.answers.majority_vote import label, majorities, training_set, truth_set
from spurious_rewards.answers.verifier import Verdict, Verifier
from spurious_rewards.artifacts import tables
from spurious_rewards.runtime.errors import UserError

Votes = dict[tuple[int, str], list[str | None]]
"""Extracted answers by (seed, problem), in the order of sampling."""


@pytest.fixture(scope="module")
def verifier():
    with Verifier() as shared:
        yield shared


def problems(**answers: str) -> pd.DataFrame:
    rows = [(id_, f"problem {id_}", answer, "invented") for id_, answer in answers.items()]
    return tables.Problems.validate(pd.DataFrame(rows, columns=["id", "problem", "answer", "source"]))


def samples(votes: Votes) -> pd.DataFrame:
    rows = [
        (
            seed,
            0,
            "vote",
            id_,
            sample,
            text,
            "none" if text is None else "box",
            False,
            "graded",
            False,
            False,
            False,
            False,
        )
        for (seed, id_), texts in votes.items()
        for sample, text in enumerate(texts)
    ]
    frame = pd.DataFrame(rows, columns=list(tables.Grades.to_schema().columns))
    return tables.Grades.validate(frame.astype({"extracted": "str"}))


def count(votes: Votes, answers: dict[str, str], verifier: Verifier, equivalence="math") -> dict:
    labels = tables.Labels.validate(label(samples(votes), problems(**answers), equivalence, verifier))
    return {
        (row.seed, row.id): (None if pd.isna(row.majority) else row.majority, row.votes, row.samples, row.correct)
        for row in labels.itertuples()
    }


@pytest.mark.parametrize(
    ("texts", "answer", "expected"),
    [
        (["3", "4", "3"], "3", ("3", 2, 3, True)),
        (["3", "4", "3"], "4", ("3", 2, 3, False)),
        # equivalent spellings vote together, and the most frequent spelling is the label
        (["0.5", r"\frac{1}{2}", "2", "2", r"\frac{1}{2}"], "1/2", (r"\frac{1}{2}", 3, 5, True)),
        (["1", "1", "02", "2", "2.0"], "2", ("02", 3, 5, True)),
        # of equally large classes, the one sampled first wins, whatever its most frequent spelling
        (["5", "6", "6", "5"], "5", ("5", 2, 4, True)),
        (["1/2", "3", "3", "0.5"], "3", ("1/2", 2, 4, False)),
        (["0.5", "3", "3", "3", "1/2", "1/2"], "3", ("1/2", 3, 6, False)),
        # no answer, no vote
        (["7", None, None, None], "7", ("7", 1, 4, True)),
        ([None, None], "7", (None, 0, 2, False)),
    ],
)
def test_the_largest_class_of_equivalent_answers_wins(verifier, texts, answer, expected):
    assert count({(0, "a"): texts}, {"a": answer}, verifier) == {(0, "a"): expected}


def test_as_strings_spellings_vote_apart(verifier):
    votes = {(0, "a"): ["0.5", "1/2", "2", "2", r"\frac{1}{2}"]}
    assert count(votes, {"a": "2"}, verifier, "strings") == {(0, "a"): ("2", 2, 5, True)}
    assert count(votes, {"a": "2"}, verifier, "math") == {(0, "a"): ("0.5", 3, 5, False)}


def test_rows_come_by_seed_and_then_in_the_order_of_the_problems(verifier):
    votes: Votes = {(1, "a"): ["1"], (0, "a"): ["1"], (1, "b"): ["2"], (0, "b"): ["1"]}
    assert list(count(votes, {"b": "2", "c": "3", "a": "1"}, verifier)) == [(0, "b"), (0, "a"), (1, "b"), (1, "a")]


def test_votes_on_an_unknown_problem_are_refused_by_name(verifier):
    with pytest.raises(UserError, match=r"problem gone: .* remake the votes"):
        label(samples({(0, "gone"): ["1"]}), problems(a="1"), "math", verifier)


digits = st.sampled_from(["1", "01", "2", "3", "03", None])
elections = st.dictionaries(
    st.tuples(st.integers(0, 1), st.sampled_from("abcd")), st.lists(digits, min_size=1, max_size=9), min_size=1
)
ANSWERS = {"a": "1", "b": "2", "c": "3", "d": "3"}


@settings(deadline=None)
@given(elections, st.randoms(use_true_random=False))
def test_neither_the_order_of_problems_nor_of_rows_matters(votes, draw):
    with Verifier() as verifier:
        expected = count(votes, ANSWERS, verifier)
        shuffled = list(ANSWERS.items())
        draw.shuffle(shuffled)
        rows = samples(votes).sample(frac=1, random_state=draw.randrange(1000))
        labels = label(rows, problems(**dict(shuffled)), "math", verifier)
        found = labels.set_index(["seed", "id"])
        for key, (majority, votes_, _, correct) in expected.items():
            row = found.loc[key]
            assert (None if pd.isna(row["majority"]) else row["majority"], row["votes"], row["correct"]) == (
                majority,
                votes_,
                correct,
            )
        assert len(found) == len(expected)


@settings(deadline=None)
@given(elections)
def test_the_majority_is_a_largest_class_and_its_label_its_most_frequent_text(votes):
    with Verifier() as verifier:
        counted = count(votes, ANSWERS, verifier)
    for key, texts in votes.items():
        majority, size, total, correct = counted[key]
        given_ = [text for text in texts if text is not None]
        classes = Counter(int(text) for text in given_)
        assert total == len(texts)
        assert size == max(classes.values(), default=0)
        if majority is not None:
            forms = Counter(text for text in given_ if int(text) == int(majority))
            assert forms.total() == size
            assert forms[majority] == max(forms.values())
            first = next(int(text) for text in given_ if classes[int(text)] == size)
            assert int(majority) == first
            assert correct == (int(majority) == int(ANSWERS[key[1]]))


def labels_of(verifier: Verifier) -> pd.DataFrame:
    votes: Votes = {(s, "a"): ["1", "01"] for s in (0, 1)} | {(0, "b"): ["9"], (1, "b"): ["2"], (0, "c"): [None]}
    return label(samples(votes), problems(a="1", b="2", c="3"), "math", verifier)


def test_training_sets(verifier):
    labels = labels_of(verifier)
    everything = tables.TrainingSet.validate(training_set(labels, "majority_vote"))
    assert list(zip(everything["seed"], everything["id"], everything["label"], strict=True)) == [
        (0, "a", "1"),
        (0, "b", "9"),
        (1, "a", "1"),
        (1, "b", "2"),
    ]
    wrong = tables.TrainingSet.validate(training_set(labels, "incorrect"))
    assert list(zip(wrong["seed"], wrong["id"], wrong["label"], wrong["answer"], strict=True)) == [(0, "b", "9", "2")]


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 60))
def test_a_share_of_the_wrong_labels_can_be_right(one: float, other: float, size: int) -> None:
    votes = pd.DataFrame(
        {"seed": [3, 4] * size, "id": [f"p{i // 2}" for i in range(2 * size)], "problem": "?", "answer": "right"}
    ).assign(majority="wrong", correct=False)
    sets = [
        training_set(votes, "incorrect", share).set_index(["seed", "id"])["label"] for share in sorted([one, other])
    ]
    fewer, more = ({key for key, text in each.items() if text == "right"} for each in sets)
    assert fewer <= more
    for seed in (3, 4):
        assert sum(of == seed for of, _ in more) == round(max(one, other) * size)
    assert (training_set(votes, "incorrect")["label"] == "wrong").all()


def test_the_truth_is_one_set_a_seed():
    truth = tables.TrainingSet.validate(truth_set(problems(a="1", b="2"), [3, 4]))
    assert truth["seed"].tolist() == [3, 3, 4, 4]
    assert truth["label"].tolist() == truth["answer"].tolist() == ["1", "2", "1", "2"]


# ---------------------------------------------------------------- comparisons without end


class Counted(Verifier):
    """A verifier in which comparisons of some texts time out; `late` records these comparisons.

    Texts in `endless` time out even against themselves, texts in `slow` only against others.
    """

    def __init__(self, endless: Collection[str] = (), slow: Collection[str] = ()):
        super().__init__()
        self.endless, self.slow = set(endless), set(slow)
        self.late: list[tuple[str, str | None]] = []

    def verify(self, pairs: Sequence[tuple[str, str | None]]) -> list[Verdict]:
        self.late += [pair for pair in pairs if not self._ends(*pair)]
        return [
            verdict if self._ends(*pair) else Verdict(False, "timeout")
            for pair, verdict in zip(pairs, super().verify(pairs), strict=True)
        ]

    def _ends(self, gold: str, answer: str | None) -> bool:
        return not (self.endless & {gold, answer} or (gold != answer and self.slow & {gold, answer}))


BOMBS = ["bomb0", "bomb1", "bomb2", "bomb3", "bomb4", "bomb5", "bomb6", "bomb7"]


@pytest.mark.parametrize("kind", ["endless", "slow"])
@pytest.mark.parametrize("votes", [["1", "1", "01", *BOMBS], [*BOMBS, "1", "1", "01", "001"], BOMBS])
def test_an_answer_that_is_never_compared_in_time_is_asked_about_once(kind: str, votes: list[str]) -> None:
    with Counted(**{kind: BOMBS}) as verifier:
        [(label_, size)] = majorities([votes], "math", verifier)
    assert len(verifier.late) <= len(BOMBS)
    assert (label_, size) == (
        ("1", votes.count("1") + votes.count("01") + votes.count("001")) if "1" in votes else ("bomb0", 1)
    )


def test_the_founder_that_is_never_compared_in_time_takes_no_other_with_it() -> None:
    with Counted(endless=["bomb"]) as verifier:
        assert majorities([["bomb", "bomb", "1", "01", "001"]], "math", verifier) == [("1", 3)]
    assert verifier.late == [("bomb", "bomb")]


def as_before(polls: Sequence[Sequence[str]], verifier: Verifier) -> list[tuple[str | None, int]]:
    """Count the votes without regard to time: compare each founder of a class with all texts that are left."""
    found = []
    for votes in polls:
        counts, left = Counter(votes), sorted(Counter(votes), key=lambda text: -Counter(votes)[text])
        classes = []
        while left:
            founder, *others = left
            verdicts = verifier.verify([(founder, text) for text in others])
            same = [text for text, verdict in zip(others, verdicts, strict=True) if verdict.correct]
            classes.append([founder, *same])
            left = [text for text in others if text not in same]
        sizes = [(sum(counts[text] for text in one), -min(map(votes.index, one)), one[0]) for one in classes]
        size, _, label_ = max(sizes, default=(0, 0, None))
        found.append((label_, size))
    return found


VOTES = st.lists(st.sampled_from(["1", "01", "2", "1/2", "0.5", r"\frac{1}{2}", "x"]), max_size=9)


@settings(deadline=None)
@given(polls=st.lists(VOTES, max_size=3))
def test_where_every_comparison_ends_the_count_is_as_before(verifier: Verifier, polls: list[list[str]]) -> None:
    assert majorities(polls, "math", verifier) == as_before(polls, verifier)
