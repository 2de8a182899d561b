"""Figures and tables as targets in the shipped suites: `--list-target-rules`, and the jobs that they plan."""

import shutil
from collections.abc import Set
from pathlib import Path

import checkout
import pandas as pd
import pytest
from checkout import ROOT, Ended, snakemake

from spurious_rewards.config.claims import read
from spurious_rewards.config.loading import load
from spurious_rewards.config.suite import Suite

PAPER = [
    *(f"fig{number}" for number in (1, 2, 3, 4, *range(6, 20))),
    *("table1", "table2", "table3", "table5", "qualitative"),
]
"""Figures and tables of the paper that are targets; the others show its texts or single responses."""


@pytest.fixture(scope="module")
def unmade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout without artifacts, with the problem sets that are shipped as files beside the suites."""
    folder = checkout.make(tmp_path_factory.mktemp("targets") / "unmade")
    shutil.copytree(ROOT / "config", folder / "config", dirs_exist_ok=True)
    return folder


def shipped(name: str) -> Suite:
    return load(ROOT / f"config/suites/{name}.yaml")


def planned(folder: Path, suite: str, *targets: str) -> Ended:
    ended = snakemake(folder, "--dry-run", *targets, "--config", f"suite={suite}")
    assert ended.code == 0, ended.output
    return ended


def made(ended: Ended) -> Set[str]:
    """Return the names of the exhibits among the jobs."""
    return {job.removeprefix("making ").partition(":")[0] for job in ended.jobs if job.startswith("making ")}


@pytest.mark.parametrize("suite", ["organism", "paper"])
def test_every_target_is_listed_with_a_line_that_says_what_it_is(unmade: Path, suite: str) -> None:
    listed = snakemake(unmade, "--list-target-rules", "--config", f"suite={suite}").output.splitlines()
    for name, exhibit in shipped(suite).exhibits.items():
        assert f"{name} ({exhibit.title})" in listed
    assert set(PAPER) <= shipped(suite).exhibits.keys()


@pytest.mark.parametrize("suite", ["organism", "paper"])
def test_all_plans_every_exhibit_and_every_segment_once(unmade: Path, suite: str) -> None:
    ended = planned(unmade, suite)
    read = shipped(suite)
    assert made(ended) == read.exhibits.keys()
    trained = [job for job in ended.jobs if job.startswith("training ")]
    assert len(trained) == sum(len(read.segments(run)) for run in read.runs)
    assert len(set(ended.jobs)) == len(ended.jobs)


@pytest.mark.parametrize("suite", ["organism", "paper", "smoke"])
def test_the_ledger_is_planned_once_from_what_its_rules_read(unmade: Path, suite: str) -> None:
    ended = planned(unmade, suite, f"results/{suite}/claims.csv")
    assert ended.jobs.count("judging claims") == 1
    assert "scoring experiment main, " in ended.output
    assert "released_code" not in " ".join(ended.jobs)  # no claim is about it


def test_the_ledger_is_made_and_shown_first(undisturbed: Path) -> None:
    ledger = pd.read_csv(undisturbed / checkout.RESULTS / "claims.csv", index_col="id", keep_default_na=False)
    assert list(ledger.index) == [claim.id for claim in read(ROOT / "config/claims.yaml").claims]
    assert ledger.loc["effective-majority-vote", "seeds"] == "2.0"
    assert ledger.loc["effective-majority-vote", "exhibit"] == "fig1"
    assert ledger.loc["gamma-0", "verdict"] == "not run"
    assert (undisturbed / checkout.RESULTS / "claims.csv.manifest.json").exists()
    report = (undisturbed / checkout.RESULTS / "report.html").read_text()
    assert report.index('id="about-claims"') < report.index('id="about-findings"')
    assert f"Of {len(ledger)} claims: " in report


def test_a_target_plans_what_it_needs_and_no_more(unmade: Path) -> None:
    ended = planned(unmade, "organism", "table3")
    assert made(ended) == {"table3"}
    assert not [job for job in ended.jobs if job.startswith(("training ", "sampling "))]
    answered = [job for job in ended.jobs if job.startswith("answering ")]
    assert len(answered) == 8
    of_one_family = planned(unmade, "organism", "fig2")
    assert made(of_one_family) == {"fig2"}
    assert not [job for job in of_one_family.jobs if "no-code" in job or "placebo" in job]
    together = planned(unmade, "organism", "fig10", "fig11")
    assert made(together) == {"fig10", "fig11"}
    assert not [job for job in together.jobs if "no-code" in job]
