"""An invented calibration of the suite of `tests/operations/test_calibrate.py`, on a GPU that no test has."""

import datetime
from typing import Any

from spurious_rewards.config.calibration import Calibration, Conditions, Measurement, Memory, Seconds
from spurious_rewards.config.resources import Resources
from spurious_rewards.config.training import Training

CARD = "NVIDIA H100 80GB HBM3"
TRAINING = Training(engine="vllm", max_model_len=4096, rollout_prompts=32, micro_batch=8)
ON_ONE = Resources(max_parameters=9e9, accelerate_config="one_gpu")


def measurement(**changes: Any) -> Measurement:
    """Return the measurement of a training step of a model `m` with 1.5 billion weights."""
    said: dict[str, Any] = {
        "models": {"m": "m"},
        "random_weights": False,
        "processes": 1,
        "conditions": Conditions.of(TRAINING, ON_ONE),
        "seconds": Seconds(generate=40, weight_sync=1, grade=2, log_probabilities=7, update=50, checkpoint=10),
        "memory": Memory(drawing=70, updating=45, engine=50, allocated=45, reserved=60),
        "micro_batch_tokens": 8 * 4096,
        "response_tokens": 1000,
        "tokens_per_second": 12_800,
        "proposal": None,
    }
    return Measurement(**{**said, **changes})


def invented(**changes: Any) -> Calibration:
    """Return a calibration with one measurement."""
    said: dict[str, Any] = {
        "card": CARD,
        "gpu_memory_gb": 85.5,
        "date": datetime.date(2026, 11, 29),
        "libraries": {"torch": "2.13.0", "transformers": "5.17.0", "trl": "1.16.0", "vllm": "0.31.0"},
        "measured": (measurement(),),
    }
    return Calibration(**{**said, **changes})
