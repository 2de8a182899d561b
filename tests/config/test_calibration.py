"""The calibration file: writing it, reading it, and when it applies."""

import datetime
from pathlib import Path

import pytest
from calibrations import invented

from spurious_rewards.config import calibration
from spurious_rewards.config.calibration import Conditions
from spurious_rewards.config.settings import suite_file
from spurious_rewards.config.training import Training
from spurious_rewards.runtime.errors import UserError

SUITE = Path("my.suite.yaml")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = calibration.path_of(tmp_path / SUITE)
    assert path.name == "my.suite.calibration.yaml"
    path.write_text(calibration.text(invented()), encoding="utf-8")
    assert calibration.read(path) == invented()
    assert calibration.read(path).on == f"NVIDIA H100 80GB HBM3, {datetime.date(2026, 11, 29)}"


def test_a_damaged_file_is_refused_with_its_key(tmp_path: Path) -> None:
    path = tmp_path / "x.calibration.yaml"
    path.write_text(calibration.text(invented()).replace("generate: 40.0", "generate: long"), encoding="utf-8")
    with pytest.raises(
        UserError, match=r"x\.calibration\.yaml: measured\.0\.seconds\.generate = \"long\": should be a"
    ):
        calibration.read(path)


def test_only_what_costs_something_counts_as_another_training() -> None:
    was = Conditions.of(Training(), None)
    assert not was.differences(Conditions.of(Training(learning_rate=1e-3, clip=None, eval_every=5), None))
    assert was.differences(Conditions.of(Training(micro_batch=8), None)) == "micro_batch 4, now 8"


def test_a_library_that_is_not_here_is_no_other_one() -> None:
    found = invented()
    same = {"torch": "2.13.0+cpu", "transformers": "5.17.0", "trl": "1.16.0"}
    assert not calibration.other_library(found, same)
    assert calibration.other_library(found, {**same, "vllm": "0.32.0"}) == "vllm 0.31.0, now 0.32.0"


def test_a_calibration_is_not_listed_as_a_suite(tmp_path: Path) -> None:
    folder = tmp_path / "config/suites"
    folder.mkdir(parents=True)
    for name in ("one.yaml", "one.lock.yaml", "one.calibration.yaml"):
        (folder / name).touch()
    with pytest.raises(UserError, match="allowed: one, or the path"):
        suite_file("two", tmp_path)
