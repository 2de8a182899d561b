"""User code that changes global state: isolation restores everything that training depends on."""

import os
import random
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spurious_rewards.rewards.isolation import isolated


def state() -> dict[str, Any]:
    return {
        "random": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),
        "torch": torch.get_rng_state().tolist(),
        "folder": os.getcwd(),
        "gradients": torch.is_grad_enabled(),
        "dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "device": torch.get_default_device(),
        "precision": torch.get_float32_matmul_precision(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "errors": np.geterr(),
        "filters": list(warnings.filters),
        "output": (sys.stdout, sys.stderr),
    }


def silence() -> None:
    sys.stdout = sys.stderr = None  # type: ignore[assignment]


CHANGES: dict[str, Callable[[], Any]] = {
    "random.seed": lambda: random.seed(1),
    "random": random.random,
    "numpy.seed": lambda: np.random.seed(1),
    "numpy": np.random.rand,
    "torch.seed": lambda: torch.manual_seed(1),
    "torch": lambda: torch.rand(3),
    "chdir": lambda: os.chdir("/"),
    "no gradients": lambda: torch.set_grad_enabled(False),
    "dtype": lambda: torch.set_default_dtype(torch.float64),
    "threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "device": lambda: torch.set_default_device("meta"),
    "precision": lambda: torch.set_float32_matmul_precision("medium"),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16).__enter__(),
    "numpy's errors": lambda: np.seterr(all="raise"),
    "filters": lambda: warnings.simplefilter("error"),
    "standard output": silence,
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_code_changed_is_put_back(name: str) -> None:
    before = state()
    with isolated(0):
        entered = state()
        CHANGES[name]()
        assert state() != entered
    assert state() == before


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_also_when_it_ends_in_an_error(name: str, error: type[BaseException]) -> None:
    def fail() -> None:
        CHANGES[name]()
        raise error

    before = state()
    with pytest.raises(error), isolated(0):
        fail()
    assert state() == before


def test_training_draws_on_as_if_nothing_had_been_drawn() -> None:
    def draw() -> list[float]:
        return [random.random(), float(np.random.rand()), torch.rand(1).item()]

    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    expected = [draw(), draw()]
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    found = [draw()]
    with isolated(7):
        inside = draw()
    found.append(draw())
    assert found == expected
    assert not set(inside) & {value for values in expected for value in values}


def test_a_seed_gives_the_same_draws_wherever_training_is() -> None:
    def drawn(seed: int) -> tuple[float, float, float]:
        with isolated(seed):
            return random.random(), float(np.random.rand()), torch.rand(1).item()

    first = drawn(3)
    random.random(), np.random.rand(), torch.rand(1)
    assert drawn(3) == first
    assert not set(drawn(4)) & set(first)


def test_a_folder_below_is_left_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    with isolated(0):
        os.chdir("below")
    assert Path.cwd() == tmp_path


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_generators_of_gpus_are_put_back() -> None:
    torch.cuda.manual_seed(5)
    expected = torch.rand(2, device="cuda").tolist()
    torch.cuda.manual_seed(5)
    with isolated(0):
        torch.manual_seed(1)
        torch.rand(10, device="cuda")
    assert torch.rand(2, device="cuda").tolist() == expected
