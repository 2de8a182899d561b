import os
from pathlib import Path

import pytest
import smollm2 as package

os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")  # GiB
os.environ.setdefault("VLLM_CPU_CI_ENV", "1")  # vLLM's own switch for tests: nothing is compiled


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The folder of a real model of 135 million parameters."""
    return package.smollm2()
