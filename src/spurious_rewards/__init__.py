"""Reproduce "Spurious Rewards: Rethinking Training Signals in RLVR" (arXiv 2506.10947), data to tables."""

import os

__version__ = "0.2.0"

QUIET = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "WANDB_ERROR_REPORTING": "false",
}
"""What libraries read before they report to their makers: TRL with each trainer, vLLM with each engine, wandb even offline."""

# Here, for nothing of the library is imported before, and libraries read them when they are imported. Whoever sets one keeps it.
for _name, _value in QUIET.items():
    os.environ.setdefault(_name, _value)
