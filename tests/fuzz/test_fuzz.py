"""The short version of `make fuzz`, and tests that the harness notices what it looks for."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import commands
import pytest
from rehearsal import Rehearsal

from spurious_rewards.config.loading import load
from spurious_rewards.config.settings import Settings
from spurious_rewards.stages.study import Study

FOLDER = Path(__file__).parent


def fuzz(*arguments: str) -> tuple[int, str]:
    """Run the fuzzer, and return its exit code and output."""
    called = [sys.executable, str(FOLDER / "run.py"), *arguments]
    done = subprocess.run(called, stdout=subprocess.PIPE, text=True)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("kind", "cases"), [("suites", 16), ("model_folders", 10), ("data_files", 16), ("results", 24), ("answers", 100)]
)
def test_each_case_ends_in_a_result_or_a_sentence(kind: str, cases: int) -> None:
    code, output = fuzz(kind, f"--cases={cases}", "--seed=7")
    assert code == 0, output
    # A product that refuses everything would also pass, so some cases must end in a result.
    well = r"[1-9]\d* (?!refused)\w+.*"
    assert re.fullmatch(rf"{kind.replace('_', ' ')}: {cases} tried, {well}; 0 traceback, 0 hang, .*; seed 7\n", output)


def test_the_harness_sees_every_bad_end_and_goes_on() -> None:
    code, output = fuzz("faulty", "--cases=10")
    assert code == 1
    figures = output.splitlines()[-1]
    assert figures.startswith("faulty: 10 tried, 1 fine, 1 refused with a sentence; 2 traceback, 2 hang, ")
    assert ", 1 above its memory, 1 killed, 1 executed, 0 no sentence, 1 wrong result, 0 late; longest " in figures
    for number in range(2, 10):
        assert f"again: python tests/fuzz/run.py faulty --seed 0 --number {number}\n" in output


CASES = """
import hashlib, importlib, sys
kind = importlib.import_module(sys.argv[1])
print(hashlib.sha256(repr([kind.case(3, number) for number in range(100)]).encode(errors="replace")).hexdigest())
"""


@pytest.mark.parametrize("kind", ["suites", "data_files", "results", "answers"])
def test_a_seed_and_a_number_make_the_same_case_in_every_process(kind: str) -> None:
    path = os.pathsep.join([str(FOLDER), os.environ.get("PYTHONPATH", "")])
    digests = {
        subprocess.run(
            [sys.executable, "-c", CASES, kind],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("ended", "how"),
    [
        (commands.Ended(1, "", "Traceback (most recent call last):\n  File …\nKeyError: 1"), "traceback"),
        (commands.Ended(0, "", "Traceback (most recent call last):\n  File …\nKeyError: 1"), "traceback"),
        (commands.Ended(1, "", "KeyError in file train.smk, line 3:\n1"), "no sentence"),
        (commands.Ended(2, "error: x", ""), "no sentence"),
        (commands.Ended(1, "x", ""), "no sentence"),
        (commands.Ended(1, "error: x\ny", ""), "no sentence"),
        (commands.Ended(1, "error: \x1b[31mx", ""), "no sentence"),
        (commands.Ended(1, f"error: {'x' * 3000}", ""), "no sentence"),
    ],
)
def test_what_is_no_sentence(ended: commands.Ended, how: str) -> None:
    with pytest.raises(commands.Wrong) as raised:
        commands.refusal(ended)
    assert raised.value.how == how


def test_a_sentence_is_taken_as_one() -> None:
    assert commands.refusal(commands.Ended(1, "error: mine.yaml: steps = -1: too small", "")).startswith("mine.yaml: ")
    assert commands.refusal(commands.Ended(0, "", "fine")) == ""


@pytest.mark.parametrize(
    "name",
    ["tiny", "smoke", *(pytest.param(name, marks=pytest.mark.rare) for name in ("organism", "small", "one_gpu"))],
)
def test_what_a_suite_says_can_be_made_of_its_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make scores, figures, tables, claims and the report from invented responses."""
    shutil.copytree(commands.ROOT / "config", tmp_path / "config")
    (tmp_path / "envs").symlink_to(commands.ROOT / "envs")
    shutil.copy(commands.ROOT / "tests/workflow/tiny.yaml", tmp_path / "config/suites")
    monkeypatch.chdir(tmp_path)
    path = Path(f"config/suites/{name}.yaml")
    Rehearsal(Study(load(path), Settings(suite=name), path)).report()
    assert Path(f"results/{name}/report.html").stat().st_size > 10_000
