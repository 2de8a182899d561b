"""Square roots that are the nearest number, on every processor.

On a CPU torch computes `sqrt` with MKL's vector mathematics. That begins with the processor's own approximation of 1 /
sqrt(x), which differs between makers. Its result is often not the nearest number: of 200,000 float32 numbers, one in
six was not (AMD EPYC).
"""

from typing import Any

import torch
from trl.trainer import grpo_trainer, utils


def nanstd(tensor: torch.Tensor, *arguments: Any, **keywords: Any) -> torch.Tensor:
    """Return `trl.trainer.utils.nanstd`, computed in float64 and rounded to the nearest number of the tensor's type."""
    deviation: torch.Tensor = utils.nanstd(tensor.double(), *arguments, **keywords)
    return deviation.to(tensor.dtype)


def make_exact() -> None:
    """Make TRL normalise advantages with the `nanstd` above."""
    grpo_trainer.nanstd = nanstd
