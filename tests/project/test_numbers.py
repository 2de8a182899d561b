"""What pages say of the organisms is what is published of one run."""

import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "expected/organism/5eb00341"
"""The class that the pages quote."""

MINUS = "\N{MINUS SIGN}"
NUMBER = rf"({MINUS}?\d+(?:\.\d+)?)"
INTERVAL = re.compile(rf"\[{NUMBER}, {NUMBER}\]")


def written(value: float, places: int) -> str:
    text = f"{value:.{places}f}"
    return (text.lstrip("-") if float(text) == 0 else text).replace("-", MINUS)


@pytest.fixture(scope="module")
def intervals() -> set[tuple[str, str]]:
    """Every interval of the run as a page may write it: of a gain or of a loss in percent, or as it is with three digits."""
    found = set()
    for file in PUBLISHED.rglob("*.csv"):
        table = pd.read_csv(file)
        for low in (name for name in table if name == "low" or name.endswith("_low")):
            for ends in table[[low, low.removesuffix("low") + "high"]].dropna().to_numpy(dtype=float):
                for factor, places in ((100, 1), (-100, 1), (100, 0), (1, 3)):
                    smaller, larger = sorted(factor * ends)
                    found.add((written(smaller, places), written(larger, places)))
    return found


@pytest.mark.parametrize("page", ["README.md", "docs/reference/figures.md"])
def test_every_interval_that_a_page_quotes_is_published(page: str, intervals: set[tuple[str, str]]) -> None:
    quoted = INTERVAL.findall((ROOT / page).read_text(encoding="utf-8"))
    assert len(quoted) >= 10
    assert set(quoted) <= intervals


def test_the_readme_counts_the_verdicts() -> None:
    ledger = pd.read_csv(PUBLISHED / "claims.csv")
    counts = ledger["verdict"].value_counts()
    made = int((ledger["verdict"].eq("supported") & ledger["by_construction"].notna()).sum())
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert (
        f"Of {len(ledger)} claims of the ledger {counts['supported']} are supported, {made} of them by construction; "
        f"{counts['contradicted']} are contradicted, {counts['inconclusive']} inconclusive, {counts['not testable']} not testable"
    ) in text
