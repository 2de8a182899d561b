import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

LAB = Path(__file__).with_name("lab.sh")


@pytest.fixture(scope="session", autouse=True)
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A SLURM of one node with two pretended GPUs."""
    folder = tmp_path_factory.mktemp("lab")
    try:
        subprocess.run([LAB, "start", folder], check=True)
        yield
    finally:
        subprocess.run([LAB, "stop", folder], check=True)
