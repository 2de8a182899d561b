import subprocess
from pathlib import Path

import checkout
import pytest
from filelock import FileLock


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return a checkout with a finished tiny suite, shared by all processes of a test run; tests must not change it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "undisturbed"
    finished = folder.with_name("undisturbed.finished")
    with FileLock(folder.with_name("undisturbed.lock")):
        if not finished.exists():
            ended = checkout.snakemake(checkout.make(folder))
            assert ended.code == 0, ended.output
            finished.touch()
    return folder


@pytest.fixture
def finished(undisturbed: Path, tmp_path: Path) -> Path:
    """Return a copy of the undisturbed checkout, including the times of its files, that a test may change."""
    subprocess.run(["cp", "-a", str(undisturbed), str(tmp_path / "copy")], check=True)
    return tmp_path / "copy"
