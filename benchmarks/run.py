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
    "grpo": "Training on TRL against a bare loop of the same maths: at most 1.6 times the seconds",
    "grading": "Grading against plain Math-Verify on the same pairs: at least 4 times as fast, the same verdicts",
    "repetition": "Looking for repetitions against the obvious ways, in responses of up to 3,000 tokens: the same answers",
    "sampling": "Drawing responses with vLLM against transformers' generate: the same 64 prompts, on all cores",
    "bootstrap": "10,000 resamples of problems and seeds, crossed: 500 problems x 8 samples x 5 seeds in under 2 s",
    "planning": "Planning: the finished default suite, under 20 s; all of the paper's, with nothing made, under 60 s and 600 MB",
    "study": "The default study: what each stage took, and when headline and report stood",
}
"""Script -> title of its section, with what the result should be."""

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
            "Written by `make benchmarks`. What is compared was measured in one run, in turns, so the",
            "ratios mean more than the seconds. What each script does stands at its top.\n",
            f"{time.strftime('%Y-%m-%d', time.gmtime())}; {machine}; {load} processes at work when it began.\n",
            *sections,
        ]
    )
    (ROOT / "docs/benchmarks.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
