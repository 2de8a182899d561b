"""What a training job leaves, for comparing two of them."""

import os
from pathlib import Path

import pandas as pd

from spurious_rewards.artifacts import tables


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def metrics(segment: Path) -> pd.DataFrame:
    """Without the columns that tell times."""
    found = tables.read(segment / "metrics.parquet", tables.Metrics)
    return found.drop(columns=list(tables.TIMING_COLUMNS))


def rollouts(segment: Path) -> pd.DataFrame:
    return tables.read(segment / "rollouts.parquet", tables.Rollouts)


def differing(one: Path, other: Path) -> list[str]:
    """Files of two folders that only one of them has, or whose bytes differ."""
    here, there = files(one), files(other)
    return sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))


def assert_same_content(one: Path, other: Path) -> None:
    """Of two pickles of torch: in FSDP's of a job that went on, lists stand for tuples."""
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
    """Every byte of every checkpoint, and all but the clock in the tables."""
    assert files(one / "checkpoints") == files(other / "checkpoints")
    pd.testing.assert_frame_equal(metrics(one), metrics(other), check_exact=True)
    pd.testing.assert_frame_equal(rollouts(one), rollouts(other), check_exact=True)


def to_the_bit() -> dict[str, str]:
    """The environment of a training job that is to give the same twice on a GPU too."""
    settings = str(Path(__file__).with_name("deterministic"))
    path = os.pathsep.join(filter(None, (settings, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "CUBLAS_WORKSPACE_CONFIG": ":4096:8", "PYTHONPATH": path}
