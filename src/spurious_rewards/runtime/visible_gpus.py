"""The GPUs that a process may see, as CUDA_VISIBLE_DEVICES names them."""

import os
from collections.abc import Mapping

VARIABLE = "CUDA_VISIBLE_DEVICES"


def named(environment: Mapping[str, str] | None = None) -> list[str] | None:
    """Return the GPUs that the variable names, in its order; None if it is not set, [] if it is empty and hides all.

    `environment` is by default that of this process.
    """
    said = (os.environ if environment is None else environment).get(VARIABLE)
    return None if said is None else [gpu.strip() for gpu in said.split(",") if gpu.strip()]
