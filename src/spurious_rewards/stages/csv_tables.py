"""Read the small tables of numbers that earlier stages wrote. The names in them must be in the suite."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from spurious_rewards.artifacts import csv_files
from spurious_rewards.artifacts.csv_files import Columns
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import OPTIMIZERS


def read(paths: Sequence[Path], columns: Columns, suite: Suite) -> pd.DataFrame:
    """Return the rows of tables with the same columns. Some of the tables may have no rows.

    Raises:
        UserError: see `csv_files.read`; or a table has a name that the suite does not have.
    """
    sets = suite.problems.keys()
    known = {
        **{"model": suite.models.keys(), "prompt": suite.prompts.keys(), "benchmark": suite.benchmarks.keys()},
        **{"reward": suite.rewards.keys(), "baseline": suite.rewards.keys(), "optimizer": OPTIMIZERS.keys()},
        **{"problem_set": sets, "benchmark_set": sets, "training_set": sets},
    }
    return csv_files.read_all(paths, columns, known)
