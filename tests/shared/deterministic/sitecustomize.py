"""Makes torch deterministic in training jobs: it repeats a result on a GPU, or raises an error if it cannot.

The folder is on the PYTHONPATH of a training job. The setting applies only in processes that a launcher has started:
before the launch no GPU is claimed, and importing torch would look for GPUs.
"""

import os

if "LOCAL_RANK" in os.environ:
    import torch

    torch.use_deterministic_algorithms(True)
