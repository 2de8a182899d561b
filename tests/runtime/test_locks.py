"""Only one process writes an artifact at a time."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import replacing
from spurious_rewards.runtime.locks import exclusive

HOLD = """
import sys, time
from pathlib import Path
from spurious_rewards.runtime.locks import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_kept_out_while_the_first_lives_and_takes_over_when_it_is_dead(tmp_path: Path) -> None:
    path = tmp_path / "artifact"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(UserError, match=rf"written by process {holder.pid}, which still runs"), exclusive(path):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with exclusive(path):
        assert (tmp_path / ".artifact.lock").exists()
    assert os.listdir(tmp_path) == []


def test_nothing_is_written_through_a_link_that_somebody_has_put_there(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("of mine")
    (tmp_path / f".artifact.lock.{socket.gethostname()}.{os.getpid()}").symlink_to(precious)
    with exclusive(tmp_path / "artifact"):
        assert precious.read_text() == "of mine"


def test_a_recycled_process_id_does_not_hold_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / ".artifact.lock"
    lock.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "started": time.time() - 1e6}))
    with exclusive(tmp_path / "artifact"):
        pass


def test_a_lock_of_another_host_is_never_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".artifact.lock").write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 0}))
    with pytest.raises(UserError, match="on elsewhere"), exclusive(tmp_path / "artifact"):
        pass


# ---------------------------------------------------------------- locks held by SLURM jobs


@pytest.fixture
def squeue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a fake squeue that prints a file; without the file it fails as the real one does for a forgotten job."""
    answer, program = tmp_path / "answer", tmp_path / "bin/squeue"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\ncat {answer} 2>/dev/null || {{ echo slurm_load_jobs error: Invalid job id specified >&2; exit 1; }}\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    return answer


def hold(path: Path, job: str, request: str = "request", **of_process: object) -> Path:
    """Write the lock that a process of a SLURM job on another node would leave at `path`, and return its path."""
    lock = path.with_name(f".{path.name}.lock")
    lock.write_text(json.dumps({"host": "node7", "pid": 1, "started": 0, "job": job, "request": request} | of_process))
    return lock


def test_a_slurm_job_that_is_gone_or_waits_again_is_taken_over(tmp_path: Path, squeue: Path) -> None:
    path = tmp_path / "artifact"
    for state in (None, "PENDING\n"):
        lock = hold(path, "12")
        if state:
            squeue.write_text(state)
        with exclusive(path, "request") as made:
            assert not made
            assert json.loads(lock.read_text())["pid"] == os.getpid()
        assert not lock.exists()


@pytest.mark.parametrize(
    ("request_of_holder", "makes", "expected"),
    [("request", True, True), ("request", False, False), ("another", True, False), ("", True, False)],
)
def test_a_slurm_job_that_lives_is_waited_for(
    tmp_path: Path,
    squeue: Path,
    capsys: pytest.CaptureFixture[str],
    request_of_holder: str,
    makes: bool,
    expected: bool,
) -> None:
    path = tmp_path / "artifact"
    path.write_text("of a request long ago")
    os.utime(path, (1, 1))
    squeue.write_text("RUNNING\n")
    lock = hold(path, "12", request_of_holder)

    def finish() -> None:
        if makes:
            with replacing(path) as temporary:
                temporary.write_text("new")
        lock.unlink()

    holder = threading.Timer(0.5, finish)
    holder.start()
    with exclusive(path, request_of_holder and "request") as made:
        assert made is expected
        assert lock.exists() is not expected
    assert not lock.exists()
    said = capsys.readouterr().err
    assert f"{path}: is being written by SLURM job 12; waiting for it\n" in said
    assert (f"{path}: made by SLURM job 12\n" in said) is expected


def test_our_own_job_requeued_takes_its_lock_over_unless_the_very_process_lives(
    tmp_path: Path, squeue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "artifact"
    squeue.write_text("RUNNING\n")
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    hold(path, "12")
    with exclusive(path, "request") as made:
        assert not made
    process = psutil.Process()
    hold(path, "12", host=socket.gethostname(), pid=process.pid, started=process.create_time())
    with pytest.raises(UserError, match=f"process {os.getpid()}, which still runs"), exclusive(path, "request"):
        pass


def test_a_process_that_outlived_its_slurm_job_is_not_taken_over(tmp_path: Path, squeue: Path) -> None:
    process = psutil.Process()
    lock = hold(tmp_path / "artifact", "12", host=socket.gethostname(), pid=process.pid, started=process.create_time())
    with pytest.raises(UserError, match="which still runs"), exclusive(tmp_path / "artifact", "request"):
        pass
    assert lock.exists()


def test_tasks_of_an_array_are_told_apart(tmp_path: Path, squeue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    squeue.write_text("RUNNING\n")
    for name, value in {"SLURM_JOB_ID": "14", "SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "2"}.items():
        monkeypatch.setenv(name, value)
    with exclusive(tmp_path / "artifact"):
        assert json.loads((tmp_path / ".artifact.lock").read_text())["job"] == "12_2"


@pytest.mark.parametrize(("program", "complaint"), [("exit 1", "Unable to contact"), (None, "there is no squeue here")])
def test_nothing_is_taken_over_if_slurm_cannot_be_asked(
    tmp_path: Path, squeue: Path, monkeypatch: pytest.MonkeyPatch, program: str | None, complaint: str
) -> None:
    lock = hold(tmp_path / "artifact", "12")
    squeue_itself = tmp_path / "bin/squeue"
    if program:
        squeue_itself.write_text(f"#!/bin/sh\necho Unable to contact slurm controller >&2; {program}\n")
    else:
        squeue_itself.unlink()
        monkeypatch.setenv("PATH", str(squeue_itself.parent))
    with pytest.raises(UserError, match=complaint), exclusive(tmp_path / "artifact"):
        pass
    assert lock.exists()


RACE = """
import sys, time
from pathlib import Path
from spurious_rewards.runtime.locks import exclusive
from spurious_rewards.runtime.errors import UserError
artifact, log = map(Path, sys.argv[1:])
while not (artifact.parent / "go").exists():
    pass
entered = 0
while entered < 30:
    try:
        with exclusive(artifact):
            with log.open("a") as file: file.write("in\\n")
            time.sleep(0.001)
            with log.open("a") as file: file.write("out\\n")
            entered += 1
    except UserError:
        pass
"""


def test_two_writers_are_never_in_at_once(tmp_path: Path) -> None:
    artifact, log = tmp_path / "artifact", tmp_path / "log"
    racers = [subprocess.Popen([sys.executable, "-c", RACE, str(artifact), str(log)]) for _ in range(3)]
    time.sleep(1)
    (tmp_path / "go").touch()
    assert [racer.wait() for racer in racers] == [0, 0, 0]
    lines = log.read_text().split()
    assert lines == ["in", "out"] * 90


# ---------------------------------------------------------------- invalid lock files


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "[" * 10**5,
        '{"host": "a"',
        '{"host": 1, "pid": 1, "started": 0}',
        '{"host": "a", "pid": "1", "started": 0}',
        f'{{"host": "a", "pid": {10**30}, "started": 0}}',
        '{"host": "a", "pid": -1, "started": 0}',
        '{"host": "a", "pid": 1, "started": 0, "job": "--all"}',
        '{"host": "a", "pid": 1, "started": 0, "job": 5}',
    ],
)
def test_what_is_no_lock_is_named(tmp_path: Path, text: str) -> None:
    lock = tmp_path / ".artifact.lock"
    lock.write_text(text)
    with pytest.raises(UserError, match=r"\.artifact\.lock: not a lock .*delete it"), exclusive(tmp_path / "artifact"):
        pass
    assert lock.exists()


@pytest.mark.parametrize("kind", ["pipe", "folder", "link"])
def test_what_is_no_file_is_no_lock(tmp_path: Path, kind: str) -> None:
    lock = tmp_path / ".artifact.lock"
    if kind == "pipe":
        os.mkfifo(lock)
    elif kind == "folder":
        lock.mkdir()
    else:
        lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"\.artifact\.lock: not a file.*delete it"), exclusive(tmp_path / "artifact"):
        pass


def test_a_lock_is_never_written_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / f".artifact.lock.{socket.gethostname()}.{os.getpid()}").symlink_to(victim)
    with exclusive(tmp_path / "artifact"):
        pass
    assert victim.read_text() == "mine"
