"""On the PYTHONPATH of a training job: torch gives the same twice on a GPU, or an error where it cannot.

Only in processes that a launcher has started: before that no GPU is claimed, and importing torch would look for GPUs.
"""

import os

if "LOCAL_RANK" in os.environ:
    import torch

    torch.use_deterministic_algorithms(True)
