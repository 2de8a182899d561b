"""What artifacts were made from, by their manifests."""

from pathlib import Path

from spurious_rewards.artifacts.ancestry import ancestry
from spurious_rewards.artifacts.manifests import Recorder


def test_what_lies_in_an_artifact_comes_from_what_that_came_from(tmp_path: Path) -> None:
    base, checkpoints, scores = (tmp_path / name for name in ("base", "checkpoints", "scores.parquet"))
    Recorder("pretrain", {}).write(base)
    Recorder("train", {}).write(checkpoints, [base])
    Recorder("score", {}).write(scores, [checkpoints / "seed0" / "step5", tmp_path / "of nobody"])
    assert [manifest["stage"] for manifest in ancestry([scores])] == ["score", "train", "pretrain"]
