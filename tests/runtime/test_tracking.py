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
    assert "no W&B key found: logging offline" in capsys.readouterr().err


KEYLESS = "from spurious_rewards.runtime.tracking import keyless; print(keyless())"
A_KEY = "0123456789" * 4


@pytest.mark.parametrize(
    ("machine", "settings", "expected"),
    [
        ("api.wandb.ai", {}, False),
        ("api.forge.coreweave.com", {}, False),  # another name of the default server
        ("api.wandb.ai", {"WANDB_BASE_URL": "https://wandb.example.org"}, True),
        ("wandb.example.org", {"WANDB_BASE_URL": "https://wandb.example.org"}, False),
        ("wandb.example.org:8443", {"WANDB_BASE_URL": "https://wandb.example.org:8443"}, False),
        ("elsewhere.example.org", {}, True),
        ("elsewhere.example.org", {"WANDB_IDENTITY_TOKEN_FILE": "token.jwt"}, False),
        ("api.wandb.ai", {"WANDB_BASE_URL": "no address"}, True),
    ],
)
def test_a_key_is_looked_for_where_wandb_looks(
    machine: str, settings: dict[str, str], expected: bool, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text(f"machine {machine}\n  login user\n  password {A_KEY}\n")
    environment = {name: value for name, value in os.environ.items() if "WANDB" not in name and name != "NETRC"}
    said = subprocess.run(
        [sys.executable, "-c", KEYLESS],
        env={**environment, "HOME": str(tmp_path), "WANDB_MODE": "online", **settings},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert said.stdout.splitlines()[-1:] == [str(expected)], said.stderr
    assert A_KEY not in said.stdout + said.stderr


def test_no_key_is_written_beside_the_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", A_KEY)
    monkeypatch.setenv("HF_TOKEN", "hf_of_mine")
    monkeypatch.setenv("WANDB_MODE", "offline")
    with Tracker("wandb", tmp_path / "metrics", "run", {"learning_rate": 1e-6}).run("seed0") as log:
        log({"step": 1, "reward": 0.5})
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 2
    assert [path for path in written if A_KEY.encode() in path.read_bytes() or b"hf_of_mine" in path.read_bytes()] == []


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
    # The variables that wandb leaves in the environment would lead the program to the service of earlier tests.
    environment = {key: value for key, value in os.environ.items() if "WANDB" not in key} | {"WANDB_MODE": "offline"}
    program = [sys.executable, "-c", SIGTERMED, str(tmp_path)]
    ended = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("further metrics of this run go to the tables only") == 1
