"""Sections made from manifests: they name no places on the machine, and they accept untrusted manifests."""

import sys
from pathlib import Path

import pytest
from invented import MANIFEST, suite

from spurious_rewards.reporting.sections import problems, provenance

CARD = {"source": "sums.jsonl", "rows": 3, "kept": 3, "dropped": {"blank": 0}, "sha256": "0" * 64}


@pytest.mark.parametrize("path", ["/home/someone/data/sums.jsonl", "/data/x/sums.jsonl", "../../someone/sums.jsonl"])
def test_a_card_has_the_name_of_a_file_and_not_where_it_lay(path: str) -> None:
    places = {"blank": [f"{path}, line 3"]}
    card = problems.card_text({**CARD, "read_from": path, "dropped_rows": places}).set_index("What")["Value"]
    assert card["read_from"] == "sums.jsonl"
    assert "someone" not in " ".join(card)
    assert "/data" not in " ".join(card)


def test_a_place_in_the_checkout_is_told_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    absolute = str(tmp_path / "results/smoke/a.csv")
    shown = provenance.manifests_text([{**MANIFEST, "artifact": absolute}, {**MANIFEST, "artifact": f"{sys.prefix}/a"}])
    assert list(shown["Artifact"]) == ["results/smoke/a.csv", "a"]


def test_a_card_of_a_problem_set_that_the_suite_does_not_have_is_left_out() -> None:
    the_suite = suite(models=["strong"])
    manifest = {**MANIFEST, "artifact": "results/x/problems/unknown.parquet", "details": {"card": CARD}}
    assert not problems.cards(the_suite, [manifest]).tables


def test_a_manifest_whose_card_is_none_has_none() -> None:
    manifest = {**MANIFEST, "artifact": "results/x/problems/sums.parquet", "details": {"card": None}}
    assert not problems.cards(suite(models=["strong"]), [manifest]).tables
