"""Square roots that are the nearest number, on every processor.

On a CPU torch leaves `sqrt` to MKL's vector mathematics. That begins with the processor's own approximation of 1 / sqrt(x), which
differs between makers, and its result is often not the nearest number: of 200,000 in float32, one in six was not (AMD EPYC).
"""

from typing import Any

import torch
from trl.trainer import grpo_trainer, utils


def nanstd(tensor: torch.Tensor, *arguments: Any, **keywords: Any) -> torch.Tensor:
    """`trl.trainer.utils.nanstd`, worked out in float64: rounded to the tensor's own type, the nearest number."""
    deviation: torch.Tensor = utils.nanstd(tensor.double(), *arguments, **keywords)
    return deviation.to(tensor.dtype)


def make_exact() -> None:
    """Have TRL normalise advantages by the `nanstd` above."""
    grpo_trainer.nanstd = nanstd
