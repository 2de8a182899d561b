"""What a failed run leaves: a report of what exists that names what is missing, and nothing that blocks a rerun."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import checkout
import pandas as pd
import pytest
from checkout import RESULTS, artifacts, at_start_of_stages, change_suite, snakemake

PARTIAL = RESULTS / "partial"
HEADLINE = "experiments/main/organism/headline.csv"
RAISES = "def mine(responses, labels, context):\n    raise RuntimeError('no idea what to pay')\n"
PAYS = "def mine(responses, labels, context):\n    return [float(len(response) % 2) for response in responses]\n"
SAID = f"note: see {PARTIAL}/report.html: what is finished, and what is missing and why"


def pay_for(folder: Path, *rewards: str) -> None:
    """Make rewards use a function in a file outside the suite, which raises an error."""
    (folder / "mine.py").write_text(RAISES)
    for reward in rewards:
        change_suite(folder, f"rewards/{reward}", {"function": "mine", "file": "../../mine.py"})


def page(folder: Path) -> str:
    return unescape((folder / PARTIAL / "report.html").read_text())


def exhibit(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / PARTIAL / "exhibits" / name / "page.json").read_text())


@pytest.mark.rare
def test_a_run_that_failed_is_named_and_missing_and_all_else_is_there(finished: Path) -> None:
    """Answers of an earlier run with another reward still exist, but are not taken for those of the failed run."""
    pay_for(finished, "random")
    before = (finished / RESULTS / "report.html").read_bytes()
    ended = snakemake(finished, "--keep-going")
    assert ended.code != 0
    assert SAID in ended.output
    assert (finished / checkout.LAST / "grades.parquet").exists()
    assert (finished / RESULTS / "report.html").read_bytes() == before

    html = page(finished)
    assert re.findall(r'<section id="([^"]+)"', html)[0] == "about-missing"
    failed = "training organism on random (default, plain), seeds 0-1, steps 0 to 2"
    assert failed in html
    assert "error: mine.py: mine failed: RuntimeError: no idea what to pay" in html
    assert f"not run, because this failed: {failed}" in html
    missing = "Incomplete. Missing: organism, random, seeds 0-1."
    fig1 = exhibit(finished, "fig1")
    assert fig1["caption"].startswith(missing)
    assert all("Incomplete" in picture["caption"] for picture in fig1["pictures"])
    assert all("Incomplete" in table["note"] for table in fig1["tables"])
    assert missing in (finished / PARTIAL / "exhibits/fig1/table.md").read_text()
    assert "Incomplete" not in exhibit(finished, "table1")["caption"], "it shows models before training alone"
    assert html.count(missing) > html.count(f"<td>{missing}</td>") + 2, "in the report's own tables too"
    found = pd.read_csv(finished / PARTIAL / HEADLINE)
    assert set(found["reward"]) == {"majority_vote"}

    (finished / "mine.py").write_text(PAYS)
    ended = snakemake(finished)
    assert ended.code == 0, ended.output
    assert not (finished / PARTIAL).exists()
    report = (finished / RESULTS / "report.html").read_text()
    assert '<section id="about-missing"' not in report
    assert "Incomplete" not in report
    whole = pd.read_csv(finished / RESULTS / HEADLINE)
    assert set(whole["reward"]) == {"majority_vote", "random"}
    pd.testing.assert_frame_equal(whole[whole["reward"] == "majority_vote"].reset_index(drop=True), found)


@pytest.mark.parametrize(
    ("stage", "spoilt", "job", "said"),
    [
        ("plot", "exhibits/fig1", "making fig1: What each reward gains", "Not made: its own job failed."),
        pytest.param(
            "score",
            "experiments/main/organism",
            "scoring experiment main, organism",
            "Not made: the remaining data are not enough.",
            marks=pytest.mark.rare,
        ),
    ],
)
def test_a_table_that_failed_is_named_and_the_others_are_there(
    finished: Path, undisturbed: Path, stage: str, spoilt: str, job: str, said: str
) -> None:
    at_start_of_stages(
        finished,
        f"if sys.orig_argv[4] == '{stage}' and '{spoilt}' in ' '.join(sys.orig_argv):\n    sys.exit('error: no ink')",
    )
    for path in (finished / RESULTS / spoilt).rglob("*.csv"):
        path.unlink()
    (finished / RESULTS / "report.html").unlink()  # else Snakemake overlooks the missing CSV files
    ended = snakemake(finished, "--keep-going")
    assert ended.code != 0
    assert SAID in ended.output
    html = page(finished)
    assert job in html
    assert "error: no ink" in html
    assert exhibit(finished, "fig1")["caption"].startswith(said)
    assert (finished / PARTIAL / "experiments/main/health.csv").read_bytes() == (
        undisturbed / RESULTS / "experiments/main/health.csv"
    ).read_bytes()
    if stage == "plot":
        assert exhibit(finished, "table1") == json.loads(
            (undisturbed / RESULTS / "exhibits/table1/page.json").read_text()
        )

    (finished / "src/sitecustomize.py").unlink()
    ended = snakemake(finished)
    assert ended.code == 0, ended.output
    assert artifacts(finished) == artifacts(undisturbed)


def test_a_run_that_stopped_short_leaves_a_record_to_make_the_report_of_by_hand(finished: Path) -> None:
    pay_for(finished, "random", "majority_vote")
    ended = snakemake(finished, cores=1)
    assert ended.code != 0
    assert (
        f"note: spurious-rewards partial-report {PARTIAL}/unfinished.json --config suite=tiny makes a report of what is finished"
        in ended.output
    )
    assert not (finished / PARTIAL / "report.html").exists()
    made = checkout.partial_report(finished)
    assert made.code == 0, made.output
    assert made.output.splitlines()[-1] == f"{PARTIAL}/report.html"
    html = page(finished)
    missing = html.split('<section id="about-missing"')[1].split("</section>")[0]
    assert missing.count('<td class="not-run">not run</td>') == 1
    assert exhibit(finished, "fig1")["caption"].startswith("Not made: the remaining data are not enough. Missing: ")


def test_what_was_not_asked_for_is_not_made_of_what_is_there(finished: Path) -> None:
    pay_for(finished, "random")
    ended = snakemake(finished, "--keep-going", "fig1")
    assert ended.code != 0
    assert not (finished / PARTIAL).exists()


def test_no_record_no_report(finished: Path) -> None:
    made = checkout.partial_report(finished)
    assert made.code == 1
    assert made.output == (
        f"error: {PARTIAL}/unfinished.json: no such file; a run that fails, or is stopped, leaves such a record\n"
    )
