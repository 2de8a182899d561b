"""The glossary has exactly one entry for each heading that needs an explanation."""

import re

import pytest

from spurious_rewards.reporting.glossary import TERMS, of_column

EXPLAINED = {
    "Change": "Change",
    "Paper: change": "Change",
    "Mean change": "Change",
    "Change, by seed": "By seed",
    "Versus own prompt, by seed": "By seed",
    "Versus random": "Versus random",
    "pass@256": "pass@k",
    "Change in pass@1": "pass@k",
    "Paper: highest share of code": "Highest share of code",
    "Verdict in the paper's setting": "Verdict",
    "Entropy (nats)": "Entropy",
    "Null gain": "Null gain",
    "Null gain, by seed": "By seed",
    "Net problems gained": "Net problems gained",
    "Matched by n-grams": "n-gram",
    "Responses per problem": "Responses per problem",
    "Seed": "Seeds",
}


@pytest.mark.parametrize(("heading", "name"), EXPLAINED.items())
def test_a_heading_has_its_entry(heading: str, name: str) -> None:
    term = of_column(heading)
    assert term is not None
    assert term.name == name


@pytest.mark.parametrize("heading", ["Model", "Reward", "Problems", "Accuracy before", "Verdict of the test", "Claim"])
def test_a_plain_heading_has_none(heading: str) -> None:
    assert of_column(heading) is None


@pytest.mark.parametrize("heading", EXPLAINED)
def test_no_heading_has_two_entries(heading: str) -> None:
    assert sum(bool(re.fullmatch(term.headings, heading)) for term in TERMS) == 1


def test_entries_are_in_order_and_have_anchors_of_their_own() -> None:
    names = [term.name.lower() for term in TERMS]
    assert names == sorted(names)
    assert len({term.key for term in TERMS}) == len(TERMS)
    assert all(re.fullmatch(r"term-[a-z0-9-]+", term.key) for term in TERMS)
