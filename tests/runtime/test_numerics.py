"""Which kernels torch uses on a CPU."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from spurious_rewards.config.models import Organism
from spurious_rewards.operations import numeric_class
from spurious_rewards.runtime import numerics
from spurious_rewards.stages.pretrain import VERSION

pytestmark = pytest.mark.skipif(
    numerics.unpinnable() is not None, reason="kernels can be fixed on x86-64 with AVX2 alone"
)


@pytest.mark.parametrize("portable", [False, True])
def test_a_job_fixes_its_kernels_before_torch_is_imported(tmp_path: Path, portable: bool) -> None:
    organism = Organism(steps=1, batch=2).model_dump()
    job = {
        "version": VERSION,
        "organism": organism,
        "family": numeric_class.FAMILY.model_dump(),
        "seed": 0,
        "threads": 1,
    }
    asked = json.dumps(job | ({"portable": True} if portable else {}))
    program = "import sys; from spurious_rewards.cli.main import main; assert 'torch' not in sys.modules; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "stage", "pretrain", asked, "--output", "model=results/x/model"],
        cwd=tmp_path,
        env={**os.environ, "ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "SSE4_2"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "results" / "x" / "model.manifest.json").read_text(encoding="utf-8"))
    assert made["hardware"]["kernels"] == {"torch": "AVX2", **(numerics.PORTABLE if portable else numerics.PINNED)}


@pytest.mark.rare
def test_a_class_is_that_of_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = numeric_class.numeric_class(portable=True)
    assert re.fullmatch("[0-9a-f]{8}", fixed)
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    monkeypatch.setenv("MKL_CBWR", "AUTO")
    assert numeric_class.numeric_class(portable=True) == fixed, "what the environment says is not followed"
    assert numeric_class.numeric_class(portable=False) != fixed, "other kernels make another class"
