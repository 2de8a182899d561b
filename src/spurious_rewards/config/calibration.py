"""What a rollout step took on a machine, in a file beside the suite: written by `calibrate`, read by `estimate` and `doctor`.

It holds for the card, the libraries and the settings of training that it was measured with, and for no others.
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
"""Behind the suite's name, before `.yaml`."""

LIBRARIES = ("torch", "transformers", "trl", "vllm")
"""With another version of one of these, seconds and memory are others."""

Amount = Annotated[float, Field(ge=0), AfterValidator(lambda amount: float(f"{amount:.4g}"))]
"""To four digits: a measurement has no more."""


class Conditions(Frozen):
    """What of a suite seconds and memory of a rollout step hang on: parts of its training and of its `resources`."""

    accelerate_config: Name | None
    """None in a suite without `resources`: one process."""
    gpu_memory_utilization: Fraction | None
    """vLLM's share in training; None where transformers draws."""
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
        """Those of a training and its entry of `resources`."""
        of_training = {name: getattr(training, name) for name in cls.model_fields if hasattr(training, name)}
        shared = asked_for if training.engine == "vllm" else None
        return cls(
            **of_training,
            accelerate_config=asked_for.accelerate_config if asked_for else None,
            gpu_memory_utilization=shared.training_gpu_memory_utilization if shared else None,
        )

    def differences(self, now: "Conditions") -> str:
        """Which of them are others now, in words; nothing if none is."""
        pairs = {name: (getattr(self, name), getattr(now, name)) for name in type(self).model_fields}
        return ", ".join(f"{name} {was}, now {is_}" for name, (was, is_) in pairs.items() if was != is_)


class Seconds(Frozen):
    """What the phases of a rollout step took, and a checkpoint after it."""

    generate: Amount
    weight_sync: Amount
    """0 where transformers draws, with the trainer's own weights."""
    grade: Amount
    log_probabilities: Amount
    """Of the policy that sampled, before several updates; 0 where there is one."""
    update: Amount
    checkpoint: Amount

    @property
    def step(self) -> float:
        """Of a rollout step, without a checkpoint."""
        return self.generate + self.weight_sync + self.grade + self.log_probabilities + self.update


class Memory(Frozen):
    """Peaks of a process in GB of 10^9 bytes: of its GPU's memory, or on a CPU of main memory."""

    drawing: Amount
    updating: Amount
    engine: Amount
    """Of `drawing`, what came on top while responses were drawn: of a GPU, what vLLM takes."""
    allocated: Amount
    """By torch, at most; 0 on a CPU, as the next."""
    reserved: Amount


class Proposal(Frozen):
    """Values of a suite that fit the card, by arithmetic from measured peaks."""

    micro_batch: Count
    gradient_checkpointing: bool
    training_gpu_memory_utilization: Fraction | None
    """None where transformers draws."""


class Measurement(Frozen):
    """One rollout step of models of one size."""

    models: dict[Name, str]
    """Name in the suite -> what it was: hub id, folder, or kind of source."""
    random_weights: bool
    """Such a model ends no response: all are at their longest."""
    processes: Count
    conditions: Conditions
    seconds: Seconds
    memory: Memory
    micro_batch_tokens: Count
    """Of the largest micro-batch, what is padding in it included."""
    response_tokens: Amount
    """Of a response, on average."""
    tokens_per_second: Annotated[Amount, Field(gt=0)]
    """Drawn by all processes."""
    proposal: Proposal | None
    """None on a CPU."""


class Calibration(Frozen):
    """What was measured for a suite on one machine."""

    card: str
    """As nvidia-smi calls it, or the processor."""
    gpu_memory_gb: Amount | None
    """Of the card; None on a CPU."""
    date: datetime.date
    libraries: dict[str, str]
    measured: tuple[Measurement, ...]

    @property
    def on(self) -> str:
        """Where and when, in words."""
        return f"{self.card}, {self.date}"


def path_of(suite: Path) -> Path:
    """The calibration of a suite's file."""
    return suite.with_suffix(f"{SUFFIX}.yaml")


def read(path: Path) -> Calibration:
    """Read what `text` wrote.

    Raises:
        UserError: not such a file; the message names key, value and what is allowed.
    """
    return validate(Calibration, read_yaml(path), path)


def text(calibration: Calibration) -> str:
    """A calibration as YAML."""
    head = "# Measured by `spurious-rewards calibrate`, which writes it anew. Memory in GB of 10^9 bytes, times in seconds.\n"
    return head + yaml.safe_dump(calibration.model_dump(mode="json"), sort_keys=False, width=120, allow_unicode=True)


def other_library(calibration: Calibration, installed: dict[str, str]) -> str:
    """Which library is installed in another version than it was measured with, in words; nothing if none is.

    One that is not installed here does not count: plans are made on machines that have no vLLM. Nor does the build: `+cpu`.
    """
    for name, was in calibration.libraries.items():
        if name in installed and was.partition("+")[0] != installed[name].partition("+")[0]:
            return f"{name} {was}, now {installed[name]}"
    return ""
