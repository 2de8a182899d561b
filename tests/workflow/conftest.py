import subprocess
from pathlib import Path

import checkout
import pytest


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose tiny suite is finished; not to be changed."""
    folder = checkout.make(tmp_path_factory.mktemp("workflow") / "undisturbed")
    ended = checkout.snakemake(folder)
    assert ended.code == 0, ended.output
    return folder


@pytest.fixture
def finished(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of the undisturbed checkout, with the times of its files, to be disturbed."""
    subprocess.run(["cp", "-a", str(undisturbed), str(tmp_path / "copy")], check=True)
    return tmp_path / "copy"
