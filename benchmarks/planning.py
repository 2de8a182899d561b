"""Measures the time and memory that Snakemake needs to plan a suite: `python benchmarks/planning.py`.

The suite's results are read from results/ in the working directory. A suite that is not finished is planned too, and
the table says how many jobs it still has.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

SNAKEFILE = Path(__file__).parents[1] / "Snakefile"


def plan(suite: str, *options: str) -> tuple[float, int, float]:
    """Return (seconds, jobs to run, peak memory in MB) of `snakemake -n`."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        SNAKEFILE,
        "-n",
        *options,
        "--config",
        f"suite={suite}",
    ]
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode:
        sys.exit(said)
    total = re.search(r"^total\s+(\d+)", said, re.MULTILINE)
    return seconds, int(total[1]) if total else 0, usage.ru_maxrss * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", nargs="+", default=["organism", "paper"])
    print("| suite | all jobs | jobs left | `snakemake -n`, s | peak memory, MB |")
    print("|---|---|---|---|---|")
    for suite in parser.parse_args().suites:
        seconds, left, memory = plan(suite)
        _, jobs, _ = plan(suite, "--forceall")
        print(f"| {suite} | {jobs} | {left} | {seconds:.1f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
