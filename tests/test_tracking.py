from pathlib import Path

import pytest

from spurious_rewards.tracking import Tracker


def test_online_without_a_key_is_offline_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("WANDB_API_KEY", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_MODE", "online")
    with Tracker("wandb", tmp_path / "metrics", "run", {}).run("seed0") as log:
        log({"step": 1, "reward": 0.5})
    assert list((tmp_path / "metrics").rglob("offline-run-*"))
    assert "there is no key" in capsys.readouterr().err
