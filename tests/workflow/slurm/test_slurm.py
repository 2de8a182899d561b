"""The workflow on a real SLURM: the results are the same if jobs are cancelled, killed or requeued."""

import contextlib
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import checkout
import psutil
import pytest
from checkout import LAST, RUNS, artifacts, at_start_of_stages, at_work, recover, wait_for

pytestmark = pytest.mark.timeout(1800)  # for a busy machine; `make test-slurm` as a whole takes minutes

TARGET = str(LAST / "metrics.parquet")


def command(*arguments: str) -> list[str]:
    """Return a Snakemake command with the cluster profile and waiting times for one small node."""
    settings = ["--slurm-init-seconds-before-status-checks=1", "--latency-wait=5", "--jobs=4", "--retries=0"]
    return [sys.executable, "-m", "snakemake", *arguments, "--workflow-profile=profiles/slurm", *settings]


@contextlib.contextmanager
def submitting(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run Snakemake through SLURM, with its output in `said`; end it and its jobs at the end of the block."""
    with (folder / "said").open("w") as log:
        run = subprocess.Popen(
            command(*arguments), cwd=folder, env=checkout.environment(folder), stdout=log, stderr=log
        )
    try:
        yield run
    finally:
        run.kill()
        run.wait()
        for number in jobs(folder):
            slurm("scancel", number)
        wait_for("the jobs to end", lambda: not jobs(folder))


def finish(folder: Path, *arguments: str) -> str:
    """Run Snakemake through SLURM until it ends, and return its output."""
    with submitting(folder, *arguments) as run:
        code = run.wait()
    said = (folder / "said").read_text()
    assert code == 0, said
    return said


def slurm(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def jobs(folder: Path, state: str = "all") -> dict[str, str]:
    """Return the GPUs that each waiting or running SLURM job of a folder asked for, by job number."""
    lines = slurm("squeue", "--noheader", "--Format=jobid:20,state:20,tres-per-job:40,workdir:400").splitlines()
    found = [line.split(maxsplit=3) for line in lines]
    return {
        number: gpus
        for number, its_state, gpus, started in found
        if started.strip() == str(folder) and state in ("all", its_state)
    }


def undo_training(folder: Path) -> None:
    """Undo the last training job, and make every stage record which SLURM job puts each file or folder in place."""
    shutil.rmtree(folder / LAST / "checkpoints")
    for name in ("metrics", "rollouts"):
        (folder / LAST / f"{name}.parquet").unlink()
    at_start_of_stages(
        folder,
        """
import os
rename = os.replace

def replace(source, target, **keywords):
    rename(source, target, **keywords)
    with open("writers", "a") as file:
        file.write(f"{os.environ.get('SLURM_JOB_ID')} {target}\\n")

os.replace = replace
""",
    )


def writers(folder: Path) -> dict[str, set[str]]:
    """Return the jobs that wrote each file or folder; fail if one was written twice."""
    lines = [line.split(maxsplit=1) for line in (folder / "writers").read_text().splitlines()]
    assert max(Counter(path for _, path in lines).values()) == 1, lines
    found: dict[str, set[str]] = {}
    for job, path in lines:
        found.setdefault(Path(path).name, set()).add(job)
    return found


def halt_in_second_seed(folder: Path) -> tuple[psutil.Process, str]:
    """Wait until the training job has finished its first seed, suspend it, and return its process and SLURM job."""
    wait_for("the first seed", (folder / LAST / ".partial/seed0").exists)
    (process,) = at_work(folder, "train")
    process.suspend()
    assert not (folder / LAST / ".partial/seed1").exists()
    return process, process.environ()["SLURM_JOB_ID"]


def log(folder: Path) -> str:
    """Return the log of the last training job, or an empty string while there is none."""
    found = list((folder / checkout.RESULTS / "logs/train").glob("**/random/**/2-4.log"))
    return found[0].read_text(errors="replace") if found else ""


def assert_same(folder: Path, undisturbed: Path) -> None:
    """Check that the artifacts agree and that the job that ended the run did not train the first seed."""
    assert artifacts(folder) == artifacts(undisturbed)
    assert "seed 0: step" not in log(folder)


def test_a_suite_is_the_same_with_and_without_slurm(undisturbed: Path, tmp_path: Path) -> None:
    through_slurm = checkout.make(tmp_path / "slurm")
    said = finish(through_slurm)
    assert "has been submitted with SLURM jobid" in said
    expected = artifacts(undisturbed)
    assert len(expected) > 50
    assert artifacts(through_slurm) == expected


@pytest.mark.parametrize(
    ("option", "expected"), [("--exclusive", True), ("--exclusive=user", True), ("--quiet", False)]
)
def test_slurm_says_whether_a_job_has_its_node_alone(option: str, expected: bool, tmp_path: Path) -> None:
    asks = "from spurious_rewards.runtime import slurm; print(slurm.exclusive())"
    words = ["sbatch", "--wait", option, f"--output={tmp_path}/said", f"--wrap={sys.executable} -c '{asks}'"]
    slurm(*words)
    assert (tmp_path / "said").read_text() == f"{expected}\n"


def test_two_gpus_are_shared_by_three_jobs(finished: Path, undisturbed: Path) -> None:
    files = sorted((finished / RUNS).glob("*/default/*/segments/*/responses.parquet"))[:3]
    for file in files:
        file.unlink()
    targets = [str(file.relative_to(finished)) for file in files]
    asked = ["generate_run:gpu=1", "generate_run:gpu_model='pretended'"]
    with submitting(finished, *targets, "--set-resources", *asked) as run:
        wait_for("three jobs", lambda: len(jobs(finished)) == 3)
        assert set(jobs(finished).values()) == {"gres:gpu:pretended:1"}
        wait_for("two of them to run", lambda: len(jobs(finished, "RUNNING")) == 2)
        most = 0
        devices = set()
        while run.poll() is None:
            most = max(most, len(jobs(finished, "RUNNING")))
            for process in at_work(finished, "generate"):
                with contextlib.suppress(psutil.Error):
                    devices.add(process.environ()["CUDA_VISIBLE_DEVICES"])
        assert run.returncode == 0, (finished / "said").read_text()
    assert most == 2
    assert devices == {"0", "1"}
    assert artifacts(finished) == artifacts(undisturbed)


def test_a_cancelled_training_job_goes_on_with_the_next_call(finished: Path, undisturbed: Path) -> None:
    undo_training(finished)
    with submitting(finished, TARGET) as run:
        _, job = halt_in_second_seed(finished)
        slurm("scancel", job)
        assert run.wait() != 0
    assert "interrupted; step 3 of seed 1 is kept" in log(finished)
    finish(finished, TARGET)
    assert_same(finished, undisturbed)
    assert job not in writers(finished)["checkpoints"]


def test_a_requeued_training_job_goes_on_by_itself(finished: Path, undisturbed: Path) -> None:
    undo_training(finished)
    with submitting(finished, TARGET) as run:
        _, job = halt_in_second_seed(finished)
        slurm("scontrol", "requeue", job)
        assert run.wait() == 0, (finished / "said").read_text()
    assert "Restarts=1" in slurm("scontrol", "show", "job", job)
    assert_same(finished, undisturbed)
    assert writers(finished)["checkpoints"] == {job}


def test_an_orphans_work_is_waited_for_and_used(finished: Path, undisturbed: Path) -> None:
    undo_training(finished)
    with submitting(finished, TARGET) as killed:
        orphan, job = halt_in_second_seed(finished)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        subprocess.run(command("--unlock"), cwd=finished, env=checkout.environment(finished), check=True)
        with submitting(finished, TARGET) as run:
            wait_for(
                "the second job to wait",
                lambda: f"is being written by SLURM job {job}; waiting for it" in log(finished),
            )
            assert len(jobs(finished, "RUNNING")) == 2
            orphan.resume()
            assert run.wait() == 0, (finished / "said").read_text()
    assert f"made by SLURM job {job}" in log(finished)
    assert {name: by for name, by in writers(finished).items() if by != {job}} == {}
    assert artifacts(finished) == artifacts(undisturbed)


def test_an_orphan_is_cancelled_by_unlock(finished: Path, undisturbed: Path) -> None:
    undo_training(finished)
    with submitting(finished, TARGET) as run:
        orphan, job = halt_in_second_seed(finished)
        refused = recover(finished)
        said, _ = refused.communicate()
        assert refused.returncode == 1
        assert f"a run is at work here (snakemake, process {run.pid})" in said
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert orphan.is_running(), "a killed Snakemake leaves its jobs alive"
        unlocking = recover(finished)
        said, _ = unlocking.communicate()
        assert unlocking.returncode == 0, said
        assert f"cancelling SLURM jobs {job}, which a killed run left behind" in said
        assert not jobs(finished)
        assert not at_work(finished)
    finish(finished, TARGET)
    assert_same(finished, undisturbed)
    assert job not in writers(finished)["checkpoints"]
