"""How training is spread over processes: a configuration file of accelerate."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from spurious_rewards.runtime.errors import UserError


@dataclass(frozen=True)
class AccelerateConfig:
    """How a training job is spread; `sharding` is accelerate's FSDP or DEEPSPEED, or nothing where each process has all."""

    name: str
    path: Path
    processes: int
    machines: int
    cpu: bool
    sharding: str | None


def read(path: Path) -> AccelerateConfig:
    """Read an accelerate_config.

    Raises:
        UserError: no such file, or one that does not say how many processes there are.
    """
    if not path.is_file():
        raise UserError(
            f"{path}: no such accelerate_config; those at hand are the files beside it, named by `resources` of a suite"
        )
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        processes, machines, kind = said["num_processes"], said.get("num_machines", 1), said["distributed_type"]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: not an accelerate_config ({error}); it needs num_processes and "
            "distributed_type, as `accelerate config` writes them"
        ) from error
    if processes < 1 or machines < 1 or processes % machines:
        raise UserError(
            f"{path}: num_processes {processes} cannot be shared out among num_machines {machines}; allowed: its multiples"
        )
    sharding = kind if kind in ("FSDP", "DEEPSPEED") else None
    return AccelerateConfig(path.stem, path, processes, machines, said.get("use_cpu", False), sharding)
