"""`make fuzz`: inputs from outside, each with one thing wrong, must end in a result or a sentence.

python tests/fuzz/run.py                              all kinds, some 12,000 cases
python tests/fuzz/run.py suites --cases 100           the first hundred of one kind
python tests/fuzz/run.py suites --seed 0 --number 17  one case again; its files stay to be looked at
"""

import argparse
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import damage
from case import REFUSED, Kind
from forks import FAULTS, Result, judge_all, judge_one

KINDS = ("suites", "model_folders", "data_files", "results", "answers")
SHOWN = 5
"""Number of cases that are listed for each cause; more of the same say nothing new."""


def main() -> int:
    """Run the kinds that are asked for, and return 1 if a case ended in neither a result nor a sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, "faulty", []], metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, help="how many of each kind")
    parser.add_argument("--number", type=int, help="only this case, and keep what it leaves")
    parser.add_argument("--processes", type=int, default=min(os.cpu_count() or 1, 8))
    asked = parser.parse_args()
    if len(asked.kinds) != 1:  # each kind in a process of its own, so that its imports take no memory of the others
        options = [f"--{name}={value}" for name, value in vars(asked).items() if name != "kinds" and value is not None]
        calls = [[sys.executable, __file__, kind, *options] for kind in asked.kinds or KINDS]
        return max([subprocess.run(call).returncode for call in calls])
    [name] = asked.kinds
    kind: Kind = importlib.import_module(name)  # type: ignore[assignment]
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-")).resolve()
    if asked.number is not None:
        return _one(kind, name, asked.seed, asked.number, folder)
    numbers = range(asked.cases if asked.cases is not None else kind.CASES)
    try:
        results = list(_shown(name, judge_all(kind, asked.seed, numbers, asked.processes, folder), len(numbers)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    faults = sorted((result for result in results if result.end in FAULTS), key=lambda result: result.number)
    _report(name, asked.seed, faults)
    print(figures(name, asked.seed, results), flush=True)
    return 1 if faults else 0


def figures(name: str, seed: int, results: Iterable[Result]) -> str:
    """Return one line that says how many cases ended in which way."""
    results = list(results)
    counts = Counter(result.end for result in results)
    well = ", ".join(
        f"{counts[end]} {end}" for end in sorted(counts, key=lambda end: end == REFUSED) if end not in FAULTS
    )
    badly = ", ".join(f"{counts[end]} {end}" for end in FAULTS)
    longest = max((result.seconds for result in results), default=0)
    memory = max((result.memory for result in results), default=0)
    return (
        f"{name.replace('_', ' ')}: {len(results)} tried, {well}; {badly}; "
        f"longest {longest:.1f} s, most memory {memory / 1e6:.0f} MB; seed {seed}"
    )


def _shown(name: str, results: Iterable[Result], total: int) -> Iterable[Result]:
    """Pass the results on, and show the progress on stderr every few seconds."""
    counts: Counter[str] = Counter()
    shown = time.monotonic()
    for result in results:
        counts[result.end] += 1
        if time.monotonic() - shown > 10 or counts.total() == total:
            shown = time.monotonic()
            said = ", ".join(f"{count} {end}" for end, count in counts.items())
            print(f"{name}: {counts.total()} of {total}: {said}", file=sys.stderr, flush=True)
        yield result


def _report(name: str, seed: int, faults: Iterable[Result]) -> None:
    """Print the failed cases by cause, and the command that runs one again."""
    causes: dict[str, list[Result]] = defaultdict(list)
    for fault in faults:
        causes[fault.cause].append(fault)
    for cause, found in sorted(causes.items(), key=lambda pair: -len(pair[1])):
        print(f"\n{len(found)} times {cause}")
        for fault in found[:SHOWN]:
            print(f"  {fault.number}: {fault.wrong}")
        if found[SHOWN:]:
            print(f"  and {', '.join(str(fault.number) for fault in found[SHOWN:])}")
        print(f"  again: python tests/fuzz/run.py {name} --seed {seed} --number {found[0].number}")
        print("  | " + "\n  | ".join(found[0].said.strip().splitlines()[-6:]))


def _one(kind: Kind, name: str, seed: int, number: int, folder: Path) -> int:
    """Judge one case in this process, and show all that it prints."""
    shared = folder / "shared"
    shared.mkdir()
    os.chdir(shared)
    kind.warm_up(shared)
    case = kind.case(seed, number)
    print(f"{name} {number} of seed {seed}: {case.wrong}\n{damage.shown(case.content)}\nin {folder / str(number)}")
    result = judge_one(kind, case, folder / str(number), shared, keep=True)
    print(f"{result.end}: {result.said}")
    return 1 if result.end in FAULTS else 0


if __name__ == "__main__":
    sys.exit(main())
