"""After any kill, the same command finishes the run, and the results show no trace of the kill."""

import json
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import psutil
import pytest
from checkout import LAST, RESULTS, artifacts, at_work, die_before_rename, recover, snakemake, started, wait_for


def remove_last_segment(folder: Path) -> None:
    """Undo the last training job of a reward and everything made from it."""
    shutil.rmtree(folder / LAST)


def train_until_second_seed(folder: Path) -> psutil.Process:
    """Suspend the training job in the middle of its second seed, and return its process."""
    wait_for("the second seed", (folder / LAST / ".partial/seed1.unfinished").exists)
    (job,) = at_work(folder, "train")
    job.suspend()
    assert (folder / LAST / ".partial/seed0").exists()
    assert not (folder / LAST / ".partial/seed1").exists()
    return job


def test_a_training_job_killed_in_the_middle(finished: Path, undisturbed: Path) -> None:
    remove_last_segment(finished)
    with started(finished) as run:
        train_until_second_seed(finished).kill()
        assert run.wait() != 0
    ended = snakemake(finished)
    assert ended.code == 0, ended.output
    assert artifacts(finished) == artifacts(undisturbed)
    log = next((finished / RESULTS / "logs/train").glob("**/random/**/2-4.log")).read_text()
    assert "seed 1: step" in log
    assert "seed 0: step" not in log, "the first seed was finished before the crash and is not trained again"


@pytest.mark.rare
@pytest.mark.parametrize(
    ("removed", "killed_before"),
    [
        (["responses.parquet", "grades.parquet"], ".responses.parquet.partial/*/1_3_0-*.parquet"),
        (["responses.parquet", "grades.parquet"], "responses.parquet"),
        (["grades.parquet"], "grades.parquet"),
    ],
    ids=["a batch of responses", "responses", "grades"],
)
def test_a_job_killed_while_it_writes(
    finished: Path, undisturbed: Path, removed: list[str], killed_before: str
) -> None:
    for name in removed:
        (finished / LAST / name).unlink()
    die_before_rename(finished, LAST / killed_before)
    crashed = snakemake(finished)
    assert crashed.code != 0
    assert (finished / "killed").exists(), crashed.output
    assert list((finished / LAST).rglob(".*.parquet.tmp")), "the killed job leaves its half-done file"
    ended = snakemake(finished)
    assert ended.code == 0, ended.output
    assert artifacts(finished) == artifacts(undisturbed)


@pytest.mark.rare
def test_leavings_of_dead_writers_are_in_nobodys_way(finished: Path, undisturbed: Path) -> None:
    """Such leftovers are half-written files and folders of every kind, and the locks of a dead process."""
    remove_last_segment(finished)
    with subprocess.Popen(["true"]) as gone:
        pass
    for name in ("checkpoints", "metrics.parquet", "responses.parquet", "grades.parquet"):
        (finished / LAST).mkdir(parents=True, exist_ok=True)
        (finished / LAST / f".{name}.tmp").write_bytes(b"PAR1 half")
        holder = {"host": socket.gethostname(), "pid": gone.pid, "started": 1.0}
        (finished / LAST / f".{name}.lock").write_text(json.dumps(holder))
    (finished / LAST / ".checkpoints.tmp").unlink()
    (finished / LAST / ".checkpoints.tmp/seed0").mkdir(parents=True)
    ended = snakemake(finished)
    assert ended.code == 0, ended.output
    for unlocked in ("metrics.parquet", "grades.parquet"):  # these are written without a lock, so nothing removes one
        (finished / LAST / f".{unlocked}.lock").unlink()
    assert artifacts(finished) == artifacts(undisturbed)


def test_snakemake_killed_and_resumed(finished: Path, undisturbed: Path) -> None:
    remove_last_segment(finished)
    with started(finished) as run:
        orphan = train_until_second_seed(finished)

        refused = recover(finished)
        said, _ = refused.communicate()
        assert refused.returncode == 1
        assert f"error: {finished}: a run is at work here (snakemake, process {run.pid})" in said
        assert "Traceback" not in said

        run.send_signal(signal.SIGKILL)
        run.wait()
        assert orphan.is_running(), "a killed Snakemake leaves its jobs alive"
        locked = snakemake(finished)
        assert locked.code != 0
        assert "LockException" in locked.output
        (finished / LAST / "metrics.parquet").write_bytes(b"as if the orphan had written some of its outputs")

        resuming = recover(finished)
        assert resuming.stdout is not None
        assert resuming.stdout.readline() == f"ending process {orphan.pid}, which a killed run left behind\n"
        orphan.resume()
        said, _ = resuming.communicate()
        assert resuming.returncode == 0, said
        wait_for("the orphan and its workers to end", lambda: not at_work(finished))
    ended = snakemake(finished)
    assert ended.code == 0, ended.output
    assert artifacts(finished) == artifacts(undisturbed)
