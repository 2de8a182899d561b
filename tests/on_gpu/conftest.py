"""Fixtures of tests that need a GPU: `make test-gpu`. ON_CPU=1 runs them small on a CPU; this tests no GPU."""

import importlib.metadata
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")  # transformers' Trainer uses every GPU that it sees

LIBRARIES = ("torch", "triton", "transformers", "accelerate", "trl", "datasets")


@pytest.fixture(scope="session", autouse=True)
def device() -> torch.device:
    """Return the GPU, or the CPU if ON_CPU=1. Without a GPU and ON_CPU=1, skip every test."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if os.environ.get("ON_CPU") == "1":
        torch.set_num_threads(1)
        return torch.device("cpu")
    pytest.skip("skipped: no CUDA device")


@pytest.fixture(scope="session")
def machine(device: torch.device) -> dict[str, str]:
    """Return what produced the figures: the card, or the word `cpu`, and the versions of libraries."""
    installed = {one.metadata["Name"]: one.version for one in importlib.metadata.distributions()}
    card = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    return {"card": card} | {name: installed[name] for name in LIBRARIES if name in installed}


@pytest.fixture
def figures(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], machine: dict[str, str]
) -> Callable[..., None]:
    """Return a function that prints a test's figures as one JSON line.

    If OUT is set, the function also appends the line to $OUT/figures.jsonl.
    """

    def say(**values: Any) -> None:
        line = json.dumps({"test": request.node.name, **values, **machine})
        with capsys.disabled():
            print(f"\n{line}")
        if folder := os.environ.get("OUT"):
            with (Path(folder) / "figures.jsonl").open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    return say
