"""Starts a training job on several processes, as a file of accelerate's own configuration says.

    … stage train … ──(srun, one task a machine, if there are several)──→ accelerate launch ──→ N times the same command

The launcher replaces the process that calls it (exec), so signals, the exit code and the claimed GPUs stay with the
job. This module imports nothing heavy at the top, because the command line uses it before it knows whether this process
will train or only start others.
"""

import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from spurious_rewards.config import accelerate
from spurious_rewards.config.accelerate import AccelerateConfig
from spurious_rewards.config.resources import Hardware
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.ports import free_port

if TYPE_CHECKING:
    from accelerate import PartialState

T = TypeVar("T")

PATIENCE = 600
"""Seconds from SIGTERM until the launcher kills the processes: two of the paper's rollout steps."""

TIMEOUT = timedelta(days=7)
"""How long processes wait for each other while one loads, writes a checkpoint, or waits for the job with the lock."""


def launched() -> bool:
    """Whether this is one of a job's processes, rather than the one that starts them."""
    return "LOCAL_RANK" in os.environ


def launch(hardware: Hardware) -> None:
    """Replace this process by the launcher of its config.

    Returns if there is no config, or if this process has been launched already.

    Raises:
        UserError: see `accelerate.read` and `command`.
    """
    if launched() or (config := accelerate.of(hardware)) is None:
        return
    # By default a launcher kills after 30 seconds, too early for processes that save at the end of a rollout step.
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", str(PATIENCE))
    words = command(config, ["-m", "spurious_rewards.cli", *sys.argv[1:]], os.environ)
    os.execvp(words[0], words)


def command(config: AccelerateConfig, program: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Return the command that runs `python PROGRAM` once for each process of a config.

    On one machine it takes a free port. On several machines the port depends on the SLURM job. On a CPU it uses torch's
    launcher, because `accelerate launch` would start a single process and not say so.

    Raises:
        UserError: several machines outside SLURM, or in an allocation with another number of machines.
    """
    if config.cpu:
        launcher = [
            *("torch.distributed.run", "--nnodes", "1", "--nproc_per_node", str(config.processes)),
            # --standalone listens on all addresses, and unpickles what anybody writes into its store.
            *("--rdzv_backend", "static", "--master_addr", "127.0.0.1", "--master_port", str(free_port())),
        ]
    else:
        launcher = ["accelerate.commands.launch", "--config_file", str(config.path)]
        if config.machines == 1:
            launcher += ["--main_process_port", "0"]
        elif _step_of(environment) == config.machines:
            launcher += _rendezvous(environment)
        else:
            return [*_one_task_a_machine(config, environment), sys.executable, *program]
    return [sys.executable, "-m", "spurious_rewards.training.launching", *launcher, *program]


def _step_of(environment: Mapping[str, str]) -> int:
    """Return how many machines the SLURM step of this process has."""
    return int(environment.get("SLURM_STEP_NUM_NODES", 1))


def _one_task_a_machine(config: AccelerateConfig, environment: Mapping[str, str]) -> list[str]:
    if (given := int(environment.get("SLURM_JOB_NUM_NODES", 0))) != config.machines:
        found = f"a SLURM job of {given}" if given else "a process outside SLURM"
        raise UserError(
            f"{config.path}: wants {config.machines} machines, and this is {found}; ask for `nodes: {config.machines}` in "
            "the profile, or choose an accelerate_config of one machine under `resources` of the suite"
        )
    # The SLURM step of this process holds the resources; --overlap lets the new step share them.
    return [
        "srun",
        "--overlap",
        f"--nodes={config.machines}",
        f"--ntasks={config.machines}",
        "--ntasks-per-node=1",
        "--cpu-bind=none",
        "--kill-on-bad-exit=1",
    ]


def _rendezvous(environment: Mapping[str, str]) -> list[str]:
    hosts = subprocess.run(
        ["scontrol", "show", "hostnames", environment["SLURM_JOB_NODELIST"]],
        check=True,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    ).stdout.split()
    port = 20000 + int(environment["SLURM_JOB_ID"]) % 10000
    return [
        *("--machine_rank", environment["SLURM_NODEID"]),
        *("--main_process_ip", hosts[0]),
        *("--main_process_port", str(port)),
    ]


def join(hardware: Hardware) -> "PartialState":
    """Join the other processes of the job. All of them must call this; it may be called again.

    Raises:
        RuntimeError: the number of processes is not that of the config.
    """
    import torch
    from accelerate import PartialState

    config = accelerate.of(hardware)
    cpu = not torch.cuda.is_available() or (config is not None and config.cpu)
    if cpu:  # accelerate would say "cpu:0", and torch loads no optimiser state to that
        os.environ["ACCELERATE_TORCH_DEVICE"] = "cpu"
    state = PartialState(cpu=cpu, timeout=TIMEOUT)
    expected = config.processes if config else 1
    if state.num_processes != expected:
        raise RuntimeError(
            f"{state.num_processes} processes are at work and {hardware.accelerate_config or 'a job without a file for them'} "
            f"has {expected}; the launcher did not do what it was told"
        )
    return state


def by_main_process(work: Callable[[], T]) -> T:
    """Run `work` on the main process, and return its result or raise its error on all processes.

    So no process waits for one that failed. All processes must call this; it begins when all of them have called it.
    """
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    state = PartialState()
    state.wait_for_everyone()
    outcome: list[Any] = [None, None]
    if state.is_main_process:
        try:
            outcome[0] = work()
        except Exception as error:
            outcome[1] = error
    broadcast_object_list(outcome)
    result: T
    result, failure = outcome
    if failure is not None:
        raise failure
    return result


def main() -> None:
    """Run the launcher that the arguments name; exit with the code of the process that failed, or of the signal.

    The process that failed has already said what went wrong. The launcher's own long message is left out.
    """
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    module = sys.argv.pop(1)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SignalException as error:
        sys.exit(128 + error.sigval)
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        # The exit code is negative after a signal, for example after a kill for lack of memory.
        sys.exit(failure.exitcode if failure.exitcode > 0 else 128 - failure.exitcode)


if __name__ == "__main__":
    main()
