import importlib.metadata
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from spurious_rewards.operations import smollm2 as package

os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")  # GiB
os.environ.setdefault("VLLM_CPU_CI_ENV", "1")  # vLLM's own switch for tests: it disables compilation


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The folder of a real model of 135 million parameters."""
    folder = Path(__file__).parents[2] / package.FOLDER
    package.make(folder)
    return folder


@pytest.fixture(scope="module")
def weights_can_be_replaced() -> Iterator[None]:
    """Keep vLLM from packing the weights of linear layers on a CPU, because packed weights cannot be replaced."""
    from vllm import _custom_ops
    from vllm.model_executor.layers import utils

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_custom_ops, "_supports_onednn", False)
        patch.setattr(utils, "check_cpu_sgl_kernel", lambda *sizes: False)
        yield


@pytest.fixture
def known_as_vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add metadata of a distribution `vllm`: `vllm serve` asks for its version, but the CPU build has another name."""
    version = f"{importlib.metadata.version('vllm-cpu')}+cpu"
    metadata = tmp_path / f"vllm-{version}.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
