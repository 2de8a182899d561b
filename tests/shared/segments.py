"""Readers of a training job's output, for comparing two jobs."""

import os
from pathlib import Path

import pandas as pd

from spurious_rewards.artifacts import tables


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def metrics(segment: Path) -> pd.DataFrame:
    """Return the metrics without the columns of times."""
    found = tables.read(segment / "metrics.parquet", tables.Metrics)
    return found.drop(columns=list(tables.TIMING_COLUMNS))


def rollouts(segment: Path) -> pd.DataFrame:
    return tables.read(segment / "rollouts.parquet", tables.Rollouts)


def differing(one: Path, other: Path) -> list[str]:
    """Return the files that only one of two folders has, or whose bytes differ."""
    here, there = files(one), files(other)
    return sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))


def assert_same_content(one: Path, other: Path) -> None:
    """Assert that two files that torch pickled have the same content.

    Bytes may differ: FSDP's files of a resumed job have lists in place of tuples.
    """
    import torch
    from torch.utils._pytree import keystr, tree_flatten_with_path

    leaves, others = (
        {keystr(path): leaf for path, leaf in tree_flatten_with_path(torch.load(file, "cpu", weights_only=True))[0]}
        for file in (one, other)
    )
    assert leaves.keys() == others.keys()
    for name, leaf in leaves.items():
        same = torch.equal(leaf, others[name]) if isinstance(leaf, torch.Tensor) else leaf == others[name]
        assert same, name


def assert_same(one: Path, other: Path) -> None:
    """Assert that all checkpoints are the same in every byte, and the tables in everything but times."""
    assert files(one / "checkpoints") == files(other / "checkpoints")
    pd.testing.assert_frame_equal(metrics(one), metrics(other), check_exact=True)
    pd.testing.assert_frame_equal(rollouts(one), rollouts(other), check_exact=True)


def to_the_bit() -> dict[str, str]:
    """Return the environment of a training job that repeats its results bit by bit, on a GPU too."""
    settings = str(Path(__file__).with_name("deterministic"))
    path = os.pathsep.join(filter(None, (settings, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "CUBLAS_WORKSPACE_CONFIG": ":4096:8", "PYTHONPATH": path}
