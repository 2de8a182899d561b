"""Time and memory that a rollout step took on a machine, in a file beside the suite.

`calibrate` writes the file; `estimate` and `doctor` read it. It holds only for the GPU, the libraries and the training
settings of the measurement.
"""

import datetime
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, Field

from spurious_rewards.config.base import Count, Fraction, Frozen, Name
from spurious_rewards.config.messages import validate
from spurious_rewards.config.resources import Resources
from spurious_rewards.config.training import Training
from spurious_rewards.config.yaml_files import read_yaml

SUFFIX = ".calibration"
"""Ending of the file's name, between the suite's name and `.yaml`."""

LIBRARIES = ("torch", "transformers", "trl", "vllm")
"""Libraries whose version matters: with another version of one, seconds and memory are different."""

Amount = Annotated[float, Field(ge=0), AfterValidator(lambda amount: float(f"{amount:.4g}"))]
"""A measured quantity, rounded to four digits: a measurement has no more."""


class Conditions(Frozen):
    """The parts of a suite that time and memory of a rollout step depend on: training settings and `resources`."""

    accelerate_config: Name | None
    """None in a suite without `resources`: training runs in one process."""
    gpu_memory_utilization: Fraction | None
    """Share of each GPU's memory that vLLM has in training; None if transformers generates."""
    engine: Literal["transformers", "vllm"]
    rollout_prompts: Count
    rollouts_per_prompt: Count
    updates_per_rollout: Count
    num_iterations: Count
    micro_batch: Count
    gradient_checkpointing: bool
    max_prompt_tokens: Count
    max_new_tokens: Count
    max_model_len: Count | None
    temperature: float
    dtype: Literal["bfloat16", "float32"]
    optimizer: Literal["adamw", "sgd"]
    loss: Literal["paper", "released_code"]

    @classmethod
    def of(cls, training: Training, asked_for: Resources | None) -> "Conditions":
        """Return the conditions of a training and its entry of `resources`."""
        of_training = {name: getattr(training, name) for name in cls.model_fields if hasattr(training, name)}
        shared = asked_for if training.engine == "vllm" else None
        return cls(
            **of_training,
            accelerate_config=asked_for.accelerate_config if asked_for else None,
            gpu_memory_utilization=shared.training_gpu_memory_utilization if shared else None,
        )

    def differences(self, now: "Conditions") -> str:
        """Return in words which conditions are others in `now`; "" if none is."""
        pairs = {name: (getattr(self, name), getattr(now, name)) for name in type(self).model_fields}
        return ", ".join(f"{name} {was}, now {is_}" for name, (was, is_) in pairs.items() if was != is_)


class Seconds(Frozen):
    """Seconds that the phases of a rollout step took, and a checkpoint after it."""

    generate: Amount
    weight_sync: Amount
    """0 if transformers generates, because it uses the trainer's own weights."""
    grade: Amount
    log_probabilities: Amount
    """Log-probabilities of the policy that sampled, before several updates; 0 if there is only one update."""
    update: Amount
    checkpoint: Amount

    @property
    def step(self) -> float:
        """Seconds of a rollout step without a checkpoint."""
        return self.generate + self.weight_sync + self.grade + self.log_probabilities + self.update


class Memory(Frozen):
    """Peak memory of a process in GB of 10^9 bytes: memory of its GPU, or main memory on a CPU."""

    drawing: Amount
    updating: Amount
    engine: Amount
    """The part of `drawing` that came on top while responses were generated: on a GPU, vLLM's memory."""
    allocated: Amount
    """Peak of what torch allocated; 0 on a CPU, like `reserved`."""
    reserved: Amount


class Proposal(Frozen):
    """Values of a suite that fit the GPU, computed from measured peaks."""

    micro_batch: Count
    gradient_checkpointing: bool
    training_gpu_memory_utilization: Fraction | None
    """None if transformers generates."""


class Measurement(Frozen):
    """One measured rollout step, for models of one size."""

    models: dict[Name, str]
    """Name in the suite -> what was measured: hub id, folder, or kind of source."""
    random_weights: bool
    """Whether the weights were random. Such a model ends no response, so all have the maximum length."""
    processes: Count
    conditions: Conditions
    seconds: Seconds
    memory: Memory
    micro_batch_tokens: Count
    """Tokens in the largest micro-batch, padding included."""
    response_tokens: Amount
    """Mean tokens of a response."""
    tokens_per_second: Annotated[Amount, Field(gt=0)]
    """Tokens per second that all processes generate together."""
    proposal: Proposal | None
    """None on a CPU."""


class Calibration(Frozen):
    """What was measured for a suite on one machine."""

    card: str
    """Name of the GPU as nvidia-smi shows it, or of the processor."""
    gpu_memory_gb: Amount | None
    """Memory of the GPU; None on a CPU."""
    date: datetime.date
    libraries: dict[str, str]
    measured: tuple[Measurement, ...]

    @property
    def on(self) -> str:
        """Where and when the measurement took place, in words."""
        return f"{self.card}, {self.date}"


def path_of(suite: Path) -> Path:
    """Return the path of the calibration of a suite's file."""
    return suite.with_suffix(f"{SUFFIX}.yaml")


def read(path: Path) -> Calibration:
    """Read a calibration that `text` wrote.

    Raises:
        UserError: the file is no calibration; the message names key, value and what is allowed.
    """
    return validate(Calibration, read_yaml(path), path)


def text(calibration: Calibration) -> str:
    """Return a calibration as YAML."""
    head = "# Measured by `spurious-rewards calibrate`, which writes it anew. Memory in GB of 10^9 bytes, times in seconds.\n"
    return head + yaml.safe_dump(calibration.model_dump(mode="json"), sort_keys=False, width=120, allow_unicode=True)


def other_library(calibration: Calibration, installed: dict[str, str]) -> str:
    """Return in words which library has another version now than in the measurement; "" if none has.

    A library that is not installed here does not count, because plans are made on machines without vLLM. A different
    build (`+cpu`) does not count either.
    """
    for name, was in calibration.libraries.items():
        if name in installed and was.partition("+")[0] != installed[name].partition("+")[0]:
            return f"{name} {was}, now {installed[name]}"
    return ""
