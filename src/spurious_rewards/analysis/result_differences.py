"""Two result trees side by side: what each measured of the same condition, and what differs between them."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from spurious_rewards.config.endpoints import CONDITION

ROW = ["experiment", *CONDITION, "benchmark"]
"""The columns that identify a row of a headline."""

SIZES = ["steps", "problems", "samples", "seeds"]
DIFFERENCE = ["difference", "difference_low", "difference_high"]
VALUES = [*DIFFERENCE, "verdict", *SIZES]


def headlines(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Compare the headlines of two result trees, in the order of the first tree, then of the second.

    Args:
        a: `analysis.headline.headline` of every experiment of the first tree, with a column `experiment`.
        b: the same of the second tree.

    Returns:
        The columns of `ROW`; those of `VALUES` of each tree as `*_a` and `*_b`, NaN where a tree has no such row;
        `change`, the difference of b minus that of a (fractions of 1); `only`, "a" or "b" for a row that one tree alone
        has, else ""; and `verdicts_differ`.
    """
    joined = _beside(a, b, ROW, VALUES)
    sizes = [f"{name}_{of}" for name in SIZES for of in "ab"]
    joined[sizes] = joined[sizes].astype("Int64")  # keeps whole numbers even where a tree lacks the row
    joined["change"] = joined["difference_b"] - joined["difference_a"]
    return joined


def claims(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Compare the verdicts of two ledgers (`analysis.claims.ledger`).

    Returns:
        One row per claim: its `id`, `verdict_a`, `verdict_b`, and `only` and `verdicts_differ` as in `headlines`.
    """
    return _beside(a, b, ["id"], ["verdict"])


def _beside(a: pd.DataFrame, b: pd.DataFrame, row: list[str], values: list[str]) -> pd.DataFrame:
    joined = a[row + values].merge(
        b[row + values], on=row, how="outer", suffixes=("_a", "_b"), indicator=True, sort=False
    )
    order = pd.concat([a[row], b[row]]).drop_duplicates(ignore_index=True)
    joined = order.merge(joined, on=row, how="left")
    joined["only"] = joined.pop("_merge").map({"left_only": "a", "right_only": "b", "both": ""}).astype(str)
    joined["verdicts_differ"] = (joined["only"] == "") & (joined["verdict_a"] != joined["verdict_b"])
    return joined


def settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> pd.DataFrame:
    """Return the keys whose values differ between two suites: `key` (a path with dots), `a` and `b`.

    A value is None where a suite lacks the key.
    """
    flat_a, flat_b = dict(_flat(a)), dict(_flat(b))
    keys = [key for key in dict.fromkeys([*flat_a, *flat_b]) if flat_a.get(key) != flat_b.get(key)]
    return pd.DataFrame({"key": keys, "a": [flat_a.get(key) for key in keys], "b": [flat_b.get(key) for key in keys]})


def _flat(section: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def versions(a: Iterable[Mapping[str, Any]], b: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the commits and package versions in which the manifests of two trees differ: `what`, `a`, `b`.

    If the manifests of a tree name several versions, commas join them.
    """
    found = [_versions(manifests) for manifests in (a, b)]
    names = [name for name in dict.fromkeys([*found[0], *found[1]]) if found[0].get(name) != found[1].get(name)]
    joined = [[", ".join(sorted(of.get(name, ()))) for name in names] for of in found]
    return pd.DataFrame({"what": names, "a": joined[0], "b": joined[1]})


def _versions(manifests: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for manifest in manifests:
        git = manifest["git"]
        commit = f"{(git['commit'] or 'unknown')[:7]}{' (uncommitted changes)' if git['clean'] is False else ''}"
        for name, version in {"commit": commit, **manifest["versions"]}.items():
            found.setdefault(name, set()).add(version)
    return found
