"""How training is spread over processes, read from a configuration file of accelerate."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from spurious_rewards.config.base import Count
from spurious_rewards.config.messages import validate
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.yaml_files import read_yaml
from spurious_rewards.runtime.errors import UserError

SHARDED = ("FSDP", "DEEPSPEED")
"""Values of `distributed_type` for which each process holds a part of the model."""

WHOLE = ("NO", "MULTI_CPU", "MULTI_GPU")
"""Values of `distributed_type` for which each process holds all of the model."""


@dataclass(frozen=True)
class AccelerateConfig:
    """How a training job is spread. `sharding` is FSDP or DEEPSPEED, or None if each process holds all of the model."""

    name: str
    path: Path
    processes: int
    machines: int
    cpu: bool
    sharding: str | None


class _Keys(BaseModel):
    """The keys of the file that say how training is spread. accelerate has many others."""

    num_processes: Count
    num_machines: Count = 1
    distributed_type: str
    use_cpu: bool = False


def read(path: Path) -> AccelerateConfig:
    """Read a configuration file of accelerate.

    Raises:
        UserError: there is no such file, or it does not say how many processes there are, or has a wrong value.
    """
    if not path.is_file():
        raise UserError(
            f"{path}: no such accelerate_config; those at hand are the files beside it, named by `resources` of a suite"
        )
    try:
        said = validate(_Keys, read_yaml(path), path)
    except UserError as error:
        raise UserError(
            f"{error}; not an accelerate_config: it needs num_processes and distributed_type, as `accelerate config` "
            "writes them"
        ) from None
    if said.num_processes % said.num_machines:
        raise UserError(
            f"{path}: num_processes {said.num_processes} cannot be shared out among num_machines {said.num_machines}; "
            "allowed: its multiples"
        )
    kind = said.distributed_type
    if kind not in (*SHARDED, *WHOLE):
        raise UserError(f"{path}: distributed_type {kind}: not known here; allowed: {', '.join((*SHARDED, *WHOLE))}")
    sharding = kind if kind in SHARDED else None
    return AccelerateConfig(path.stem, path, said.num_processes, said.num_machines, said.use_cpu, sharding)


def of(hardware: Hardware) -> AccelerateConfig | None:
    """Return how a job was told to spread training; None if it runs in one process.

    Raises:
        UserError: see `read`.
    """
    return read(hardware.accelerate_config) if hardware.accelerate_config else None
