"""The workflow on other machines: other interpreters, folder names and locales."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import checkout
import pyarrow.parquet as pq
import pytest
from checkout import RESULTS, Ended

PROBLEMS = RESULTS / "problems/reinforcement.parquet"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""A locale in which Python's text files are ASCII by default."""


@pytest.fixture
def interpreter(tmp_path: Path) -> Path:
    """Return a Python of this version with these packages, but without a `python` beside it."""
    folder = tmp_path / "interpreter"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", folder], check=True)
    for name in ("python", "python3"):
        (folder / "bin" / name).unlink()
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (packages / "these.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n", encoding="utf-8")
    return folder / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def other_python(tmp_path: Path) -> Path:
    """Return a folder with a `python` that always fails."""
    folder = tmp_path / "other"
    folder.mkdir()
    for name in ("python", "python3"):
        (folder / name).write_text("#!/bin/sh\necho another python >&2\nexit 66\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def run(folder: Path, *command: str | Path, **environment: str) -> Ended:
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**checkout.environment(folder), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    return Ended(done.returncode, done.stdout, [])


def test_jobs_run_with_snakemakes_interpreter_in_a_folder_of_any_name(
    interpreter: Path, other_python: Path, tmp_path: Path
) -> None:
    """PATH has only another `python`, and the folder has braces in its name, which Snakemake takes for wildcards."""
    folder = checkout.make(tmp_path / "a{b} c'd\"#$HOME é;&")
    path = f"{other_python}:/usr/bin:/bin"
    ended = run(folder, interpreter, "-m", "snakemake", "--cores", "1", "-p", PROBLEMS, PATH=path)
    assert ended.code == 0, ended.output
    assert pq.read_metadata(folder / PROBLEMS).num_rows
    # Run by hand, the line that -p shows uses the shell's own `python`.
    (line,) = [line for line in ended.output.splitlines() if line.startswith("Shell command: ")]
    by_hand = line.removeprefix("Shell command: ")
    assert run(folder, "sh", "-c", by_hand, PATH=path).code == 66
    (folder / PROBLEMS).unlink()
    own = run(folder, "sh", "-c", by_hand, PATH=path, SPURIOUS_REWARDS_PYTHON=sys.executable)
    assert own.code == 0, own.output
    assert (folder / PROBLEMS).exists()


def test_a_suite_is_utf_8_in_every_locale(tmp_path: Path) -> None:
    folder = checkout.make(tmp_path / "checkout")
    suite = folder / checkout.SUITE
    text = suite.read_text(encoding="utf-8").replace("title: Tiny suite", "title: Θ Tiny, 概率")
    text = text.replace(
        "\nproblems:\n", "\nproblems:\n  mine: {path: mine.jsonl, columns: {problem: 问题, answer: answer}}\n"
    )
    text = text.replace("{title: What each reward gains", "{title: Ψ What each reward gains")
    suite.write_text(text, encoding="utf-8")
    (folder / "mine.jsonl").write_text('{"问题": "1 + 1 等于多少?", "answer": "二"}\n', encoding="utf-8")
    made = RESULTS / "problems/mine.parquet"
    ended = run(folder, sys.executable, "-m", "snakemake", "--cores", "1", made, **ASCII)
    assert ended.code == 0, ended.output
    assert pq.read_table(folder / made)["problem"].to_pylist() == ["1 + 1 等于多少?"]
    planned = run(folder, sys.executable, "-m", "snakemake", "-n", **ASCII)
    assert planned.code == 0, planned.output
    listed = run(folder, sys.executable, "-m", "snakemake", "--list", **ASCII)
    assert listed.code == 0, listed.output
    for each in (ended, planned, listed):
        assert "Traceback" not in each.output
        assert "Logging error" not in each.output


def test_equal_keys_of_config_yaml_are_refused(tmp_path: Path) -> None:
    """Snakemake alone would use the last of the equal keys."""
    folder = checkout.make(tmp_path / "checkout")
    with (folder / "config.yaml").open("a", encoding="utf-8") as file:
        file.write("suite: organism\n")
    for command in (("snakemake", "-n"), ("spurious_rewards.cli", "estimate")):
        ended = run(folder, sys.executable, "-m", *command)
        assert ended.code == 1
        assert "config.yaml: line 3: suite: this key stands in line 1 already" in ended.output
        assert "Traceback" not in ended.output


def test_config_and_configfile_go_over_config_yaml(tmp_path: Path) -> None:
    folder = checkout.make(tmp_path / "checkout")
    (folder / "other.yaml").write_text("suite: smoke\nsources: {a/b: config.yaml}\n", encoding="utf-8")
    (folder / "config.yaml").write_text("suite: tiny\nsources: {c/d: none.jsonl}\n", encoding="utf-8")
    snakemake = (sys.executable, "-m", "snakemake", "-n")
    ended = run(folder, *snakemake, "--configfile", "other.yaml", "--config", "suite=none")
    assert "config.yaml: sources.c/d = none.jsonl: no such file" in ended.output  # sources are merged
    (folder / "config.yaml").write_text("suite: tiny\n", encoding="utf-8")
    ended = run(folder, *snakemake, "--configfile", "other.yaml", "--config", "suite=none")
    assert "config.yaml: suite = none: no such suite" in ended.output
    ended = run(folder, *snakemake, "--configfile", "other.yaml", "--list")
    assert ended.code == 0, ended.output
    (folder / "other.yaml").write_text("suite: no\n", encoding="utf-8")
    ended = run(folder, *snakemake, "--configfile", "other.yaml")
    assert "config.yaml: suite = no: no such suite" in ended.output
    (folder / "other.json").write_text('{"suite": "nowhere"}', encoding="utf-8")
    ended = run(folder, *snakemake, "--configfile", "other.json")
    assert "config.yaml: suite = nowhere: no such suite" in ended.output
    (folder / "other.yaml").write_text("suite: smoke\nsuite: tiny\n", encoding="utf-8")
    ended = run(folder, *snakemake, "--configfile", "other.yaml")
    assert "other.yaml: line 2: suite: this key stands in line 1 already" in ended.output
