"""A training job on one GPU, started as Snakemake starts it: it claims the GPU, gets SIGTERM, and resumes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from launched import PROBLEMS, TRAINING
from segments import assert_same, differing, to_the_bit

from spurious_rewards.artifacts import tables
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Reward, Strategies
from spurious_rewards.models.references import ModelRef
from spurious_rewards.stages.train import VERSION, TrainJob

ROOT = Path(__file__).parents[2]
EVALUATIONS = 4
"""Evaluations of a run. On a GPU the run has many steps, so that SIGTERM comes well before its end."""

CLAIM = "from spurious_rewards.runtime.gpu_claims import claim; claim(1); print('taken')"


def environment(folder: Path, deterministic: bool) -> dict[str, str]:
    """Return the environment of all processes of a test.

    One GPU is visible (on a CPU only its number is set), and the GPU claims lie in a folder of their own.
    """
    gpu = (os.environ.get("CUDA_VISIBLE_DEVICES") or "0").partition(",")[0]
    own = {"CUDA_VISIBLE_DEVICES": gpu, "TMPDIR": str(folder), "SPURIOUS_REWARDS_TRACKING": "none"}
    return {**(to_the_bit() if deterministic else os.environ), **own}


def command(model: Path, segment: Path, config: Path, steps: int) -> list[str]:
    """Return the command line that Snakemake runs."""
    training = TRAINING.model_copy(
        update={"dtype": "bfloat16", "segment_steps": steps, "eval_every": steps // EVALUATIONS}
    )
    problems = segment.parent / "problems.parquet"
    tables.write(PROBLEMS[["id", "problem", "answer"]].assign(source="made up"), tables.Problems, problems)
    job = TrainJob(
        version=VERSION,
        run=Run(model="organism", prompt="plain", reward="random", variant="default", seeds="0"),
        start=0,
        stop=steps,
        bases={0: ModelRef(folder=model)},
        training=training,
        reward=Reward(function="random", gamma=0.5),
        reward_code=None,
        prompt=Prompt(kind="raw", user="compute {} ="),
        strategies=Strategies(),
        threads=1,
    )
    hardware = Hardware(gpus=1, accelerate_config=config, num_parameters=1e5)
    return [
        *(sys.executable, "-m", "spurious_rewards.cli", "stage", "train", job.model_dump_json()),
        *("--input", f"data={problems}", "--output", f"checkpoints={segment / 'checkpoints'}"),
        *("--hardware", hardware.model_dump_json()),
    ]


def wait_for(path: Path, job: "subprocess.Popen[bytes]") -> None:
    while not path.exists():
        assert job.poll() is None, f"the job has ended before there was {path.name}"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def config(device: torch.device, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the accelerate configuration of one GPU, or on a CPU one that launches a single process there."""
    if device.type == "cuda":
        return ROOT / "envs/accelerate/one_gpu.yaml"
    path = tmp_path_factory.mktemp("configs") / "one_cpu.yaml"
    path.write_text("{distributed_type: MULTI_CPU, num_processes: 1, num_machines: 1, use_cpu: true}")
    return path


@pytest.mark.parametrize("deterministic", [True, False])
def test_an_interrupted_job_goes_on_as_if_nothing_had_been(
    deterministic: bool,
    organism_model: Path,
    config: Path,
    device: torch.device,
    tmp_path: Path,
    figures: Callable[..., None],
) -> None:
    """With deterministic torch, weights, optimizer, random states and tables are equal to the bit.

    Without it, the test only reports which files differ.
    """
    told, seconds = environment(tmp_path, deterministic), {}
    steps = 40 if device.type == "cuda" else 8

    def timed(name: str, words: list[str]) -> None:
        started = time.perf_counter()
        subprocess.run(words, env=told, timeout=300, check=True)
        seconds[name] = time.perf_counter() - started

    whole, segment = tmp_path / "results/whole/segment", tmp_path / "results/interrupted/segment"
    for folder in (whole, segment):
        folder.parent.mkdir(parents=True)
    timed("undisturbed", command(organism_model, whole, config, steps))

    words = command(organism_model, segment, config, steps)
    first = segment / f".partial/seed0.unfinished/step{steps // EVALUATIONS}"
    with subprocess.Popen(words, env=told) as job:
        try:
            wait_for(segment / ".partial/asked", job)
            with subprocess.Popen(
                [sys.executable, "-c", CLAIM], env=told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            ) as other:
                assert other.stderr is not None
                assert other.stderr.readline() == "waiting for 1 of 1 GPUs, which other jobs hold\n"
                wait_for(first, job)
                job.send_signal(signal.SIGTERM)
                assert job.wait(timeout=120) == 128 + signal.SIGTERM
                assert other.communicate(timeout=60)[0] == "taken\n", "the GPU is free once the job has ended"
        finally:
            job.terminate()  # this ends the processes that it launched, too
    kept = max(int(path.name.removeprefix("step")) for path in first.parent.glob("step*"))
    assert steps // EVALUATIONS <= kept < steps
    timed("rest", words)

    differ = differing(whole / "checkpoints", segment / "checkpoints")
    figures(interrupted_at=kept, steps=steps, seconds=seconds, files_that_differ=differ)
    if deterministic:
        assert_same(segment, whole)
