"""Runs every benchmark, one after the other, and writes docs/benchmarks.md.

Start it with `make benchmarks` or `python benchmarks/run.py`.

Two of the benchmarks read results/organism: run `make reproduce` before, without interruption.
"""

import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent

BENCHMARKS = {
    "grpo": "Training with TRL, compared with a bare loop of the same maths (target: at most 1.6 times as slow)",
    "grading": "Grading, compared with plain Math-Verify on the same pairs (target: at least 4 times as fast, same verdicts)",
    "repetition": "Finding repetitions in up to 3,000 tokens, compared with two obvious ways (target: the same answers)",
    "sampling": "Sampling with vLLM, compared with transformers' generate: the same 64 prompts, on all cores",
    "bootstrap": "Crossed bootstrap, 10,000 resamples (target: 500 problems x 8 samples x 5 seeds in under 2 s)",
    "planning": "Planning (targets: finished default suite in under 20 s; paper suite, nothing made, in under 60 s and 600 MB)",
    "study": "The default study: what each stage took, and the time to the headline and to the report",
}
"""Script -> title of its section, with its target, if it has one."""

PACKAGES = ("torch", "transformers", "trl", "math-verify", "snakemake")


def table(script: str) -> str:
    """Run a benchmark and return the Markdown table that it prints."""
    print(f"{script} …", file=sys.stderr)
    python = ROOT / ".venv-vllm/bin/python" if script == "sampling" else sys.executable
    done = subprocess.run(
        [python, HERE / f"{script}.py"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=True,
    )
    return "\n".join(line for line in done.stdout.splitlines() if line.startswith("|"))


def main() -> None:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"
    load = f"{os.getloadavg()[0]:.1f}"
    sections = [f"## {title}\n\n{table(script)}\n" for script, title in BENCHMARKS.items()]
    text = "\n".join(
        [
            "# Speed\n",
            "`make benchmarks` writes this page. What is compared was measured in one run, in turns, so the ratios",
            "mean more than the seconds. The first lines of each script in `benchmarks/` say what it does.\n",
            f"{time.strftime('%Y-%m-%d', time.gmtime())}; {machine}; load average {load} at the start.\n",
            *sections,
        ]
    )
    (ROOT / "docs/benchmarks.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
