"""The page on output files has every table, with its columns in order."""

import importlib
import re
from collections.abc import Collection
from pathlib import Path

import pytest

from spurious_rewards.analysis import (
    baselines,
    contamination,
    gain_split,
    grader_agreement,
    headline,
    labels,
    seeds,
    training,
    untrained,
)
from spurious_rewards.analysis.claims.ledger import LEDGER
from spurious_rewards.artifacts import tables
from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.problems import decontamination

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/outputs.md").read_text(encoding="utf-8")

PARQUET = {
    "problems/{set}.parquet": tables.Problems,
    "responses.parquet": tables.Responses,
    "grades.parquet": tables.Grades,
    "labels.parquet": tables.Labels,
    "metrics.parquet": tables.Metrics,
    "rollouts.parquet": tables.Rollouts,
    "scores.parquet": tables.Scores,
    "rates.parquet": tables.Rates,
    "clipping/probe/{model}.parquet": tables.Probe,
    "clipping/bandit.parquet": tables.Bandit,
}
CSV: dict[str, Collection[str]] = {
    "claims.csv": LEDGER,
    "headline.csv": headline.HEADLINE,
    "seeds.csv": seeds.SEEDS,
    "baselines.csv": baselines.BASELINES,
    "gain_split.csv": gain_split.GAIN_SPLIT,
    "before.csv": untrained.BEFORE,
    "grading.csv": labels.GRADING,
    "labels.csv": labels.LABELS,
    "health.csv": training.TRAINING_HEALTH,
    "training.csv": training.LAST_FIFTH,
    "contamination/overlaps.csv": decontamination.COLUMNS,
    "contamination/leakage.csv": contamination.LEAKAGE,
    "contamination/memorization.csv": contamination.MEMORIZATION,
    "graders/agreement.csv": grader_agreement.AGREEMENT,
    "graders/accuracy.csv": grader_agreement.ACCURACY,
    "graders/differences.csv": grader_agreement.DIFFERENCES,
}

IN_EXHIBITS = {"CLIPPING", "COMPARISONS", "CONTRIBUTIONS", "CONTROL", "COVERAGE"}
"""Names of `Columns` whose tables are those of exhibits, which have a section of their own."""


def columns_of(file: str) -> list[str]:
    """Return the names in the first column of a section's table."""
    section = PAGE.split(f"\n### {file}\n")[1].split("\n#")[0]
    return [
        name
        for cells in re.findall(r"^\| (`.+?) \|", section, flags=re.MULTILINE)
        for name in re.findall(r"`(\w+)`", cells)
    ]


@pytest.mark.parametrize("file", PARQUET)
def test_a_parquet_table_has_its_columns_on_the_page(file: str) -> None:
    assert columns_of(file) == list(PARQUET[file].to_schema().columns)


@pytest.mark.parametrize("file", CSV)
def test_a_csv_table_has_its_columns_on_the_page(file: str) -> None:
    assert columns_of(file) == list(CSV[file])


def test_no_declared_table_is_missing() -> None:
    # A training set is made of labels, in memory only.
    assert set(PARQUET.values()) == set(tables.Table.__subclasses__()) - {tables.TrainingSet}
    assert set(re.findall(r"^### (.+)$", PAGE, flags=re.MULTILINE)) == PARQUET.keys() | CSV.keys()


def test_no_declared_csv_file_is_missing() -> None:
    declared = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "src/spurious_rewards").rglob("*.py")
        for name in re.findall(r"^([A-Z_]+): Columns = ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if name not in IN_EXHIBITS and not any(getattr(imported(path), name) is columns for columns in CSV.values())
    }
    assert not declared, f"describe in docs/reference/outputs.md, and add to CSV in this file: {declared}"


def imported(path: Path) -> object:
    return importlib.import_module(".".join(path.relative_to(ROOT / "src").with_suffix("").parts))


def test_every_kind_of_exhibit_has_its_columns() -> None:
    section = PAGE.split("\n## Exhibits\n")[1]
    named = [
        kind for cell in re.findall(r"^\| ([a-z, ]+) \|", section, flags=re.MULTILINE)[1:] for kind in cell.split(", ")
    ]
    assert sorted(named) == sorted(Exhibit.model_fields["kind"].annotation.__args__)
