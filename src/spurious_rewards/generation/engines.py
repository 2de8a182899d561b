"""Create the engine that a suite asks for."""

from pathlib import Path

import torch
import transformers

from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Sampling
from spurious_rewards.generation.engine import Engine
from spurious_rewards.generation.transformers_engine import TransformersEngine


def engine(folder: Path, sampling: Sampling, hardware: Hardware) -> Engine:
    """Return the engine that a suite asks for, for the model in `folder`, which is loaded when first needed.

    Raises:
        UserError: the folder is not a complete model folder (see `models.loading.check`), or vLLM is not installed.
    """
    if sampling.engine == "transformers":
        return TransformersEngine(folder, sampling.dtype, max(1, hardware.cores // hardware.engines))
    from spurious_rewards.generation.vllm_engine import VllmEngine

    return VllmEngine(folder, sampling, hardware)


def versions(sampling: Sampling) -> list[str]:
    """Return the packages that sample the responses, with their versions.

    Raises:
        UserError: the suite asks for vLLM, but vLLM is not installed.
    """
    found = [f"torch=={torch.__version__}", f"transformers=={transformers.__version__}"]
    if sampling.engine == "transformers":
        return found
    from spurious_rewards.generation.vllm_engine import version

    return [*found, version()]
