"""A small checkout of the project in its own folder, where the real Snakemake runs the tiny suite."""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pyarrow.parquet as pq
import yaml

from spurious_rewards.artifacts.tables import TIMING_COLUMNS

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "workflow", "profiles", "envs", "config", "src/spurious_rewards")
SUITE = Path("config/suites/tiny.yaml")
RESULTS = Path("results/tiny")
RUNS = RESULTS / "runs/organism/plain"
LAST = RUNS / "random/default/seeds0-1/segments/2-4"
"""The folder of one reward's last training job; everything made from it is remade in seconds."""
TABLE1 = r"making table1: Share of code, \boxed{} {os.environ[HOME]} `touch owned`"
"""The message of a job, with text that Snakemake would format and a shell would execute."""
PATIENCE = 240
"""Seconds to wait for events that take a few seconds on a quiet machine."""


class Ended(NamedTuple):
    """Exit code and output of a Snakemake call, and the messages of the jobs that it ran or, with -n, would run."""

    code: int
    output: str
    jobs: list[str]


def make(folder: Path, suite: str = "tiny") -> Path:
    """Copy the parts of this checkout that the workflow needs, including the library, and choose a suite."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / part)
    shutil.copy(Path(__file__).with_name("tiny.yaml"), folder / "config/suites/tiny.yaml")
    (folder / "config.yaml").write_text(f"suite: {suite}\ntracking: none\n")
    return folder


def snakemake(folder: Path, *arguments: str, cores: int = 2) -> Ended:
    """Run Snakemake until it ends."""
    done = subprocess.run(
        [*command(cores), *arguments],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Ended(done.returncode, done.stdout, re.findall(r"^Job \d+: (.*)$", done.stdout, re.MULTILINE))


@contextlib.contextmanager
def started(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run Snakemake in the background; kill it and its jobs at the end of the block."""
    with (folder / "started.log").open("w") as log:
        process = subprocess.Popen(command(2), cwd=folder, env=environment(folder), stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for left in at_work(folder):
            left.kill()


def recover(folder: Path) -> subprocess.Popen[str]:
    """Start the first command of `make resume`."""
    return subprocess.Popen(
        [sys.executable, "-m", "spurious_rewards.cli", "recover"],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def partial_report(folder: Path) -> Ended:
    """Make a report from the artifacts that exist."""
    done = subprocess.run(
        [sys.executable, "-m", "spurious_rewards.cli", "partial-report", str(RESULTS / "partial/unfinished.json")],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Ended(done.returncode, done.stdout, [])


def command(cores: int) -> list[str]:
    """Return Snakemake's command line."""
    return [sys.executable, "-m", "snakemake", "--cores", str(cores)]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of processes in a checkout, with the checkout's library and without network."""
    return {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"}


# ---------------------------------------------------------------- processes


def at_work(folder: Path, stage: str | None = None) -> list[psutil.Process]:
    """Return the processes that run in `folder`, or only those of one stage."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            is_stage = words[1:5] == ["-m", "spurious_rewards.cli", "stage", stage]
            if Path(process.cwd()) == folder.resolve() and (stage is None or is_stage):
                found.append(process)
    return found


def wait_for(what: str, true: Callable[[], Any]) -> Any:
    """Wait until `true()` returns a true value, and return that value."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited {PATIENCE} s in vain for {what}")


def die_before_rename(folder: Path, pattern: Path) -> None:
    """Kill the job that writes a matching file once, after everything is written but before the final rename."""
    at_start_of_stages(
        folder,
        f"""
import fnmatch, os, pathlib
rename, flag = os.replace, pathlib.Path("killed")

def replace(source, target, **keywords):
    if fnmatch.fnmatch(target, {str(pattern)!r}) and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), {signal.SIGKILL:d})
    rename(source, target, **keywords)

os.replace = replace
""",
    )


def limit_files(folder: Path, size: int) -> None:
    """Limit the files that stages write to `size` bytes: writing fails at the same calls as on a full disk."""
    at_start_of_stages(folder, f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))")


def at_start_of_stages(folder: Path, code: str) -> None:
    """Make Python run `code` before each stage."""
    only = "import sys\nif sys.orig_argv[1:4] == ['-m', 'spurious_rewards.cli', 'stage']:\n"
    (folder / "src/sitecustomize.py").write_text(only + textwrap.indent(code, "    "))


# ---------------------------------------------------------------- files


def artifacts(folder: Path, results: Path = RESULTS) -> dict[str, str]:
    """Return the digests of all artifacts by path, except files that contain times: manifests, the report and logs.

    Also excluded are the second names of responses and votes, because their records contain the times of checkpoints.
    """
    found = {}
    for path in sorted((folder / results).rglob("*")):
        name = path.relative_to(folder / results)
        if path.parent.suffix == ".kept":
            continue
        if path.is_file() and not path.name.endswith(".manifest.json") and name.parts[0] not in ("logs", "report.html"):
            found[str(name)] = hashlib.sha256(_content(path)).hexdigest()
    return found


def _content(path: Path) -> bytes:
    if path.name == "metrics.parquet":
        return pq.read_table(path).drop_columns(list(TIMING_COLUMNS)).to_pandas().to_csv().encode()
    return path.read_bytes()


def change_suite(folder: Path, key: str, value: Any) -> None:
    """Set the value at a path of keys ("rewards/random/gamma") in the tiny suite."""
    path = folder / "config/suites/tiny.yaml"
    suite = node = yaml.safe_load(path.read_text())
    *sections, last = key.split("/")
    for section in sections:
        node = node[section]
    node[last] = value
    path.write_text(yaml.safe_dump(suite, sort_keys=False))


def change_code(folder: Path, module: str, old: str, new: str) -> None:
    """Replace the first `old` in a module of the copied library."""
    path = folder / "src/spurious_rewards" / module
    code = path.read_text()
    assert old in code, f"{module} does not hold {old!r}"
    path.write_text(code.replace(old, new, 1))
