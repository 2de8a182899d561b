"""Whole or nothing, and one writer at a time."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spurious_rewards.artifacts import exclusive, replacing
from spurious_rewards.errors import UserError


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail_halfway() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_replaces_a_folder_and_leavings_of_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in ("one", "two"):
        (tmp_path / ".folder.tmp").mkdir(exist_ok=True)
        (tmp_path / ".folder.tmp" / "leavings").touch()
        with replacing(path) as temporary:
            temporary.mkdir()
            (temporary / name).touch()
    assert os.listdir(path) == ["two"]
    assert os.listdir(tmp_path) == ["folder"]


HOLD = """
import sys, time
from pathlib import Path
from spurious_rewards.artifacts import exclusive
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


def test_a_recycled_process_id_does_not_hold_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / ".artifact.lock"
    lock.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "started": time.time() - 1e6}))
    with exclusive(tmp_path / "artifact"):
        pass


def test_a_lock_of_another_host_is_never_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".artifact.lock").write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 0}))
    with pytest.raises(UserError, match="on elsewhere"), exclusive(tmp_path / "artifact"):
        pass


RACE = """
import sys, time
from pathlib import Path
from spurious_rewards.artifacts import exclusive
from spurious_rewards.errors import UserError
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
