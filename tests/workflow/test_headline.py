"""The headline's own report, made from artifacts of the whole study."""

from pathlib import Path

import pandas as pd
from checkout import RESULTS, snakemake

HEADLINE = RESULTS / "headline"
NUMBERS = Path("experiments/main/organism/headline.csv")


def test_the_headline_is_part_of_the_study_and_makes_nothing_twice(finished: Path) -> None:
    made = snakemake(finished, "headline")
    assert made.code == 0, made.output
    assert made.jobs == ["writing the report of the headline"]
    assert f"The headline report is ready: {HEADLINE}/report.html, after 1 min.\n" in made.output  # no work is left
    page = (finished / HEADLINE / "report.html").read_text()
    assert "Tiny suite: the headline" in page
    assert (finished / HEADLINE / "exhibits/fig1/table.csv").exists()
    whole = pd.read_csv(finished / RESULTS / NUMBERS)
    pd.testing.assert_frame_equal(pd.read_csv(finished / HEADLINE / NUMBERS), whole, check_exact=True)
    judged = pd.read_csv(finished / HEADLINE / "claims.csv")
    assert len(judged)
    assert not judged["verdict"].isin(["not run", "cannot run"]).any()
    assert snakemake(finished, "headline").jobs == []


def test_a_file_of_the_last_headline_does_not_stay(finished: Path) -> None:
    stale = finished / HEADLINE / "exhibits/fig0/table.csv"
    stale.parent.mkdir(parents=True)
    stale.write_text("a\n")
    assert snakemake(finished, "headline").code == 0
    assert not stale.exists()
