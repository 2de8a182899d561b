"""How long Snakemake takes to find what a suite has left to do: `python benchmarks/planning.py`.

A finished suite is read from results/ in the working directory. One that is not finished is planned too, and the table
says how many jobs it still has.
"""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

SNAKEFILE = Path(__file__).parents[1] / "Snakefile"


def plan(suite: str, *options: str) -> tuple[float, int]:
    """(seconds, jobs to run) of `snakemake -n`."""
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
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seconds = time.perf_counter() - began
    total = re.search(r"^total\s+(\d+)", done.stdout, re.MULTILINE)
    return seconds, int(total[1]) if total else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", nargs="+", default=["organism", "paper"])
    print("| suite | jobs in all | jobs left | `snakemake -n`, s |")
    print("|---|---|---|---|")
    for suite in parser.parse_args().suites:
        seconds, left = plan(suite)
        _, jobs = plan(suite, "--forceall")
        print(f"| {suite} | {jobs} | {left} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
