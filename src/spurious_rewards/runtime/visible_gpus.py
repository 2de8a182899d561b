"""The GPUs that a process may see, as CUDA_VISIBLE_DEVICES names them."""

import os
from collections.abc import Mapping

VARIABLE = "CUDA_VISIBLE_DEVICES"


def named(environment: Mapping[str, str] | None = None) -> list[str] | None:
    """Those that the variable names, in its order; None where it is not set and hides none. Set to nothing, it hides all.

    `environment` is that of this process by default.
    """
    said = (os.environ if environment is None else environment).get(VARIABLE)
    return None if said is None else [gpu.strip() for gpu in said.split(",") if gpu.strip()]
