import string

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invented import responses, together
from invented import suite as invented_suite

from spurious_rewards.analysis import grader_agreement, headline
from spurious_rewards.analysis.conditions import collect
from spurious_rewards.answers import graders
from spurious_rewards.answers.verifier import Verdict, Verifier
from spurious_rewards.artifacts.tables import Grades
from spurious_rewards.reporting.sections import graders as text

RIGHT, WRONG = Verdict(True), Verdict(False)


@pytest.fixture(scope="module")
def sympy():
    with Verifier(judge="sympy") as shared:
        yield shared


# ---------------------------------------------------------------- strings


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (r"\dfrac12", r"\frac{1}{2}"),
        (r"\tfrac{1}{2}", r"\frac{1}{2}"),
        ("1/2", r"\frac{1}{2}"),
        ("-1/2", r"-\frac{1}{2}"),
        (r"\sqrt3", r"\sqrt{3}"),
        (r"x = 5\text{ cm}", "5"),
        (r"5\text{ cm}^2", "5"),
        (r"\text{Monday}", "Monday"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3,\frac{\pi}{2})"),
        (r"\$1,234.50", "1234.5"),
        ("1,234", "1234"),
        ("1, 234", "1,234"),
        (r"12\!\,345", "12345"),
        (r"50\%", "50"),
        (r"30^\circ", "30"),
        (r"30^{\circ}", "30"),
        ("142.0", "142"),
        ("025", "25"),
        (".5", "0.5"),
        ("-0.50", "-0.5"),
        ("-0", "0"),
        ("5.", "5"),
        ("1 1/2", "1 1/2"),
        (r"2 \pi r", r"2\pi r"),
        (r"\log_2 8", r"\log_2 8"),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
        (r"\( 7 \)", "7"),
        ("$7$", "7"),
        ("y=2x+1", "2x+1"),
        ("x=1,x=2", "x=1,x=2"),
    ],
)
def test_notation_is_cleaned_away(answer, expected):
    assert graders.normalised(answer) == expected


spellings = st.lists(
    st.sampled_from([*string.digits, *" ,./-+={}()$%\\", r"\frac", r"\text{", r"\,", r"\sqrt", "x", r"\circ"]),
    max_size=10,
).map("".join)


@given(spellings)
def test_what_is_clean_stays_as_it_is(answer):
    """Check that further cleaning changes nothing, or only removes brackets and signs that earlier cleaning freed."""
    clean = graders.normalised(graders.normalised(graders.normalised(answer)))
    assert graders.normalised(clean) == clean or len(graders.normalised(clean)) < len(clean)


@given(st.integers(0, 10**9), st.integers(0, 3), st.integers(0, 3))
def test_whole_numbers_are_written_alike(number, before, after):
    spelt = "0" * before + str(number) + ("." + "0" * after if after else "")
    assert graders.strings([(str(number), spelt), (str(number), str(number + 1))]) == [True, False]


def test_nothing_is_equal_to_nothing():
    assert graders.strings([("", ""), (r"\$", r"\%"), ("5", "")]) == [False, False, False]


# ---------------------------------------------------------------- sympy


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        (r"\frac{1}{2}", "0.5", RIGHT),
        ("x^2-9", "(x-3)(x+3)", RIGHT),
        (r"\sqrt{12}", r"2\sqrt3", RIGHT),
        ("1,2", "2,1", RIGHT),
        (r"[0,1)", r"\left[0, 1\right)", RIGHT),
        ("note", "tone", RIGHT),  # sympy multiplies the letters of a word, as Math-Verify does
        (r"\frac{1}{3}", "0.333333", WRONG),
        ("x<3", r"(-\infty,3)", WRONG),
        (r"\frac{", "1", WRONG),
        ("(0,1)", "[0,1]", WRONG),
    ],
)
def test_what_is_the_same_to_sympy(sympy, gold, answer, expected):
    assert graders.sympy([(gold, answer)], sympy) == [expected]


def test_a_difference_without_end_is_recorded():
    with Verifier(seconds=0.5, judge="sympy") as strict:
        assert strict.verify([("9^{9^{9^{9}}}", "3"), ("1+1", "2")]) == [Verdict(False, "timeout"), RIGHT]


@settings(deadline=None, max_examples=25)
@given(st.integers(-99, 99), st.integers(-99, 99))
def test_what_sympy_is_not_asked_about_is_what_it_would_say(sympy, one, other):
    asked = [(f"{one}+0", f"{other}+0"), (f"{one}+0", f"{one}")]
    assert sympy.verify([(str(one), str(other)), (str(one), str(one))]) == sympy.verify(asked)


# ---------------------------------------------------------------- agreement


@pytest.fixture(scope="module")
def study():
    """Return a study of one model and one reward with four problems.

    Answers that Math-Verify accepts and the string grader rejects occur only after training.
    """
    suite = invented_suite(models=["strong"], rewards=["ground_truth"], seeds="0-1")
    said = {0: ["2", "3", "4", None], 25: [r"\frac{2}{2}", "2.0", r"\text{3 or so}", "5"], 10: ["7"] * 4}
    right = {0: [0, 0, 0, 0], 25: [1, 1, 0, 0], 10: [0] * 4}
    frames = [
        responses([right[step]] * 2, [[0] * 4] * 2, seeds=(0, 1), step=step, reward=reward).assign(
            extracted=pd.array(answers * 2, dtype="str")
        )
        for step, reward, answers in ((0, "", said[0]), (25, "ground_truth", said[25]), (10, "ground_truth", said[10]))
    ]
    truths = {("math500", f"problem/{number}"): str(number + 1) for number in range(4)}
    return together(*frames), suite, suite.experiments["headline"], truths


@pytest.fixture(scope="module")
def judged(study, sympy):
    return grader_agreement.judged(*study, sympy)


def test_each_row_has_three_verdicts_and_no_answer_is_wrong_to_all(judged):
    assert set(judged["step"]) == {0, 25}
    after = judged[(judged["step"] == 25) & (judged["seed"] == 0)]
    assert after["answer"].tolist() == ["1", "2", "3", "4"]
    assert after["math_verify"].tolist() == [True, True, False, False]
    assert after["strings"].tolist() == [False, True, False, False]
    assert after["sympy"].tolist() == [True, True, False, False]
    assert not judged.loc[judged["extracted"].isna(), list(grader_agreement.GRADERS)].to_numpy().any()


def test_pairs_are_counted_once(judged):
    rows = grader_agreement.agreement(judged).set_index(["grader", "other"])
    assert (rows["pairs"] == 7).all()  # three before training, where one has no answer, and four after
    assert rows.loc[("math_verify", "strings"), ["both", "only_grader", "only_other", "neither"]].tolist() == [
        1,
        1,
        0,
        5,
    ]
    assert rows.loc[("math_verify", "strings"), "agreement"] == 6 / 7
    assert rows.loc[("math_verify", "strings"), "kappa"] == pytest.approx((6 / 7 - 32 / 49) / (1 - 32 / 49))
    assert rows.loc[("math_verify", "sympy"), "kappa"] == 1
    assert (rows["unfinished"] == 0).all()


def test_kappa_is_missing_where_a_grader_says_the_same_of_all(judged):
    rows = grader_agreement.agreement(judged[judged["step"] == 0])
    assert rows["kappa"].isna().all()
    assert (rows["agreement"] == 1).all()
    assert (text.agreement_text(rows)["Kappa"] == text.MISSING).all()


def test_a_difference_moves_by_what_another_grader_refuses(judged, study):
    _, suite, experiment, _ = study
    rows = grader_agreement.accuracy(judged, suite, experiment).set_index("grader")
    assert rows["before"].tolist() == [0, 0, 0]
    assert rows["difference"].to_dict() == {"math_verify": 0.5, "strings": 0.25, "sympy": 0.5}
    assert rows["moves"].to_dict() == {"math_verify": 0, "strings": -0.25, "sympy": 0}
    moved = text.moves_text(rows.reset_index()).set_index("Grader")
    assert moved.loc["strings", "Largest shift"] == "\N{MINUS SIGN}25.0"
    assert moved.loc["sympy", "Where it is largest"] == text.MISSING


def test_what_graders_differ_on_is_listed_by_how_many_said_it(judged):
    (row,) = grader_agreement.differences(judged).to_dict("records")
    assert (row["answer"], row["extracted"], row["responses"]) == ("1", r"\frac{2}{2}", 2)
    shown = text.differences_text(grader_agreement.differences(judged))
    assert shown[["Math-Verify", "strings", "sympy"]].to_numpy().tolist() == [["accepts", "rejects", "accepts"]]
    assert grader_agreement.differences(judged[judged["step"] == 0]).empty


def test_beyond_the_limit_whole_problems_are_left_out_and_it_is_said(study, sympy):
    graded, *rest = study
    few = grader_agreement.judged(graded, *rest, sympy, checks=1)
    assert 0 < few["id"].nunique() < 4
    assert (few["all_problems"] == 4).all()
    assert set(few.groupby("id").size()) == {4}, "all responses to a problem that is judged"
    shuffled = grader_agreement.judged(graded.sample(frac=1, random_state=1), *rest, sympy, checks=1)
    assert set(shuffled["id"]) == set(few["id"])
    assert grader_agreement.judged(graded, *rest, sympy, checks=0)["id"].nunique() == 1
    assert text.agreement_text(grader_agreement.agreement(few))["Problems"].str.endswith(" of 4").all()


def test_by_math_verify_the_headline_is_the_headline(small_suite, graded, sympy, tmp_path_factory):
    experiment = small_suite.experiments["headline"]
    ids = graded[["benchmark", "id"]].drop_duplicates().astype(str)
    truths = {(row.benchmark, row.id): "1" for row in ids.itertuples()}
    answered = graded.assign(extracted=graded["correct"].map({True: "1", False: "2"}))
    judged = grader_agreement.judged(answered, small_suite, experiment, truths, sympy)
    mine = grader_agreement.accuracy(judged, small_suite, experiment)
    theirs = headline.headline(graded, small_suite, experiment, collect([], _metrics()))
    both = theirs.merge(
        mine[mine["grader"] == "math_verify"], on=["model", "reward", "benchmark"], suffixes=("", "_here")
    )
    assert len(both) == len(theirs)
    for name in ("before", "after", "difference"):
        assert both[name].tolist() == pytest.approx(both[f"{name}_here"].tolist())
    assert (mine["moves"] == 0).all()


def _metrics():
    from spurious_rewards.artifacts.tables import Metrics

    return Metrics


def test_texts_are_collected_on_request(tmp_path):
    assert "extracted" not in collect([], Grades)
    assert "extracted" in collect([], Grades, texts=["extracted"])
