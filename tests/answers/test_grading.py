import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spurious_rewards.answers import extraction, response_features
from spurious_rewards.answers.grading import grade
from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.artifacts import tables
from spurious_rewards.config.training import Repetition, Strategies
from spurious_rewards.runtime.errors import UserError

RECOGNISED = Strategies(repetition=Repetition(min_length=2, max_length=40, times=4))
TRUTHS = {("sums", "a"): "7", ("sums", "b"): "07", ("chains", "a"): "9"}


@pytest.fixture(scope="module")
def verifier():
    with Verifier() as shared:
        yield shared


def responses(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    """Turn (benchmark, id, text) rows into a table, sampled in this order by two seeds at two steps."""
    frame = pd.DataFrame(rows, columns=["benchmark", "id", "response"])
    frame = frame.assign(
        seed=np.arange(len(rows)) % 2,
        step=np.arange(len(rows)) // 2 % 2,
        sample=np.arange(len(rows)),
        tokens=frame["response"].str.len(),
        truncated=frame["response"].str.len() > 40,
    )
    return tables.Responses.validate(frame[list(tables.Responses.to_schema().columns)])


def test_each_row_says_what_was_read_and_how_it_was_judged(verifier):
    rows = responses(
        [
            ("sums", "a", r"python : 3 + 4 = 7 ; output 7 \boxed{ 7 }"),
            ("sums", "b", "let me think first 7 then the answer is 7 ."),
            ("chains", "a", "7 or 8"),
            ("chains", "a", "so so so so so"),
            ("sums", "a", r"\boxed{2 + 5}"),
        ]
    )
    grades = tables.Grades.validate(grade(rows, TRUTHS, "box", RECOGNISED, verifier))
    assert grades["extracted"].fillna("-").tolist() == ["7", "7", "8", "-", "2 + 5"]
    assert grades["rule"].tolist() == ["box", "phrase", "number", "none", "box"]
    assert grades["correct"].tolist() == [True, True, False, False, True]
    assert grades["status"].tolist() == ["graded"] * 5
    assert grades["has_code"].tolist() == [True, False, False, False, False]
    assert grades["has_box"].tolist() == [True, False, False, False, True]
    assert grades["repeats"].tolist() == [False, False, False, True, False]
    same = ["seed", "step", "benchmark", "id", "sample", "truncated"]
    pd.testing.assert_frame_equal(grades[same], rows[same])


def test_tagged_answers_are_read_from_the_tag():
    rows = responses([("sums", "a", "<answer>7</answer> or 8"), ("sums", "a", r"\boxed{7} or 8")])
    grades = grade(rows, TRUTHS, "tag", RECOGNISED, Verifier())
    assert grades["rule"].tolist() == ["tag", "number"]
    assert grades["correct"].tolist() == grades["has_box"].tolist() == [True, False]


def test_a_pair_that_does_not_end_is_wrong_and_marked():
    rows = responses([("sums", "a", r"\boxed{9^{9^{9^{9}}}}"), ("sums", "a", r"\boxed{7}")])
    with Verifier(seconds=0.5) as verifier:
        grades = tables.Grades.validate(grade(rows, TRUTHS, "box", RECOGNISED, verifier))
    assert grades["status"].tolist() == ["timeout", "graded"]
    assert grades["correct"].tolist() == [False, True]


def test_a_response_to_an_unknown_problem_is_refused_by_name():
    rows = responses([("sums", "a", "7"), ("chains", "gone", "7"), ("chains", "gone", "8")])
    with pytest.raises(UserError, match=r"benchmark chains, id gone: .*\(1 such in all\).* remake"):
        grade(rows, TRUTHS, "box", RECOGNISED, Verifier())


texts = st.lists(
    st.sampled_from(["python ", r"\boxed{", "7", "07", "}", "the answer is ", "8 ", "ab", "abababab"])
).map("".join)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(TRUTHS)), texts), min_size=1, max_size=12))
def test_repeated_responses_are_graded_as_if_alone(verifier, cases):
    rows = responses([(*problem, text) for problem, text in cases])
    grades = tables.Grades.validate(grade(rows, TRUTHS, "box", RECOGNISED, verifier))
    for (problem, text), row in zip(cases, grades.itertuples(index=False), strict=True):
        found = extraction.extract(text, "box")
        assert (None if pd.isna(row.extracted) else row.extracted, row.rule) == found
        assert row.correct == verifier.verify([(TRUTHS[problem], found.text)])[0].correct
        assert row.has_code == response_features.has_code(text, "python")
        assert row.has_box == response_features.has_box(text, "box") == (row.rule == "box")
        assert row.repeats == response_features.repeats(text, RECOGNISED.repetition)
