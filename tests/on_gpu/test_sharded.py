"""FSDP2 in one process: the real trainer, started by accelerate's launcher."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sharded
import yaml
from segments import assert_same_content, differing, metrics, rollouts, to_the_bit

from spurious_rewards.config import accelerate
from spurious_rewards.training import launching

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(organism_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the output of tests/shared/sharded.py, run on one GPU with the configuration for eight."""
    folder = tmp_path_factory.mktemp("sharded")
    config = folder / "fsdp2_1.yaml"
    eight = yaml.safe_load((ROOT / "envs/accelerate/fsdp2_8.yaml").read_text())
    config.write_text(yaml.safe_dump(eight | {"num_processes": 1}))
    program = [sharded.__file__, str(organism_model), str(folder), str(config)]
    words = launching.command(accelerate.read(config), program, os.environ)
    subprocess.run(words, env=to_the_bit(), check=True, timeout=500)
    return folder


def test_log_probabilities_are_in_float32_and_no_whole_gradients_stay(made: Path, figures: Callable[..., None]) -> None:
    """With accelerate's own sharding neither holds, which shows that the test can detect a failure."""
    seen: dict[str, Any] = json.loads((made / "seen.json").read_text())
    ours, accelerates = seen["ours"], seen["accelerate's"]
    figures(**seen)
    assert [ours["log_probs"], ours["entropy"], *ours["gradients"]] == ["torch.float32"] * 3
    assert accelerates["log_probs"] == "torch.bfloat16"
    assert max(ours["unsharded_bytes_a_weight"]) == 0
    assert max(accelerates["unsharded_bytes_a_weight"]) >= 2


def test_an_interrupted_sharded_job_goes_on_as_if_nothing_had_been(made: Path) -> None:
    assert json.loads((made / "seen.json").read_text())["exit"] == 143
    one, other = made / "undisturbed", made / "interrupted"
    optimizer = "seed0/step3/optimizer.bin"
    assert set(differing(one / "checkpoints", other / "checkpoints")) <= {optimizer}
    assert_same_content(one / "checkpoints" / optimizer, other / "checkpoints" / optimizer)
    pd.testing.assert_frame_equal(metrics(one), metrics(other), check_exact=True)
    pd.testing.assert_frame_equal(rollouts(one), rollouts(other), check_exact=True)
