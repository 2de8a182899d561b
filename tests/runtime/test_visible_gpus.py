"""CUDA_VISIBLE_DEVICES is read in the same way everywhere."""

import pytest

from spurious_rewards.runtime.visible_gpus import VARIABLE, named


@pytest.mark.parametrize(
    ("said", "gpus"),
    [("4, 7", ["4", "7"]), ("MIG-GPU-aa/1/0,GPU-bb", ["MIG-GPU-aa/1/0", "GPU-bb"]), ("3,", ["3"]), ("", []), (" ", [])],
)
def test_it_names_gpus_in_its_order_and_empty_it_hides_all(said: str, gpus: list[str]) -> None:
    assert named({VARIABLE: said}) == gpus


def test_it_hides_none_where_it_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert named() is None
    monkeypatch.setenv(VARIABLE, "1")
    assert named() == ["1"]
    assert named({}) is None
