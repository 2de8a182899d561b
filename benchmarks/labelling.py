"""Measures the memory of the stage `label` on the votes of a real model: `python benchmarks/labelling.py`.

The script makes 300,000 responses of 3,000 characters (64 for each problem, with answers as in grading.py) and gives
them to the stage with two processes. It kills everything when half of the parts are graded, and starts the stage again.
Memory is that of all processes together, with shared memory counted once (PSS), measured four times a second.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import psutil
from grading import KINDS, spellings

from spurious_rewards.artifacts import sorted_tables, tables
from spurious_rewards.config.training import Strategies, Vote
from spurious_rewards.stages import label

SAMPLES = 64
CHARACTERS = 3_000
CORES = 2
AT_ONCE = 20_000
"""Responses that this script itself holds in memory at once."""

WORDS = ("so", "we", "add", "both", "sides", "and", "find", "\\frac{1}{2}", "x^2", "=", "3")


def make(responses: int, folder: Path) -> tuple[Path, Path]:
    """Write a problem set and the votes of a model on it, and return their paths."""
    rng = random.Random(0)
    kinds = rng.choices(list(KINDS), list(KINDS.values()), k=responses // SAMPLES)
    answers = [spellings(kind, rng.randrange(2, 60), rng.randrange(2, 30)) for kind in kinds]
    problems = pd.DataFrame(
        {
            "id": [f"p{number:06}" for number in range(len(answers))],
            "problem": [f"problem {number}" for number in range(len(answers))],
            "answer": [spelled[0] for spelled in answers],
            "source": "made",
        }
    )
    tables.write(problems, tables.Problems, folder / "problems.parquet")

    def votes(first: int, stop: int) -> pd.DataFrame:
        rows = [(number, sample) for number in range(first, stop) for sample in range(SAMPLES)]
        texts = []
        for number, _ in rows:
            right = rng.random() < 0.5
            said = rng.choice(answers[number]) if right else str(rng.randrange(60, 64))
            filler = " ".join(rng.choices(WORDS, k=CHARACTERS // 4))[:CHARACTERS]
            texts.append(f"{filler} The answer is $\\boxed{{{said}}}$.")
        return pd.DataFrame(
            {
                "seed": -1,
                "step": 0,
                "benchmark": "vote",
                "id": [f"p{number:06}" for number, _ in rows],
                "sample": [sample for _, sample in rows],
                "response": texts,
                "tokens": CHARACTERS // 3,
                "truncated": False,
            }
        )

    each = AT_ONCE // SAMPLES
    frames = (votes(first, min(first + each, len(answers))) for first in range(0, len(answers), each))
    parts = []
    for frame in frames:
        parts.append(folder / f"part{len(parts)}.parquet")
        sorted_tables.write_part(frame, tables.Responses, parts[-1])
    key = ["seed", "step", "benchmark", "id", "sample"]
    sorted_tables.join(parts, tables.Responses, key, folder / "votes.parquet")
    for part in parts:
        part.unlink()
    return folder / "problems.parquet", folder / "votes.parquet"


def run(folder: Path, until: float = 1.0) -> tuple[int, int]:
    """Run the stage, or kill it once this share of the parts is graded; return the parts kept and the peak in bytes."""
    job = label.LabelJob(
        version=label.VERSION, answer_in="box", strategies=Strategies(), equivalence=Vote().equivalence
    )
    command = [sys.executable, "-m", "spurious_rewards.cli", "stage", "label", job.as_json(), f"--cores={CORES}"]
    given = [f"--input={name}={folder / name}.parquet" for name in ("votes", "problems")]
    made = [f"--output={name}={folder / name}.parquet" for name in ("grades", "labels")]
    parts = len(tables.row_groups(folder / "votes.parquet", tables.Responses))
    peak, kept = 0, 0
    process = subprocess.Popen([*command, *given, *made], stderr=subprocess.DEVNULL, start_new_session=True)
    while process.poll() is None:
        peak = max(peak, together(process.pid))
        kept = len(list(folder.glob(".grades.parquet.partial/*/[!.]*.parquet"))) or kept
        if kept >= until * parts and until < 1:
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(0.25)
    if until == 1 and process.returncode:
        raise SystemExit(f"label ended with exit code {process.returncode}")
    return kept, peak


def together(pid: int) -> int:
    """Return the bytes of memory (PSS) of a process and all its descendants."""
    total = 0
    try:
        main = psutil.Process(pid)
        for each in [main, *main.children(recursive=True)]:
            try:
                total += each.memory_full_info().pss
            except psutil.Error:
                continue
    except psutil.Error:
        return 0
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--responses", type=int, default=300_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "results/made"
        folder.mkdir(parents=True)
        _, votes = make(asked.responses, folder)
        parts = len(tables.row_groups(votes, tables.Responses))
        print("| responses | MB on disk | parts | run | parts kept at its end | peak, GB |")
        print("|---|---|---|---|---|---|")
        of = f"| {tables.rows(votes):,} | {votes.stat().st_size / 1e6:.0f} | {parts}"
        for what, until in (("killed at half", 0.5), ("the same again, to its end", 1.0)):
            kept, peak = run(folder, until)
            print(f"{of} | {what} | {kept} | {peak / 1e9:.2f} |", flush=True)
        print(f"| {tables.rows(folder / 'labels.parquet'):,} labels | | | | | |")


if __name__ == "__main__":
    main()
