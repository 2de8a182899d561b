"""The short version of `make chaos`."""

import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.rare
@pytest.mark.timeout(1800)
def test_a_run_that_is_killed_at_random_moments_comes_to_the_same_results() -> None:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("chaos.py")), "3", "--suite", "tiny"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert re.fullmatch(r"chaos: 3 kills .*, [1-9]\d* runs finished, \d+ files compared, 0 differ; .*\n", done.stdout)
