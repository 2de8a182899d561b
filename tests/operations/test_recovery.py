"""Recovery after a killed Snakemake: it cancels the SLURM jobs that are left.

tests/workflow/test_crashes.py covers the processes of the killed Snakemake.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spurious_rewards.operations import recovery
from spurious_rewards.runtime import slurm
from spurious_rewards.runtime.errors import UserError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder from which jobs were submitted, with a squeue that lists jobs/ and a scancel that empties it."""
    (tmp_path / "work" / slurm.LOGS).mkdir(parents=True)
    (tmp_path / "work/Snakefile").write_text("rule all:\n")
    (tmp_path / "jobs").mkdir()
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, lines in {
        "squeue": f"cat {tmp_path}/jobs/* 2>/dev/null; exit 0",
        "scancel": f'cd {tmp_path}/jobs && echo "$@" > ../cancelled && rm "$@"',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{lines}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return tmp_path / "work"


def submit(folder: Path, number: str, name: str, started: Path) -> None:
    (folder.parent / "jobs" / number).write_text(f"{number}|{name}|{started}\n")


def test_only_jobs_of_the_folder_are_cancelled(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submit(folder, "11", "spurious-rewards_0", folder)
    submit(folder, "12_3", "spurious-rewards_0", folder)
    submit(folder, "13", "spurious-rewards_0", folder.parent)
    submit(folder, "14", "my own | job", folder)
    recovery.recover(folder, folder)
    assert (folder.parent / "cancelled").read_text() == "11 12_3\n"
    assert "cancelling SLURM jobs 11, 12_3, which a killed run left behind" in capsys.readouterr().err


def test_jobs_that_do_not_end_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "SLURM_PATIENCE", 0.0)
    (folder.parent / "bin/scancel").write_text("#!/bin/sh\n")
    submit(folder, "11", "spurious-rewards_0", folder)
    with pytest.raises(UserError, match="SLURM jobs 11 still run"):
        recovery.recover(folder, folder)


def test_slurm_is_not_asked_where_it_was_not_used(folder: Path) -> None:
    (folder / slurm.LOGS).rmdir()
    (folder.parent / "bin/squeue").write_text("#!/bin/sh\nexit 1\n")
    recovery.recover(folder, folder)


def test_slurm_that_does_not_answer_leaves_the_lock(folder: Path) -> None:
    (folder.parent / "bin/squeue").write_text("#!/bin/sh\necho Unable to contact slurm controller >&2; exit 1\n")
    with pytest.raises(UserError, match="squeue cannot be asked about jobs: Unable to contact"):
        recovery.recover(folder, folder)


def test_a_folder_where_nothing_ever_ran_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(UserError, match="elsewhere: the workflow was never run here"):
        recovery.recover(tmp_path / "elsewhere", folder)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_workflow_that_snakemake_cannot_read_is_no_traceback(folder: Path) -> None:
    (folder / slurm.LOGS).rmdir()
    (folder / "Snakefile").write_text("import sys; sys.exit('error: no such suite')\n")
    with pytest.raises(UserError, match="snakemake --unlock failed, and said above why"):
        recovery.recover(folder, folder)


# ---------------------------------------------------------------- processes


@pytest.mark.parametrize(
    ("line", "stage", "controller"),
    [
        ("/venv/bin/python -m spurious_rewards.cli stage train {}", True, False),
        ("python3.11 -u -m spurious_rewards.cli stage train {}", True, False),
        ("python -m spurious_rewards.cli doctor", False, False),
        ("python -m spurious_rewards.cli recover", False, False),
        ("vim spurious_rewards.cli stage", False, False),
        ("/opt/interpreter -m spurious_rewards.cli stage train {}", True, False),
        ("python my_watcher.py -m spurious_rewards.cli stage", False, False),
        ("python -c pass -m spurious_rewards.cli stage", False, False),
        ("/venv/bin/python /venv/bin/snakemake --cores all", False, True),
        ("python -m snakemake --cores 2", False, True),
        ("python -m snakemake --mode subprocess", False, False),
        ("less snakemake", False, False),
        ("python my_watcher.py snakemake", False, False),
        ("", False, False),
    ],
)
def test_only_command_lines_of_the_workflow_are_its_processes(line: str, stage: bool, controller: bool) -> None:
    words = line.split()
    assert (recovery.is_stage(words), recovery.is_controller(words)) == (stage, controller)


BY_NAME = "import sys; print(flush=True); sys.stdin.read()"


@pytest.fixture
def other(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Start a process of this user in the folder. Its command line names the package's command, but it is no job."""
    words = [sys.executable, "-c", BY_NAME, "-m", "spurious_rewards.cli", "stage"]
    process = subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_what_only_names_the_package_goes_on(
    folder: Path, other: "subprocess.Popen[str]", capsys: pytest.CaptureFixture[str]
) -> None:
    recovery.recover(folder, folder)
    assert other.poll() is None
    assert "ending process" not in capsys.readouterr().err


@pytest.mark.parametrize("at_work", [False, True])
def test_what_is_only_called_snakemake_keeps_nobody_from_recovering(
    folder: Path, at_work: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """An editor or another script can have the name. A real run has its log in this folder open."""
    (folder / slurm.LOGS).rmdir()
    script = folder.parent / "snakemake"
    log = folder / ".snakemake/log/now.snakemake.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    script.write_text((f"log = open({str(log)!r}, 'w'); " if at_work else "") + BY_NAME)
    words = [sys.executable, str(script)]
    process = subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        if at_work:
            with pytest.raises(UserError, match=rf"a run is at work here \(snakemake, process {process.pid}\)"):
                recovery.recover(folder, folder)
        else:
            recovery.recover(folder, folder)
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


BECOMES = "import os, sys; os.setresuid(*[int(sys.argv[2])] * 3); " + BY_NAME


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user, and sees where others' processes run")
def test_jobs_of_another_user_go_on(folder: Path) -> None:
    package = folder / "spurious_rewards"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "cli.py").write_text(BECOMES)
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    jobs = []
    for user in (os.getuid(), 12345):
        words = [sys.executable, "-m", "spurious_rewards.cli", "stage", str(user)]
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        jobs.append(subprocess.Popen(words, cwd=folder, env=environment, text=True, **streams))
    try:
        assert [job.stdout.readline() for job in jobs] == ["\n", "\n"]
        assert [process.pid for process in recovery._processes(folder)[1]] == [jobs[0].pid]
    finally:
        for job in jobs:
            job.kill()
            job.communicate()
