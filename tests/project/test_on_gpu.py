"""Without a GPU, `make test-gpu` says so and skips; on a CPU, small versions of its tests pass."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def on_gpu(**environment: str) -> str:
    """Return the output of the command of `make test-gpu` where no GPU is visible."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", "-rs", "tests/on_gpu"],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_without_a_gpu_all_is_skipped_with_a_sentence() -> None:
    said = on_gpu(ON_CPU="")
    assert "skipped: no CUDA device" in said
    assert " passed" not in said


@pytest.mark.rare
def test_what_is_asked_of_a_gpu_holds_on_a_cpu() -> None:
    assert " skipped" not in on_gpu(ON_CPU="1")


def test_the_command_is_that_of_the_makefile() -> None:
    assert "\n\t$(BIN)/pytest -v -rs tests/on_gpu\n" in (ROOT / "Makefile").read_text()


def test_the_page_has_each_of_its_files() -> None:
    page = (ROOT / "docs/how-to/gpus.md").read_text()
    for path in (ROOT / "tests/on_gpu").glob("test_*.py"):
        assert f"| `tests/on_gpu/{path.name}` |" in page
