"""Read two result trees from disk, compare them with `analysis.result_differences`, and show the differences."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spurious_rewards.analysis import result_differences
from spurious_rewards.analysis.claims.ledger import LEDGER
from spurious_rewards.analysis.headline import HEADLINE
from spurious_rewards.artifacts import csv_files
from spurious_rewards.artifacts.manifests import manifests_below
from spurious_rewards.artifacts.paths import ResultPaths
from spurious_rewards.reporting.numerals import MISSING, points, points_interval
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import REMAKE
from spurious_rewards.runtime.printing import printable

LONGEST = 50
"""Largest number of characters that are shown of a suite's value."""

LOUD, FAINT = "bold yellow", "dim"


@dataclass(frozen=True)
class Results:
    """`results/{suite}/` of a suite that ran, here or elsewhere."""

    root: Path

    @cached_property
    def headlines(self) -> pd.DataFrame:
        """Return the headline of each experiment and model, with a column `experiment`.

        Raises:
            UserError: there is no headline, or there are several of one row.
        """
        files = sorted(self.root.glob(str(ResultPaths(Path()).scored("*", "*") / "headline.csv")))
        columns = {name: HEADLINE[name] for name in (*result_differences.ROW[1:], *result_differences.VALUES)}
        frames = [csv_files.read(file, columns).assign(experiment=printable(file.parent.parent.name)) for file in files]
        if not (frames := [frame for frame in frames if len(frame)]):
            raise UserError(
                f"{self.root}: no experiment has a headline there; give the results of a run: results/SUITE"
            )
        found = pd.concat(frames, ignore_index=True)
        if len(twice := found.loc[found.duplicated(result_differences.ROW), result_differences.ROW]):
            raise UserError(f"{self.root}: has several headlines of {', '.join(twice.iloc[0])}; delete all but one")
        return found

    @cached_property
    def claims(self) -> pd.DataFrame | None:
        """Return the claims and verdicts of the ledger (`analysis.claims.ledger`), or None if there is no ledger."""
        path = self.root / "claims.csv"
        if not path.exists():
            return None
        found = csv_files.read(path, {name: LEDGER[name] for name in ("id", "verdict")})
        if len(twice := found.loc[found.duplicated("id"), "id"]):
            raise UserError(f"{path}: has several rows of the claim {twice.iloc[0]}; {REMAKE}")
        return found

    @cached_property
    def exhibits(self) -> list[str]:
        """Return the names of the figures and tables that exist."""
        pages = self.root.glob(str(ResultPaths(Path()).exhibit("*") / "page.json"))
        return sorted(printable(page.parent.name) for page in pages)

    @cached_property
    def manifests(self) -> list[dict[str, Any]]:
        """Return the manifests of all artifacts."""
        return [manifest for _, manifest in manifests_below(self.root)]

    @cached_property
    def suite(self) -> Mapping[str, Any]:
        """Return the suite that the report was made from; empty if there is no report."""
        return next((one["request"]["suite"] for one in self.manifests if one["stage"] == "report"), {})


def numbers(a: Results, b: Results) -> pd.DataFrame:
    """Return what both results say of each condition and benchmark: see `analysis.result_differences.headlines`."""
    return result_differences.headlines(a.headlines, b.headlines)


def report(a: Results, b: Results) -> RenderableType:
    """Return everything that differs, and all headline numbers side by side."""
    return Group(
        Text(f"a: {a.root}\nb: {b.root}", "bold"),
        *_numbers(numbers(a, b)),
        *_claims(a, b),
        *_exhibits(a, b),
        *_pairs("Versions that differ", result_differences.versions(a.manifests, b.manifests)),
        *_settings(a, b),
        Text(),
        _summary(numbers(a, b)),
    )


def _numbers(compared: pd.DataFrame) -> Iterator[RenderableType]:
    for (experiment, benchmark), rows in compared.groupby(["experiment", "benchmark"], sort=False):
        table = Table()
        names = [
            name for name in ("model", "prompt", "reward", "variant") if name == "reward" or rows[name].nunique() > 1
        ]
        for name in (*names, "a", "b", "b \N{MINUS SIGN} a", "verdict", "sizes"):
            table.add_column(name, overflow="fold")
        for row in rows.to_dict("records"):
            differs = bool(row["verdicts_differ"])
            cells = [*(str(row[name]) for name in names), *(_gain(row, of) for of in "ab"), _change(row)]
            table.add_row(*cells, _verdict(row), _sizes(row), style=LOUD if differs else FAINT if row["only"] else "")
        yield Text(f"\n{experiment}, {benchmark}: gain in percentage points [95 % interval]", "bold")
        yield table


def _gain(row: Mapping[Any, Any], of: str) -> str:
    return points_interval({name: row[f"{name}_{of}"] for name in result_differences.DIFFERENCE}, "difference")


def _change(row: Mapping[Any, Any]) -> str:
    return points(row["change"])


def _verdict(row: Mapping[Any, Any]) -> str:
    if row["only"]:
        return f"only in {row['only']}: {row['verdict_' + row['only']]}"
    return f"{row['verdict_a']} \N{RIGHTWARDS ARROW} {row['verdict_b']}" if row["verdicts_differ"] else row["verdict_a"]


def _sizes(row: Mapping[Any, Any]) -> str:
    """Return the numbers of steps, problems, samples and seeds that differ."""
    if row["only"]:
        return ""
    pairs = {name: (row[f"{name}_a"], row[f"{name}_b"]) for name in result_differences.SIZES}
    return ", ".join(f"{name} {a:.0f} \N{RIGHTWARDS ARROW} {b:.0f}" for name, (a, b) in pairs.items() if a != b)


def _claims(a: Results, b: Results) -> Iterator[RenderableType]:
    if a.claims is None or b.claims is None:
        return
    both = result_differences.claims(a.claims, b.claims)
    differ = both[both["verdicts_differ"] | (both["only"] != "")]
    shown = differ[["id", "verdict_a", "verdict_b"]].set_axis(["claim", "a", "b"], axis=1)
    yield from _pairs("Claims whose verdicts differ", shown)


def _exhibits(a: Results, b: Results) -> Iterator[RenderableType]:
    names = sorted({*a.exhibits} ^ {*b.exhibits})
    missing = {
        "exhibit": names,
        "a": [name in a.exhibits for name in names],
        "b": [name in b.exhibits for name in names],
    }
    frame = pd.DataFrame(missing).replace({True: "there", False: "missing"})
    yield from _pairs("Figures and tables that only one of them has", frame)


def _settings(a: Results, b: Results) -> Iterator[RenderableType]:
    if not a.suite or not b.suite:
        without = " and ".join(str(one.root) for one in (a, b) if not one.suite)
        yield Text(f"\nThe suites cannot be compared: there is no report in {without}.", FAINT)
        return
    yield from _pairs("Keys of the suites that differ", result_differences.settings(a.suite, b.suite))


def _pairs(title: str, frame: pd.DataFrame) -> Iterator[RenderableType]:
    """Yield a title and a table with three columns: an item, and its value in `a` and in `b`."""
    if frame.empty:
        return
    table = Table()
    for name in frame.columns:
        table.add_column(name, overflow="fold")
    for what, of_a, of_b in frame.itertuples(index=False):
        table.add_row(str(what), _short(of_a), _short(of_b))
    yield Text(f"\n{title}", "bold")
    yield table


def _short(value: object) -> str:
    if value is None or value != value or value == "":
        return MISSING
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def _summary(compared: pd.DataFrame) -> Text:
    both = compared[compared["only"] == ""]
    only: Sequence[str] = [f"{(compared['only'] == of).sum()} only in {of}" for of in "ab"]
    same = (both["difference_a"] == both["difference_b"]).sum()
    differ = both["verdicts_differ"].sum()
    text = f"{len(both)} rows in both ({same} to the last digit), {', '.join(only)}; {differ} verdicts differ"
    return Text(text, LOUD if differ else "bold")
