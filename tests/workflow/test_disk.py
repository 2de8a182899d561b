"""Deleting weights that are no longer needed, and importing runs trained elsewhere, in the real workflow."""

import re
import subprocess
from pathlib import Path

import checkout
import pandas as pd
import pytest
import yaml

RANDOM = checkout.RUNS / "random/default/seeds0-1"


def weights(folder: Path) -> set[str]:
    """Return the checkpoints of a run that still have weights, such as `seed0/step4`."""
    found = (folder / RANDOM / "segments").glob("*/checkpoints/*/*/model.safetensors")
    return {"/".join(path.parts[-3:-1]) for path in found}


def answers(folder: Path, benchmark: str) -> pd.DataFrame:
    parts = [pd.read_parquet(path) for path in sorted((folder / RANDOM / "segments").glob("*/responses.parquet"))]
    whole = pd.concat(parts, ignore_index=True)
    return whole[whole["benchmark"] == benchmark].reset_index(drop=True)


@pytest.mark.rare
def test_weights_go_once_they_have_answered_and_the_study_goes_on(finished: Path) -> None:
    before = answers(finished, "math500")
    checkout.change_suite(finished, "keep_weights", "reported")
    ended = checkout.snakemake(finished)
    assert ended.code == 0, ended.output
    assert not [job for job in ended.jobs if job.startswith(("training", "answering", "sampling", "grading"))]
    assert weights(finished) == {"seed0/step4", "seed1/step4"}
    assert not (finished / checkout.LAST / "checkpoints/seed0/step3/model.safetensors").exists()
    assert checkout.snakemake(finished).jobs == []

    # The remaining checkpoints answer a new benchmark, and no earlier answer is lost.
    suite = yaml.safe_load((finished / "config/suites/tiny.yaml").read_text())
    checkout.change_suite(finished, "benchmarks", {**suite["benchmarks"], "late": {"problems": "sums"}})
    ended = checkout.snakemake(finished)
    assert ended.code == 0, ended.output
    assert not [job for job in ended.jobs if job.startswith("training")]
    pd.testing.assert_frame_equal(answers(finished, "math500"), before)
    assert set(answers(finished, "late")["step"]) == {4}

    # The trainer's state at the end is still there, so training can continue.
    checkout.change_suite(finished, "experiments/main/steps", 6)
    ended = checkout.snakemake(finished)
    assert ended.code == 0, ended.output
    trained = [job for job in ended.jobs if job.startswith("training")]
    assert len(trained) == 2
    assert all("steps 4 to 6" in job for job in trained)
    assert weights(finished) == {"seed0/step6", "seed1/step6"}

    # As docs/how-to/running.md says, states may be deleted if no run will get longer; nothing is remade.
    [command] = re.findall(r"`(find results/paper/.*?)`", (checkout.ROOT / "docs/how-to/running.md").read_text())
    state = finished / checkout.RUNS / "random/default/seeds0-1/segments/4-6/checkpoints/seed0/step6/optimizer.pt"
    assert state.exists()
    subprocess.run(command.replace("results/paper", str(checkout.RESULTS)), shell=True, cwd=finished, check=True)
    assert not state.exists()
    assert checkout.snakemake(finished).jobs == []
    checkout.change_suite(finished, "experiments/main/steps", 8)
    ended = checkout.snakemake(finished)
    assert ended.code != 0
    assert "has no trainer state to go on from" in ended.output


@pytest.mark.rare
def test_a_segment_answers_and_is_deleted_before_more_is_trained(finished: Path) -> None:
    checkout.change_suite(finished, "keep_weights", "reported")
    checkout.change_suite(finished, "experiments/main/steps", 8)
    segments = checkout.RUNS / "random/default/seeds0-1/segments"
    wanted = ["6-8/responses.parquet", "4-6/responses.parquet", "4-6/pruned.json", "2-4/pruned.json"]
    ended = checkout.snakemake(finished, *(str(segments / name) for name in wanted), cores=1)
    assert ended.code == 0, ended.output
    assert [re.sub(r" .*(?=steps)", " ", job) for job in ended.jobs] == [
        "training steps 4 to 6",
        "deleting steps 2 to 4",
        "answering steps 4 to 6",
        "training steps 6 to 8",
        "deleting steps 4 to 6",
        "answering steps 6 to 8",
    ]


def test_a_run_that_was_trained_elsewhere_is_tabled_like_our_own(finished: Path, tmp_path: Path) -> None:
    """The checkpoint imported as seed 2 is that of seed 0, moved to another folder."""
    checkout.change_suite(finished, "experiments/main/seeds", ["0-1", "2"])
    elsewhere = tmp_path / "elsewhere"
    (finished / checkout.LAST / "checkpoints/seed0/step4").rename(elsewhere)
    imported = {"model": "organism", "seed": 2, "origin": "a colleague's cluster"}
    responses = pd.read_parquet(finished / checkout.LAST / "responses.parquet")
    responses[responses["seed"] == 1].to_parquet(tmp_path / "theirs.parquet")
    checkout.change_suite(
        finished,
        "imports",
        [
            {**imported, "reward": "random", "checkpoints": {4: str(elsewhere)}},
            {**imported, "reward": "majority_vote", "responses": str(tmp_path / "theirs.parquet")},
        ],
    )
    ended = checkout.snakemake(finished)
    assert ended.code == 0, ended.output
    assert not [job for job in ended.jobs if job.startswith("training")]
    headline = pd.read_csv(finished / checkout.RESULTS / "experiments/main/organism/headline.csv")
    assert set(headline["seeds"]) == {3}
    runs = finished / checkout.RUNS
    graded = pd.read_parquet(runs / "random/default/seeds2/segments/0-4/grades.parquet")
    assert set(graded["seed"]) == {2}
    theirs = pd.read_parquet(runs / "majority_vote/default/seeds2/segments/0-4/responses.parquet")
    assert set(theirs["seed"]) == {2}
    assert len(theirs) == (responses["seed"] == 1).sum()
    report = (finished / checkout.RESULTS / "report.html").read_text()
    assert re.search(r"Imported, not trained here: organism, .*?, seed 2 \(a colleague&#39;s cluster\)", report)
