"""Two result trees side by side: rows are matched, and differences are marked and printed."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from spurious_rewards.analysis import result_differences
from spurious_rewards.artifacts import csv_files
from spurious_rewards.artifacts.manifests import Recorder, manifest_path
from spurious_rewards.operations import diff
from spurious_rewards.runtime.errors import UserError

REWARDS = ("ground_truth", "format", "random")


def row(reward: str, difference: float = 0.1, verdict: str = "gain", **other: object) -> dict[str, object]:
    return {
        **{"experiment": "main", "model": "m", "prompt": "plain", "reward": reward, "variant": "default"},
        **{"benchmark": "math500", "steps": 8, "problems": 60, "samples": 1, "seeds": 2},
        **{"difference": difference, "difference_low": difference - 0.05, "difference_high": difference + 0.05},
        "verdict": verdict,
        **other,
    }


def frame(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(rows)


# ---------------------------------------------------------------- numbers


def test_rows_meet_whatever_their_order_and_the_change_is_that_of_the_second() -> None:
    a = frame(row("format"), row("random", 0.3))
    b = frame(row("random", 0.2, "no clear change"), row("ground_truth", 0.5))
    compared = result_differences.headlines(a, b)
    assert compared["reward"].tolist() == ["format", "random", "ground_truth"]
    assert compared["only"].tolist() == ["a", "", "b"]
    assert compared["verdicts_differ"].tolist() == [False, True, False]
    assert compared["change"].iloc[1] == pytest.approx(-0.1)
    assert compared["change"].isna().tolist() == [True, False, True]
    assert compared.loc[1, ["difference_low_a", "difference_high_b"]].tolist() == pytest.approx([0.25, 0.25])
    assert compared["steps_b"].tolist() == [pd.NA, 8, 8]


@pytest.mark.parametrize("key", result_differences.ROW)
def test_rows_meet_only_if_they_are_of_the_same(key: str) -> None:
    compared = result_differences.headlines(frame(row("format")), frame({**row("format"), key: "another"}))
    assert compared["only"].tolist() == ["a", "b"]


headlines = st.lists(st.sampled_from(REWARDS), unique=True, min_size=1).flatmap(
    lambda rewards: st.builds(
        lambda differences, verdicts: frame(*map(row, rewards, differences, verdicts)),
        st.lists(st.floats(-1, 1), min_size=len(rewards), max_size=len(rewards)),
        st.lists(st.sampled_from(["gain", "loss"]), min_size=len(rewards), max_size=len(rewards)),
    )
)


@given(headlines)
@settings(deadline=None)
def test_a_tree_does_not_differ_from_itself(a: pd.DataFrame) -> None:
    compared = result_differences.headlines(a, a)
    assert len(compared) == len(a)
    assert (compared["change"] == 0).all()
    assert not compared["verdicts_differ"].any()
    assert (compared["only"] == "").all()


@given(headlines, headlines)
@settings(deadline=None)
def test_the_other_way_round_says_the_opposite(a: pd.DataFrame, b: pd.DataFrame) -> None:
    there, back = (
        result_differences.headlines(*both).sort_values("reward", ignore_index=True) for both in ((a, b), (b, a))
    )
    assert (there["change"].fillna(0) == -back["change"].fillna(0)).all()
    assert (there["verdicts_differ"] == back["verdicts_differ"]).all()
    assert (there["only"].map({"a": "b", "b": "a", "": ""}) == back["only"]).all()


def test_claims_meet_by_their_id() -> None:
    a = pd.DataFrame({"id": ["headline", "clip"], "claim": ["A.", "B."], "verdict": ["supported", "not run"]})
    b = pd.DataFrame(
        {"id": ["clip", "headline", "new"], "claim": "B2.", "verdict": ["not run", "contradicted", "supported"]}
    )
    compared = result_differences.claims(a, b).set_index("id")
    assert compared["verdicts_differ"].to_dict() == {"headline": True, "clip": False, "new": False}
    assert compared["only"].to_dict() == {"headline": "", "clip": "", "new": "b"}


def test_keys_of_suites_that_differ_are_found_at_any_depth() -> None:
    a = {"title": "A", "training": {"learning_rate": 1, "seeds": [0, 1]}, "rewards": {"random": {"gamma": 0.5}}}
    b = {"title": "A", "training": {"learning_rate": 2, "seeds": [0, 1]}, "rewards": {}}
    differ = result_differences.settings(a, b).set_index("key")
    assert differ.loc["training.learning_rate"].tolist() == [1, 2]
    assert set(differ.index) == {"training.learning_rate", "rewards.random.gamma", "rewards"}
    assert result_differences.settings(a, a).empty


def test_versions_and_commits_that_differ_are_found() -> None:
    def manifest(commit: str, clean: bool, trl: str) -> dict[str, object]:
        return {"git": {"commit": commit, "clean": clean}, "versions": {"trl": trl, "torch": "2"}}

    a, b = [manifest("a" * 40, True, "1")], [manifest("a" * 40, True, "1"), manifest("a" * 40, False, "2")]
    differ = result_differences.versions(a, b).set_index("what")
    assert differ.loc["commit"].tolist() == ["aaaaaaa", "aaaaaaa, aaaaaaa (uncommitted changes)"]
    assert differ.loc["trl"].tolist() == ["1", "1, 2"]
    assert len(differ) == 2
    assert result_differences.versions(a, a).empty


# ---------------------------------------------------------------- trees on disk


def results(root: Path, *rows: dict[str, object]) -> diff.Results:
    """Write results with one experiment and model, a figure and a report."""
    csv_files.write(frame(*rows).drop(columns="experiment"), root / "experiments/main/m/headline.csv")
    page = root / "exhibits/fig1/page.json"
    page.parent.mkdir(parents=True)
    page.write_text("{}")
    (root / "report.html").write_text("")
    Recorder("report", {"suite": {"data_seed": 0, "training": {"learning_rate": 0.5}}}).write(root / "report.html")
    return diff.Results(root)


def text(a: diff.Results, b: diff.Results) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as captured:
        console.print(diff.report(a, b))
    return captured.get()


def test_what_is_the_same_is_told_in_one_table_and_one_line(tmp_path: Path) -> None:
    a = results(tmp_path / "a", row("format"), row("random", -0.2, "loss"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    shown = text(a, diff.Results(tmp_path / "b"))
    assert "+10.0 [5.0, 15.0]" in shown
    assert "2 rows in both (2 to the last digit), 0 only in a, 0 only in b; 0 verdicts differ" in shown
    assert "that differ" not in shown
    assert "only one of them" not in shown


def test_everything_that_differs_is_told(tmp_path: Path) -> None:
    a = results(tmp_path / "a", row("format"), row("random"))
    b = results(tmp_path / "b", row("format", -0.2, "loss", steps=16), row("ground_truth"))
    shutil.rmtree(b.root / "exhibits/fig1")
    for one, verdict in ((a, "supported"), (b, "contradicted")):
        (one.root / "claims.csv").write_text(f"id,claim,verdict\nheadline,A gain.,{verdict}\nclip,No gain.,not run\n")
    path = manifest_path(b.root / "report.html")
    manifest = json.loads(path.read_text())
    manifest["request"]["suite"]["training"]["learning_rate"] = 0.25
    manifest["versions"]["trl"] = "0.0.1"
    path.write_text(json.dumps(manifest))
    shown = " ".join(text(a, b).replace("\N{MINUS SIGN}", "-").split())
    for words in (
        "+10.0 [5.0, 15.0] │ -20.0 [-25.0, -15.0] │ -30.0 │ gain → loss │ steps 8 → 16",
        "only in a: gain",
        "only in b: gain",
        "headline │ supported │ contradicted",
        "fig1 │ there │ missing",
        "│ trl │",
        "training.learning_rate │ 0.5 │ 0.25",
        "1 rows in both (0 to the last digit), 1 only in a, 1 only in b; 1 verdicts differ",
    ):
        assert words in shown
    assert "clip" not in shown


def test_suites_of_results_without_a_report_are_said_to_be_unknown(tmp_path: Path) -> None:
    a, b = (results(tmp_path / name, row("format")) for name in "ab")
    manifest_path(b.root / "report.html").unlink()
    assert f"there is no report in {b.root}" in text(a, b).replace("\n", " ")


def test_the_numbers_can_be_read_back(tmp_path: Path) -> None:
    a, b = (results(tmp_path / name, row("format", value)) for name, value in (("a", 0.1), ("b", 1 / 3)))
    csv_files.write(diff.numbers(a, b), tmp_path / "diff.csv")
    back = csv_files.read(tmp_path / "diff.csv", {"difference_b": "number", "change": "number"})
    assert back["difference_b"].tolist() == [1 / 3]
    assert back["change"].tolist() == [1 / 3 - 0.1]


def test_a_folder_that_holds_no_results_is_complained_of(tmp_path: Path) -> None:
    a = results(tmp_path / "a", row("format"))
    with pytest.raises(UserError, match=r"nowhere: no experiment has a headline there; give the results of a run"):
        text(a, diff.Results(tmp_path / "nowhere"))


# ---------------------------------------------------------------- trees of strangers


def test_names_that_are_no_text_are_shown_as_escapes(tmp_path: Path) -> None:
    a = results(tmp_path / "a", row("format"))
    shutil.copytree(a.root / "experiments/main", a.root / os.fsdecode(b"experiments/\xff"))
    shutil.copytree(a.root / "exhibits/fig1", a.root / os.fsdecode(b"exhibits/\xfe"))
    shown = text(a, results(tmp_path / "b", row("format")))
    assert r"\udcff, math500: gain" in shown
    assert r"\udcfe" in shown


def test_rows_of_the_same_are_refused(tmp_path: Path) -> None:
    """Each duplicate row would be matched with each such row of the other tree."""
    a, b = results(tmp_path / "a", row("format"), row("format", -0.2, "loss")), results(tmp_path / "b", row("format"))
    with pytest.raises(UserError, match=r"a: has several headlines of main, .*format.*; delete all but one"):
        text(a, b)
    a = results(tmp_path / "c", row("format"))
    for one in (a, b):
        (one.root / "claims.csv").write_text("id,verdict\none,supported\none,contradicted\n")
    with pytest.raises(UserError, match=r"claims\.csv: has several rows of the claim one; delete the file"):
        text(a, b)
