"""A table sorted from parts has the same bytes as the table sorted as a whole."""

import datetime

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet as pq
import pytest

from spurious_rewards.artifacts import sorted_tables, tables
from spurious_rewards.runtime.errors import UserError

KEY = ["seed", "step", "benchmark", "id", "sample"]


def responses(count: int) -> pd.DataFrame:
    numbers = np.random.default_rng(0).permutation(count)
    return pd.DataFrame(
        {
            "seed": -1 + numbers % 2,
            "step": numbers % 3,
            "benchmark": [f"b{number % 5}" for number in numbers],
            "id": [f"p/{number // 7}" for number in numbers],
            "sample": numbers % 7,
            "response": ["so " * (number % 11) for number in numbers],
            "tokens": numbers,
            "truncated": numbers % 4 == 0,
        }
    )


@pytest.mark.parametrize("cuts", [[], [1], [400], [0, 0, 3, 300, 301, 777, 1000]], ids=str)
@pytest.mark.parametrize("write", [sorted_tables.write_part, tables.write])
def test_it_is_the_file_of_the_whole_sorted_in_memory(tmp_path, monkeypatch, cuts, write):
    monkeypatch.setattr(tables, "ROW_GROUP", 30)
    monkeypatch.setattr(sorted_tables, "FEW", 7)
    whole = responses(1000)
    tables.write(whole.sort_values(KEY), tables.Responses, tmp_path / "whole.parquet")
    parts = []
    for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        parts.append(tmp_path / f"{len(parts)}.parquet")
        write(whole[start:stop], tables.Responses, parts[-1])
    sorted_tables.join(parts, tables.Responses, KEY, tmp_path / "joined.parquet")
    assert (tmp_path / "joined.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_of_no_rows_comes_an_empty_table(tmp_path):
    tables.write(tables.empty(tables.Responses), tables.Responses, tmp_path / "whole.parquet")
    for parts in ([], [tmp_path / "whole.parquet"]):
        sorted_tables.join(parts, tables.Responses, KEY, tmp_path / "joined.parquet")
        assert (tmp_path / "joined.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        *[
            ("step", ["1"] * 10),
            ("step", ["x"] * 10),
            ("step", [1.5] * 10),
            ("step", [-1] * 10),
            ("step", [datetime.date(2020, 1, 1)] * 10),
        ],
        *[("benchmark", [5] * 10), ("benchmark", [b"\xff"] * 10), ("id", [None] * 10)],
    ],
)
def test_a_part_with_keys_of_another_kind_is_named(tmp_path, column, cells):
    tables.write(responses(10), tables.Responses, tmp_path / "0.parquet")
    good = pq.read_table(tmp_path / "0.parquet")
    forged = good.set_column(good.schema.names.index(column), column, pyarrow.array(cells))
    says_it_is_good = {name: good.schema.metadata[name] for name in (b"table", b"version")}
    pq.write_table(forged.replace_schema_metadata(says_it_is_good), tmp_path / "1.parquet")
    with pytest.raises(
        UserError, match=r"1\.parquet: (contains values that are invalid in table Responses|has other columns) .*delete"
    ):
        sorted_tables.join(
            [tmp_path / "0.parquet", tmp_path / "1.parquet"], tables.Responses, KEY, tmp_path / "whole.parquet"
        )
    assert not (tmp_path / "whole.parquet").exists()
