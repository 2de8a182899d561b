"""Pairs of a true answer and an answer or whole response, with the truth and the grader's verdict."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from spurious_rewards.answers import extraction, graders
from spurious_rewards.answers.verifier import Verifier

FILE = Path(__file__).parents[1] / "data/grader_pairs.jsonl"
PAIRS = [json.loads(line) for line in FILE.read_text().splitlines()]
DOCUMENT = Path(__file__).parents[2] / "docs/explanation/grading.md"


def read(pair: dict) -> str | None:
    """Return the answer that is read from the response; an answer without a response is put into a box."""
    return extraction.extract(pair.get("response", f"\\boxed{{{pair.get('answer')}}}"), "box").text


READ = [(pair["gold"], read(pair)) for pair in PAIRS]


@pytest.fixture(scope="module")
def verdicts() -> list[bool]:
    """Return Math-Verify's verdict on each pair; the status of every pair must be "graded"."""
    with Verifier(seconds=20) as verifier:
        found = verifier.verify(READ)
    assert {verdict.status for verdict in found} == {"graded"}
    return [verdict.correct for verdict in found]


def wrong(found: list[bool]) -> tuple[Counter, Counter]:
    """Count false accepts and false rejects by kind."""
    both = list(zip(PAIRS, found, strict=True))
    return (
        Counter(pair["kind"] for pair, accepted in both if accepted and not pair["same"]),
        Counter(pair["kind"] for pair, accepted in both if not accepted and pair["same"]),
    )


def test_every_pair_is_judged_as_it_was(verdicts):
    """Another version of Math-Verify may judge better. If so, check each changed pair and record its new verdict."""
    changed = [pair for pair, now in zip(PAIRS, verdicts, strict=True) if now != pair["verdict"]]
    assert not changed, "\n".join(map(json.dumps, changed))


def test_false_accepts_and_rejects_are_those_of_the_document(verdicts):
    """Compare the counts by kind with the table in docs/explanation/grading.md."""
    accepts, rejects = wrong(verdicts)
    table = dict.fromkeys(pair["kind"] for pair in PAIRS)
    counted = {
        kind: (
            sum(pair["kind"] == kind and pair["same"] for pair in PAIRS),
            rejects[kind],
            sum(pair["kind"] == kind and not pair["same"] for pair in PAIRS),
            accepts[kind],
        )
        for kind in table
    }
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", DOCUMENT.read_text(), flags=re.MULTILINE)
    assert {kind: tuple(map(int, numbers)) for kind, *numbers in rows} == counted


def test_the_examples_of_the_document_are_judged_as_it_says():
    rows = re.findall(
        r"^\| (.+?) \| `(.+?)` \| `(.+?)` \| (accepted|refused) \|$", DOCUMENT.read_text(), flags=re.MULTILINE
    )
    assert len({kind for kind, *_ in rows}) == len(rows) > 50
    with Verifier(seconds=20) as verifier:
        found = verifier.verify([(gold, answer) for _, gold, answer, _ in rows])
    assert {verdict.status for verdict in found} == {"graded"}
    judged = ["accepted" if verdict.correct else "refused" for verdict in found]
    assert [row for row, now in zip(rows, judged, strict=True) if row[3] != now] == []


def test_the_other_graders_err_as_often_as_the_document_says(verdicts):
    asked = [(gold, answer or "") for gold, answer in READ]
    with Verifier(seconds=20, judge="sympy") as verifier:
        of_sympy = [verdict.correct for verdict in graders.sympy(asked, verifier)]
    said = {}
    for name, found in (("Math-Verify", verdicts), ("strings", graders.strings(asked)), ("sympy", of_sympy)):
        accepts, rejects = wrong(found)
        said[name] = (rejects.total(), accepts.total())
    rows = re.findall(r"^\| (Math-Verify|strings|sympy) \| (\d+) \| (\d+) \|", DOCUMENT.read_text(), flags=re.MULTILINE)
    assert {name: (int(rejects), int(accepts)) for name, rejects, accepts in rows} == said


def test_the_pairs_are_many_and_of_both_sorts_and_none_stands_twice():
    texts = [(pair["gold"], pair.get("answer"), pair.get("response")) for pair in PAIRS]
    assert len(set(texts)) == len(texts) > 600
    for kind in {pair["kind"] for pair in PAIRS}:
        own = [pair for pair in PAIRS if pair["kind"] == kind]
        assert len(own) >= 10
        assert {pair["same"] for pair in own} == {True, False}
    assert all(("answer" in pair) != ("response" in pair) for pair in PAIRS)


def test_a_part_of_the_answer_is_refused(verdicts):
    """Check that no subset of an answer is accepted, the problem reported in Math-Verify #47."""
    parts = [now for pair, now in zip(PAIRS, verdicts, strict=True) if "a part" in pair.get("note", "")]
    assert len(parts) > 10
    assert not any(parts)
