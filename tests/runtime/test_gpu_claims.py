"""Two jobs on one machine never claim the same GPU: tested with real processes and invented GPUs."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from spurious_rewards.runtime import gpu_claims
from spurious_rewards.runtime.errors import UserError

JOB = """
import os, sys
from spurious_rewards.runtime import gpu_claims
gpu_claims.claim(int(sys.argv[1]), ["0", "1", "2"])
print("has", os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
{then}
"""
WAIT = "sys.stdin.read()"
BECOME_ANOTHER = (
    "os.execvp(sys.executable, [sys.executable, '-c', 'import sys; print(1, flush=True); sys.stdin.read()'])"
)


class Jobs:
    """Processes that claim GPUs and hold them until they are told to end."""

    def __init__(self, folder: Path):
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
        self.environment |= {"TMPDIR": str(folder), "XDG_RUNTIME_DIR": ""}
        self.started: list[subprocess.Popen[str]] = []

    def start(self, count: int, then: str = WAIT) -> "subprocess.Popen[str]":
        words = [sys.executable, "-c", JOB.format(then=then), str(count)]
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.started.append(subprocess.Popen(words, env=self.environment, text=True, bufsize=1, **streams))
        return self.started[-1]


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(tmp_path)
    yield made
    for job in made.started:
        job.kill()
        job.communicate()


def said(job: "subprocess.Popen[str]", seconds: float = 60) -> str:
    """Return the next line that a job prints, or an empty string if none comes in time."""
    assert job.stdout is not None
    return job.stdout.readline().strip() if select.select([job.stdout], [], [], seconds)[0] else ""


def end(job: "subprocess.Popen[str]") -> None:
    job.communicate()


def test_jobs_share_out_the_gpus_and_the_next_waits_for_one(jobs: Jobs) -> None:
    two, one = jobs.start(2), jobs.start(1)
    held = [*said(two).removeprefix("has ").split(","), said(one).removeprefix("has ")]
    assert sorted(held) == ["0", "1", "2"]
    third = jobs.start(1)
    assert third.stderr is not None
    assert third.stderr.readline() == "waiting for 1 of 1 GPUs, which other jobs hold\n"
    assert said(third, 2) == ""
    end(one)
    assert said(third) == f"has {held[2]}"


def test_a_killed_job_holds_nothing(jobs: Jobs) -> None:
    first = jobs.start(3)
    assert said(first) == "has 0,1,2"
    first.kill()
    assert said(jobs.start(3)) == "has 0,1,2"


def test_gpus_are_held_by_what_the_job_becomes(jobs: Jobs) -> None:
    job = jobs.start(2, BECOME_ANOTHER)
    assert (said(job), said(job)) == ("has 0,1", "1")
    assert said(jobs.start(1)) == "has 2"
    waiting = jobs.start(1)
    assert said(waiting, 2) == ""
    end(job)
    assert said(waiting) == "has 0"


def test_a_large_job_is_not_overtaken_by_small_ones(jobs: Jobs) -> None:
    first = jobs.start(1)
    assert said(first) == "has 0"
    large = jobs.start(3)
    assert large.stderr is not None
    assert large.stderr.readline().startswith("waiting for 1 of 3 GPUs")
    small = jobs.start(1)
    assert said(small, 2) == ""
    end(first)
    assert said(large) == "has 1,2,0"
    end(large)
    assert said(small) == "has 0"


def test_too_few_gpus_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 7")
    with pytest.raises(UserError, match=r"needs 3 GPUs and this machine shows 2 \(4, 7\)"):
        gpu_claims.claim(3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UserError, match=r"needs 1 GPUs and this machine shows 0 \(none\)"):
        gpu_claims.claim(1)


def test_for_no_gpu_nothing_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4")
    gpu_claims.claim(0)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4"


def test_the_gpus_of_an_allocation_are_shared_out_and_those_of_two_are_not_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two SLURM jobs may each number their GPUs from 0."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    taken = []
    for job, visible in (("1", "0,1"), ("1", "0,1"), ("2", "0,1")):
        monkeypatch.setenv("SLURM_JOB_ID", job)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        gpu_claims.claim(1)
        taken.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert taken == ["0", "1", "0"]


def test_claiming_is_quick_where_gpus_are_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    started = time.monotonic()
    gpu_claims.claim(1)
    assert time.monotonic() - started < gpu_claims.EVERY
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "5"


# ---------------------------------------------------------------- other users of the machine


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide two GPUs and a temporary folder that other users can write to."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    for name in ("SLURM_JOB_ID", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6")
    return folder


def own(shared: Path) -> Path:
    return shared / f"spurious-rewards-{os.geteuid()}"


def test_what_is_claimed_is_for_this_user_s_eyes_alone(shared: Path) -> None:
    gpu_claims.claim(1)
    assert own(shared).stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in own(shared).iterdir()} == {0o600}


@pytest.mark.parametrize("link", ["folder", "turn-alone", "gpu-alone-5"])
def test_a_link_that_somebody_has_put_there_is_not_followed(shared: Path, link: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    for name in ("precious", "turn-alone", "gpu-alone-5"):
        (elsewhere / name).write_text("of mine")
    if link == "folder":
        own(shared).symlink_to(elsewhere)
    else:
        own(shared).mkdir(mode=0o700)
        (own(shared) / link).symlink_to(elsewhere / "precious")
    with pytest.raises((UserError, OSError)):
        gpu_claims.claim(1)
    assert {path.read_text() for path in elsewhere.iterdir()} == {"of mine"}


def test_claiming_empties_no_file(shared: Path) -> None:
    own(shared).mkdir(mode=0o700)
    for name in ("turn-alone", "gpu-alone-5"):
        (own(shared) / name).write_text("of mine")
    gpu_claims.claim(1)
    assert {path.read_text() for path in own(shared).iterdir()} == {"of mine"}


@pytest.mark.parametrize("squatted", ["open to all", "a file", "another user's"])
def test_a_place_that_is_not_this_user_s_alone_is_refused_in_a_sentence(shared: Path, squatted: str) -> None:
    if squatted == "a file":
        own(shared).touch()
    else:
        own(shared).mkdir()
        own(shared).chmod(0o777 if squatted == "open to all" else 0o700)
    if squatted == "another user's":
        if os.geteuid() != 0:
            pytest.skip("only root can give a folder away")
        os.chown(own(shared), 12345, 12345)
    said = {"open to all": "others may use it too", "a file": "is no folder", "another user's": "user 12345 owns it"}
    with pytest.raises(UserError, match=rf"no safe folder for GPU locks:.*{own(shared)}.*{said[squatted]}.*set TMPDIR"):
        gpu_claims.claim(1)


def test_where_somebody_was_first_jobs_meet_in_the_runtime_folder(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(shared).touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    taken = []
    for _ in range(2):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6")
        gpu_claims.claim(1)
        taken.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert taken == ["5", "6"]
    assert (tmp_path / "spurious-rewards/gpu-alone-5").exists()


def test_jobs_with_and_without_a_runtime_folder_meet(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cron jobs have no runtime folder, and a user's runtime folder is deleted at logout, even while jobs still run."""
    taken = []
    for runtime in (str(tmp_path), ""):
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6")
        gpu_claims.claim(1)
        taken.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert taken == ["5", "6"]


def test_parts_of_gpus_are_claimed_too(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [f"MIG-GPU-3fe2a9c4-0000-1111-2222-333344445555/{number}/0" for number in (1, 2)]
    taken = []
    for _ in parts:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(parts))
        gpu_claims.claim(1)
        taken.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert taken == parts
