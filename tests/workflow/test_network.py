"""A suite with locally made problems and models needs no network, and no library contacts another machine."""

import subprocess
import sys
from pathlib import Path

import checkout
import pytest

from spurious_rewards import QUIET

pytestmark = pytest.mark.rare

WATCHED = Path(__file__).with_name("watched.py")
SLURM = "name _slurmctld._tcp"
"""The look-up of the controller, which SLURM's commands make where SLURM is installed."""
TRAINED = checkout.RUNS / "random/default/seeds0-1/segments/0-2"
SECRETS = {"WANDB_API_KEY": "a1b2c3d4" * 5, "HF_TOKEN": "hf_ofThisUserAlone", "OTHER_API_KEY": "sk-ofThisUserAlone"}
CALLS_HOME = """
import socket
try:
    socket.create_connection(("192.0.2.7", 443), timeout=0.5)
except OSError:
    pass
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(
    bytes(12) + b"\\x04home\\x07invalid\\x00\\x00\\x01\\x00\\x01", ("127.0.0.53", 53)
)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"to myself", ("127.0.0.1", 9))
"""


@pytest.fixture(scope="module")
def apart() -> list[str]:
    """Return the command that runs another one in a network namespace, as root or as root of a user namespace."""
    for command in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        try:
            if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
                return [*command, sys.executable, str(WATCHED)]
        except FileNotFoundError:
            break
    pytest.skip("this user may make no network namespace here")


def attempts(apart: list[str], log: Path, command: list[str], **settings: object) -> list[str]:
    ended = subprocess.run([*apart, str(log), *command], capture_output=True, text=True, **settings)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return [line for line in log.read_text().splitlines() if line != SLURM]


@pytest.fixture(scope="module")
def trained(apart: list[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Train and answer one segment, and return the checkout and the network attempts made meanwhile.

    wandb tracks the run, the user has API keys, and no offline setting is made.
    """
    base = tmp_path_factory.mktemp("network")
    folder = checkout.make(base / "checkout")
    (folder / "config.yaml").write_text("suite: tiny\ntracking: wandb\n")
    told = {*QUIET, "CI", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"}
    own = {name: value for name, value in checkout.environment(folder).items() if name not in told}
    own = {name: value for name, value in own.items() if not name.startswith("WANDB")}
    seen = attempts(
        apart,
        base / "log",
        [*checkout.command(2), str(TRAINED / "metrics.parquet"), str(TRAINED / "responses.parquet")],
        cwd=folder,
        env={**own, **SECRETS, "HOME": str(base / "home"), "HF_HOME": str(base / "cache")},
    )
    return folder, seen


def test_attempts_are_seen(apart: list[str], tmp_path: Path) -> None:
    seen = attempts(apart, tmp_path / "log", [sys.executable, "-c", CALLS_HOME])
    assert seen == ["TCP 192.0.2.7:443", "name home.invalid"]


def test_training_and_answering_reach_for_no_other_machine(trained: tuple[Path, list[str]]) -> None:
    folder, seen = trained
    assert seen == []
    assert list(folder.rglob("offline-run-*")), "metrics were tracked"


def test_no_key_is_in_results_or_logs(trained: tuple[Path, list[str]]) -> None:
    folder, _ = trained
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {".log", ".json", ".parquet", ".wandb"} <= {path.suffix for path in files}
    assert [path for path in files if any(key.encode() in path.read_bytes() for key in SECRETS.values())] == []
