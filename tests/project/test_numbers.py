"""The numbers that pages give are those of published runs."""

import re
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from pandas._libs.parsers import STR_NA_VALUES

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "expected/organism/7cf7c20e"
"""The published run that the pages quote, in the folder of its numeric class."""

MINUS = "\N{MINUS SIGN}"
NUMBER = rf"({MINUS}?\d+(?:\.\d+)?)"
INTERVAL = re.compile(rf"\[{NUMBER}, {NUMBER}\]")


def written(value: float, places: int) -> str:
    text = f"{value:.{places}f}"
    return (text.lstrip("-") if float(text) == 0 else text).replace("-", MINUS)


@cache
def intervals(suite: str) -> set[tuple[str, str]]:
    """Return every published interval of the suite, in each form that a page may use.

    The forms are a gain or a loss in percent, with one digit or none, and the plain value with three digits.
    """
    found = set()
    for file in (ROOT / "expected" / suite).rglob("*.csv"):
        table = pd.read_csv(file)
        for low in (name for name in table if name == "low" or name.endswith("_low")):
            for ends in table[[low, low.removesuffix("low") + "high"]].dropna().to_numpy(dtype=float):
                for factor, places in ((100, 1), (-100, 1), (100, 0), (1, 3)):
                    smaller, larger = sorted(factor * ends)
                    found.add((written(smaller, places), written(larger, places)))
    return found


def test_pandas_reads_no_word_of_a_published_table_as_a_missing_cell() -> None:
    words = STR_NA_VALUES - {""}
    found = {
        (str(file.relative_to(ROOT)), cell)
        for file in ROOT.glob("expected/**/*.csv")
        for cell in words.intersection(pd.read_csv(file, dtype=str, keep_default_na=False).stack())
    }
    assert found == set()


README = (ROOT / "README.md").read_text(encoding="utf-8")
OWN_REWARD = README.split("\n## Test your own reward\n")[1].split("\n## ")[0]
"""The README's section on the example. Its numbers come from another run, which the tutorial quotes."""


QUOTED = {
    "README.md": (10, ["organism", "laptop", "followups"]),
    "docs/results/organism.md": (10, ["organism"]),
    "docs/results/laptop.md": (10, ["laptop"]),
    "docs/results/followups.md": (80, ["followups", "organism"]),
    "docs/tutorials/first-report.md": (3, ["organism"]),
}
"""Page -> the least number of intervals that it quotes, and the suites that they are of."""


@pytest.mark.parametrize("page", QUOTED)
def test_every_interval_that_a_page_quotes_is_published(page: str) -> None:
    least, suites = QUOTED[page]
    quoted = INTERVAL.findall((ROOT / page).read_text(encoding="utf-8").replace(OWN_REWARD, ""))
    assert len(quoted) >= least
    assert set(quoted) <= set().union(*map(intervals, suites))


def test_the_readme_quotes_of_the_example_what_the_tutorial_does() -> None:
    quoted = INTERVAL.findall(OWN_REWARD)
    tutorial = (ROOT / "docs/tutorials/your-reward.md").read_text(encoding="utf-8")
    assert len(quoted) >= 9
    assert set(quoted) <= set(INTERVAL.findall(tutorial))


def test_the_readme_shows_the_reward_of_the_example() -> None:
    (shown,) = re.findall(r"```python\n(.*?)```", OWN_REWARD, flags=re.DOTALL)
    assert (ROOT / "examples/your_method/shows_work.py").read_text(encoding="utf-8").endswith(shown)


def test_the_readme_counts_the_verdicts() -> None:
    ledger = pd.read_csv(PUBLISHED / "claims.csv")
    counts = ledger["verdict"].value_counts()
    made = int((ledger["verdict"].eq("supported") & ledger["by_construction"].notna()).sum())
    supported, not_run = counts["supported"] - made, counts["not run"] + counts.get("cannot run", 0)
    others = counts[["contradicted", "inconclusive", "not testable"]]
    assert sum([supported, made, *others, not_run]) == len(ledger)
    heads, _, row = README[README.index("| claims in the") :].splitlines()[:3]
    assert re.sub(r"\(.*?\)|[][]", "", heads) == (
        "| claims in the ledger | supported | supported by construction† | contradicted | inconclusive | not testable | "
        "not or cannot be run |"
    )
    assert row == "| " + " | ".join(map(str, [len(ledger), supported, made, *others, not_run])) + " |"


def test_no_claim_was_judged_on_the_papers_models() -> None:
    assert "None was judged on the paper's models." in README
    assert set(pd.read_csv(PUBLISHED / "claims.csv")["paper_claim"].dropna()) == {"not run"}
