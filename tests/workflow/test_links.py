"""Symbolic links in results from elsewhere, in the real workflow: no command does anything through them."""

import shutil
from pathlib import Path

import checkout
import pytest
from checkout import RESULTS
from test_bad_input import complaint


@pytest.mark.parametrize(
    ("at", "arguments"),
    [
        ("logs", ()),
        ("runs/organism/plain/random/default/seeds0-1/segments/0-2/checkpoints", ()),
        ("problems", ("--delete-all-output",)),
    ],
)
def test_a_link_below_a_suites_results_stops_every_call(tmp_path: Path, at: str, arguments: tuple[str, ...]) -> None:
    folder, victim = checkout.make(tmp_path / "checkout"), tmp_path / "victim"
    (victim / "seed0/step2").mkdir(parents=True)
    for name in ("seed0/step2/model.safetensors", "sums.parquet", "prepare"):
        (victim / name).write_text("mine")
    link = folder / RESULTS / at
    link.parent.mkdir(parents=True)
    link.symlink_to(victim)
    ended = checkout.snakemake(folder, *arguments)
    assert complaint(ended).startswith(f"error: {RESULTS / at}: is a symbolic link to {victim}, and nothing is written")
    assert {path.read_text() for path in victim.rglob("*") if path.is_file()} == {"mine"}
    assert link.is_symlink()


def test_results_may_lie_behind_a_link(finished: Path, tmp_path: Path) -> None:
    shutil.move(finished / RESULTS, tmp_path / "large")
    (finished / RESULTS).symlink_to(tmp_path / "large")
    (finished / RESULTS / "report.html").unlink()
    ended = checkout.snakemake(finished, "report")
    assert ended.code == 0, ended.output
    assert (tmp_path / "large/report.html").exists()
