"""Which kernels torch takes on a CPU, so that the same seeds give the same digits on another processor.

Two libraries in torch choose kernels by processor, and their choice shows in an organism's digits: ATen (its own kernels) and
MKL (matrix products). oneDNN's choice does not show at these sizes. MKL's square roots differ besides, whatever its branch:
see `training.square_roots`.

- *Pinned*: ATen's kernels for AVX2, also where there is AVX-512. MKL still chooses, so digits agree within a class of processors.
- *Portable*: MKL's branch COMPATIBLE besides, which takes the same kernels on every x86-64 processor, and more time.

Both are read from the environment when torch first computes: `pin` comes before torch is imported.
"""

import os
import platform
import sys
from pathlib import Path

PINNED = {"ATEN_CPU_CAPABILITY": "avx2"}
PORTABLE = {**PINNED, "MKL_CBWR": "COMPATIBLE"}


def pin(portable: bool) -> None:
    """Fix the kernels that torch takes from now on in this process and its children, where `unpinnable` names no reason."""
    if unpinnable() is None:
        for name in PORTABLE:
            os.environ.pop(name, None)
        os.environ.update(PORTABLE if portable else PINNED)


def kernels() -> dict[str, str]:
    """What this process computes with: torch's own word, if it is imported, and the variables above."""
    torch = sys.modules.get("torch")
    chosen = {"torch": torch.backends.cpu.get_cpu_capability()} if torch else {}
    return chosen | {name: os.environ[name] for name in PORTABLE if name in os.environ}


def unpinnable() -> str | None:
    """Why kernels cannot be fixed on this machine, or None."""
    if (machine := platform.machine()) not in ("x86_64", "AMD64"):
        return f"its processor is {machine}, not x86-64"
    if "avx2" not in flags():
        return "its processor has no AVX2"
    return None


def flags() -> list[str]:
    """What the processor can do, in Linux's words; none where the system does not tell."""
    return _of_cpuinfo("flags").split()


def processor() -> str:
    """The processor's own name, which Linux alone tells."""
    return _of_cpuinfo("model name") or platform.processor() or platform.machine()


def _of_cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(": ")[2] for line in lines if line.partition("\t")[0] == key), "")
