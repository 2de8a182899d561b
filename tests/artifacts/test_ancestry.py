"""What artifacts were made from, by their manifests."""

from pathlib import Path

import pytest

from spurious_rewards.artifacts.ancestry import ancestry
from spurious_rewards.artifacts.manifests import Recorder


def test_what_lies_in_an_artifact_comes_from_what_that_came_from(tmp_path: Path) -> None:
    base, checkpoints, scores = (tmp_path / name for name in ("base", "checkpoints", "scores.parquet"))
    Recorder("pretrain", {}).write(base)
    Recorder("train", {}).write(checkpoints, [base])
    Recorder("score", {}).write(scores, [checkpoints / "seed0" / "step5", tmp_path / "of nobody"])
    assert [manifest["stage"] for manifest in ancestry([scores])] == ["score", "train", "pretrain"]


def test_ancestry_does_not_leave_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    private, ours, made = Path("private/a.csv"), Path("results/x/a.csv"), Path("results/x/b.csv")
    winding = Path("results/x/../../private/a.csv")
    for artifact, parents in ((private, []), (ours, []), (made, [private, private.absolute(), winding, ours])):
        artifact.parent.mkdir(parents=True, exist_ok=True)
        artifact.write_text("")
        Recorder("grade", {}).write(artifact, parents)
    assert [manifest["artifact"] for manifest in ancestry([made])] == [str(made), str(ours)]
