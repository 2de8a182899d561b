import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

import checkout

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


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose tiny suite is finished, made without SLURM; not to be changed."""
    folder = checkout.make(tmp_path_factory.mktemp("local") / "undisturbed")
    ended = checkout.snakemake(folder)
    assert ended.code == 0, ended.output
    return folder


@pytest.fixture
def finished(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of the undisturbed checkout, with the times of its files, to be disturbed."""
    subprocess.run(["cp", "-a", str(undisturbed), str(tmp_path / "copy")], check=True)
    return tmp_path / "copy"
