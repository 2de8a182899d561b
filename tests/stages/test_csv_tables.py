"""CSV tables may only contain names that the suite defines."""

from pathlib import Path

import pytest
from invented_report import SINGLE

from spurious_rewards.analysis.seeds import SEEDS
from spurious_rewards.artifacts import csv_files
from spurious_rewards.config.suite import Suite
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages import csv_tables

OWN = SINGLE[SINGLE["reward"] == "ground_truth"].assign(steps=25, problems=40, samples=1)


def test_tables_of_the_suite_are_put_together(small_suite: Suite, tmp_path: Path) -> None:
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path in paths:
        csv_files.write(OWN, path)
    assert len(csv_tables.read(paths, SEEDS, small_suite)) == 2 * len(OWN)


@pytest.mark.parametrize("column", ["model", "prompt", "reward", "benchmark"])
def test_a_name_that_the_suite_does_not_have_is_refused(column: str, small_suite: Suite, tmp_path: Path) -> None:
    csv_files.write(OWN.assign(**{column: "evil"}), tmp_path / "a.csv")
    with pytest.raises(UserError, match=rf"a\.csv: column {column}: the suite has no evil; delete the file"):
        csv_tables.read([tmp_path / "a.csv"], SEEDS, small_suite)
