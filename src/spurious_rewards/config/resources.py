"""What jobs on a GPU ask for, and what they get."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from spurious_rewards.config.base import Count, CountOrZero, Fraction, Frozen, Name


class Hardware(Frozen):
    """What a job runs on. It changes at most the last digits of a result, so it is not part of a job's request."""

    gpus: int = 0
    accelerate_config: Path | None = None
    """A file of envs/accelerate/ that spreads training over processes; None: one process."""
    gpu_memory_utilization: float = 0.9
    """Share of each GPU's memory that vLLM uses."""
    tensor_parallel_size: int = 1
    """How many of `gpus` one engine spreads a model over."""
    machines: int = 1
    server_gpus: int = 0
    """How many of `gpus` vLLM serves rollouts on."""
    exclusive_node: bool = False
    """Whether no other user can start a process on the machine; SLURM may also say so."""
    cores: int = 1
    """Processor cores for graders."""
    num_parameters: float = 0
    """Number of the model's weights, to compute memory."""
    sequence_gb: float = 0
    """GB that vLLM keeps for one sequence of maximum length, by the model's configuration; 0 if that is unknown."""

    @property
    def engines(self) -> int:
        """How many engines generate side by side in jobs of votes and benchmarks."""
        return max(1, self.gpus // self.tensor_parallel_size)


class Resources(Frozen):
    """What GPU jobs request, for models with up to `max_parameters` weights. Changing an entry re-runs nothing."""

    max_parameters: Annotated[float, Field(gt=0)] = Field(
        description="The entry is for models with up to this many weights."
    )
    accelerate_config: Name = Field(
        description="How training is spread over GPUs: the name of a file in envs/accelerate/."
    )
    training_gpu_memory_utilization: Fraction = Field(
        0.6, description="Share of each GPU's memory that vLLM has while it draws rollouts. It sleeps during updates."
    )
    server_gpus: CountOrZero = Field(
        0, description="GPUs for vLLM beside those of accelerate_config, where training has vllm_mode server."
    )
    exclusive_node: bool = Field(
        False,
        description=(
            "Set to true if no other user can start a process on the node. vllm_mode server needs this, unless SLURM "
            "gives the job the whole node."
        ),
    )
    sampling_gpus: Count = Field(
        1,
        description=(
            "GPUs for votes and benchmarks. They are shared out among engines with sampling_tensor_parallel_size GPUs each."
        ),
    )
    sampling_tensor_parallel_size: Count = Field(
        1,
        description=(
            "GPUs over which one engine spreads a model that is too large for one. A divisor of sampling_gpus."
        ),
    )
    sampling_gpu_memory_utilization: Fraction = Field(
        0.9, description="Share of each GPU's memory that vLLM has for votes and benchmarks."
    )
    memory_gb: Count = Field(64, description="Main memory of a job in GB. It is doubled when the job is tried again.")
    cores: Count = Field(8, description="Processor cores of a job.")

    @model_validator(mode="after")
    def _engines_share_the_gpus(self) -> "Resources":
        if self.sampling_gpus % self.sampling_tensor_parallel_size:
            raise ValueError(
                f"sampling_gpus = {self.sampling_gpus}: engines of sampling_tensor_parallel_size = "
                f"{self.sampling_tensor_parallel_size} GPUs do not share them out; allowed: its multiples"
            )
        return self
