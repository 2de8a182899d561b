"""A SLURM of one node with two simulated GPUs, shared by all processes of a test run."""

import subprocess
import tempfile
from pathlib import Path

import pytest

LAB = Path(__file__).with_name("lab.sh")


def pytest_sessionstart(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):
        return  # a worker: the process that started it has started the lab
    folder = tempfile.TemporaryDirectory(prefix="lab")
    session.config.add_cleanup(folder.cleanup)
    session.config.add_cleanup(lambda: subprocess.run([LAB, "stop", folder.name], check=True))
    subprocess.run([LAB, "start", folder.name], check=True)
