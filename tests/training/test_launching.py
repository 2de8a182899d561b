"""GPU layouts, and the commands that launch a training job on them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from spurious_rewards.config.accelerate import AccelerateConfig, read
from spurious_rewards.config.training import Training
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.training.launching import command
from spurious_rewards.training.mapping import grpo_arguments

ROOT = Path(__file__).parents[2]
LAYOUTS = sorted((ROOT / "envs" / "accelerate").glob("*.yaml"))
ONE_MACHINE = [path for path in LAYOUTS if read(path).machines == 1]


def accelerate_config(folder: Path, **settings: Any) -> AccelerateConfig:
    path = folder / "accelerate_config.yaml"
    path.write_text(yaml.safe_dump({"distributed_type": "MULTI_GPU", "num_processes": 2, **settings}))
    return read(path)


def named(paths: list[Path]) -> Any:
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


# ---------------------------------------------------------------- the accelerate configurations of the project


@named(LAYOUTS)
def test_the_papers_rollout_batch_divides_among_the_processes_of_an_accelerate_config(path: Path) -> None:
    processes, training = read(path).processes, Training()
    arguments = grpo_arguments(training, stop=1, seed=0, output=Path("out"), processes=processes, gpu=True)
    assert arguments["steps_per_generation"] / arguments["gradient_accumulation_steps"] == training.updates_per_rollout
    assert arguments["steps_per_generation"] * arguments["per_device_train_batch_size"] * processes == 1024


@named(LAYOUTS)
def test_accelerate_knows_every_key_of_an_accelerate_config(path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    config = load_config_from_file(str(path))  # rejects unknown top-level keys
    known = vars(launch_command_parser().parse_args(["program"]))
    assert set(config.deepspeed_config) | set(config.fsdp_config) <= set(known)
    assert config.mixed_precision == "no"  # any other value would override the suite's dtype


@named(ONE_MACHINE)
def test_the_plugins_that_accelerate_makes_of_a_configuration_leave_whole_weights(path: Path) -> None:
    environment = environment_of(path)
    if read(path).sharding == "FSDP":
        from accelerate.utils import FullyShardedDataParallelPlugin

        with patched(environment):
            plugin = FullyShardedDataParallelPlugin()
        assert plugin.fsdp_version == 2
        assert plugin.state_dict_type.name == "FULL_STATE_DICT"
        assert plugin.reshard_after_forward is True
        assert plugin.state_dict_config.offload_to_cpu  # a 7B model in float32 does not fit beside its training
    elif read(path).sharding == "DEEPSPEED":
        from accelerate.utils import DeepSpeedPlugin

        with patched(environment):
            plugin = DeepSpeedPlugin()
        zero = plugin.deepspeed_config["zero_optimization"]
        assert (zero["stage"], zero["stage3_gather_16bit_weights_on_model_save"]) == (3, True)
        assert (
            plugin.deepspeed_config["gradient_accumulation_steps"] == "auto"
        )  # taken from the trainer, not set separately
    else:
        assert not {"ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"} & set(environment)


def environment_of(path: Path) -> dict[str, str]:
    """Return the environment variables that `accelerate launch` would set for the processes."""
    from accelerate.commands import launch
    from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

    arguments = ["--config_file", str(path), "--main_process_port", "0", "-m", "spurious_rewards.cli", "train", "{}"]
    checked, *_ = launch._validate_launch_command(launch.launch_command_parser().parse_args(arguments))
    assert (checked.module, checked.training_script) == (True, "spurious_rewards.cli")
    assert checked.training_script_args == ["train", "{}"]
    assert checked.multi_gpu or checked.use_fsdp or checked.use_deepspeed  # otherwise accelerate runs one process
    checked.deepspeed_fields_from_accelerate_config = ""  # only used if DeepSpeed has its own file
    return prepare_deepspeed_cmd_env(checked)[1] if checked.use_deepspeed else prepare_multi_gpu_env(checked)


def patched(environment: dict[str, str]) -> Any:
    from accelerate.utils import patch_environment

    return patch_environment(**{name: environment[name] for name in environment if name not in os.environ})


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "num_processes: 8",
            "distributed_type: this key is missing .*; not an accelerate_config: it needs num_processes and distributed_type",
        ),
        ("[", "not an accelerate_config"),
        (
            "{distributed_type: XLA, num_processes: 2}",
            "distributed_type XLA: not known here; allowed: FSDP, DEEPSPEED, NO",
        ),
        ("[8]", "holds a list"),
        ("{distributed_type: FSDP, num_processes: two}", 'num_processes = "two"'),
        ("{distributed_type: FSDP, num_processes: 0}", "num_processes = 0"),
        ("{distributed_type: FSDP, num_processes: 2, num_processes: 4}", "num_processes: this key stands in line 1"),
        ("{distributed_type: FSDP, num_processes: 6, num_machines: 4}", "6 cannot be shared out among num_machines 4"),
    ],
)
def test_a_bad_accelerate_config_is_complained_of(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"bad\.yaml: .*{complaint}"):
        read(path)
    with pytest.raises(UserError, match=r"none\.yaml: no such accelerate_config"):
        read(tmp_path / "none.yaml")


# ---------------------------------------------------------------- commands


def test_jobs_on_one_machine_take_free_ports(tmp_path: Path) -> None:
    gpu = command(accelerate_config(tmp_path), ["-m", "program"], {})
    start = ["-m", "spurious_rewards.training.launching"]
    assert gpu[1:] == [
        *start,
        *("accelerate.commands.launch", "--config_file", str(tmp_path / "accelerate_config.yaml")),
        *("--main_process_port", "0", "-m", "program"),
    ]
    cpu = command(accelerate_config(tmp_path, use_cpu=True), ["-m", "program"], {})
    assert cpu[1:6] == [*start, "torch.distributed.run", "--nnodes", "1"]
    assert cpu[6:12] == ["--nproc_per_node", "2", "--rdzv_backend", "static", "--master_addr", "127.0.0.1"]
    assert int(cpu[13]) > 1023
    assert cpu[14:] == ["-m", "program"]


def test_two_machines_are_a_step_of_slurm_with_a_task_on_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = accelerate_config(tmp_path, num_processes=16, num_machines=2)
    job = {"SLURM_JOB_ID": "31234567", "SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_NODELIST": "node[7-8]"}
    outer = command(two, ["-m", "program"], job | {"SLURM_STEP_NUM_NODES": "1"})
    assert outer[0] == "srun"
    assert {"--overlap", "--nodes=2", "--ntasks-per-node=1"} <= set(outer)
    assert outer[-3:] == [sys.executable, "-m", "program"]

    scontrol = tmp_path / "scontrol"
    scontrol.write_text('#!/bin/sh\n[ "$*" = "show hostnames node[7-8]" ] && echo node7 && echo node8\n')
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    inner = command(two, ["-m", "program"], job | {"SLURM_STEP_NUM_NODES": "2", "SLURM_NODEID": "1"})
    assert inner[6:] == [
        *("--machine_rank", "1", "--main_process_ip", "node7", "--main_process_port", "24567", "-m", "program")
    ]


@pytest.mark.parametrize(
    ("environment", "found"), [({}, "a process outside SLURM"), ({"SLURM_JOB_NUM_NODES": "3"}, "a SLURM job of 3")]
)
def test_two_machines_need_an_allocation_of_two(tmp_path: Path, environment: dict[str, str], found: str) -> None:
    two = accelerate_config(tmp_path, num_machines=2)
    with pytest.raises(UserError, match=f"wants 2 machines, and this is {found}"):
        command(two, ["-m", "program"], environment)


# ---------------------------------------------------------------- real launches

SAY = """
import json, os, pathlib, sys, time
names = ["RANK", "LOCAL_RANK", "WORLD_SIZE", "ACCELERATE_MIXED_PRECISION"]
said = json.dumps([sys.argv[1:], *(os.environ.get(name) for name in names)])
folder = pathlib.Path(__file__).parent
(folder / ("said" + os.environ["RANK"])).write_text(said)
while len(list(folder.glob("said*"))) < 2:  # the launcher ends the others when one has failed
    time.sleep(0.1)
sys.exit(7)
"""
WAIT = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
os.write(1, b"ready\\n")  # at once: the other process writes there too
time.sleep(60)
"""


@pytest.mark.parametrize("cpu", [True, False], ids=["torchrun", "accelerate"])
def test_a_program_runs_once_for_each_process_and_its_exit_code_is_the_jobs(tmp_path: Path, cpu: bool) -> None:
    program = tmp_path / "say.py"
    program.write_text(SAY)
    words = command(accelerate_config(tmp_path, use_cpu=cpu), [str(program), "train", '{"a": 1}', "--cpu"], {})
    made = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert made.returncode == 7
    assert "Traceback" not in made.stderr
    said = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("said*"))]
    dtype = None if cpu else "no"
    assert said == [[["train", '{"a": 1}', "--cpu"], rank, rank, "2", dtype] for rank in "01"]


def test_a_job_that_gets_sigterm_ends_as_one_that_did(tmp_path: Path) -> None:
    program = tmp_path / "wait.py"
    program.write_text(WAIT)
    words = command(accelerate_config(tmp_path, use_cpu=True), [str(program)], {})
    job = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert job.stdout is not None
    assert job.stdout.readline() == "ready\n"
    job.terminate()
    _, said = job.communicate(timeout=60)
    assert job.returncode == 143
    assert "Traceback" not in said


def test_launching_replaces_the_process_once_and_by_the_same_command(tmp_path: Path) -> None:
    """The two processes do not launch again: each runs the command line, which rejects the unknown command."""
    path = accelerate_config(tmp_path, use_cpu=True).path
    code = (
        "from pathlib import Path; from spurious_rewards.config.resources import Hardware; "
        f"from spurious_rewards.training.launching import launch; launch(Hardware(accelerate_config=Path({str(path)!r})))"
    )
    made = subprocess.run(
        [sys.executable, "-c", code, "nosuchcommand"], capture_output=True, text=True, timeout=300, cwd=tmp_path
    )
    assert made.returncode == 2
    assert made.stderr.count("No such command 'nosuchcommand'") in (
        1,
        2,
    )  # the launcher may end the second process before it prints
    assert "TORCH_ELASTIC" not in made.stdout


def test_a_job_without_an_accelerate_config_and_a_launched_process_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spurious_rewards.config.resources import Hardware
    from spurious_rewards.training.launching import launch, launched

    launch(Hardware())
    assert not launched()
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert launched()
    launch(Hardware(accelerate_config=tmp_path / "never read"))
