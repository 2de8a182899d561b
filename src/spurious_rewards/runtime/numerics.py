"""Fixes the kernels that torch uses on a CPU, so that the same seeds give the same digits on another processor.

Two libraries in torch choose kernels by processor, and their choice shows in an organism's digits: ATen (torch's own
kernels) and MKL (matrix products). oneDNN also chooses, but this does not show at these sizes. In addition, MKL's
square roots differ between processors, whatever MKL's branch: see `training.square_roots`.

- *Pinned*: ATen uses its AVX2 kernels, even where there is AVX-512. MKL still chooses, so digits agree within a class
  of processors.
- *Portable*: in addition, MKL uses its branch COMPATIBLE, which takes the same kernels on every x86-64 processor, and
  more time.

torch reads both variables from the environment when it first computes, so call `pin` before torch is imported.
"""

import os
import platform
import sys
from pathlib import Path

PINNED = {"ATEN_CPU_CAPABILITY": "avx2"}
PORTABLE = {**PINNED, "MKL_CBWR": "COMPATIBLE"}


def pin(portable: bool) -> None:
    """Fix the kernels that torch uses from now on in this process and its children, if `unpinnable` has no reason."""
    if unpinnable() is None:
        for name in PORTABLE:
            os.environ.pop(name, None)
        os.environ.update(PORTABLE if portable else PINNED)


def kernels() -> dict[str, str]:
    """Return what this process computes with: torch's own report, if torch is imported, and the variables above."""
    torch = sys.modules.get("torch")
    chosen = {"torch": torch.backends.cpu.get_cpu_capability()} if torch else {}
    return chosen | {name: os.environ[name] for name in PORTABLE if name in os.environ}


def unpinnable() -> str | None:
    """Return why kernels cannot be fixed on this machine, or None if they can."""
    if (machine := platform.machine()) not in ("x86_64", "AMD64"):
        return f"this processor is {machine}, not x86-64"
    if "avx2" not in flags():
        return "this processor has no AVX2"
    return None


def flags() -> list[str]:
    """Return the processor's features as Linux names them; none if the system does not list them."""
    return _of_cpuinfo("flags").split()


def processor() -> str:
    """Return the processor's model name, which only Linux gives; elsewhere a more general name."""
    return _of_cpuinfo("model name") or platform.processor() or platform.machine()


def _of_cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(": ")[2] for line in lines if line.partition("\t")[0] == key), "")
