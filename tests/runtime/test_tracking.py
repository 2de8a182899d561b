import os
import subprocess
import sys
from pathlib import Path

import pytest

from spurious_rewards.runtime.tracking import Tracker


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


SIGTERMED = """
import sys
from pathlib import Path
import psutil
from spurious_rewards.runtime.tracking import Tracker

with Tracker("wandb", Path(sys.argv[1]), "run", {}).run("seed0") as log:
    log({"step": 1, "reward": 0.5})
    services = psutil.Process().children(recursive=True)
    assert services
    for service in services:
        service.terminate()
    psutil.wait_procs(services, timeout=10)
    for step in range(2, 50):
        log({"step": step, "reward": 0.5})
"""


def test_training_goes_on_when_wandb_is_ended_by_a_sigterm_to_the_whole_job(tmp_path: Path) -> None:
    # Without what wandb leaves in the environment, by which the program would find the service of the tests before.
    environment = {key: value for key, value in os.environ.items() if "WANDB" not in key} | {"WANDB_MODE": "offline"}
    program = [sys.executable, "-c", SIGTERMED, str(tmp_path)]
    ended = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("the rest of this run is in the tables alone") == 1
