"""`make chaos KILLS=20`: kill jobs, grader workers and Snakemake at random moments, resume, and compare the results.

    python tests/workflow/chaos.py 20
    python tests/workflow/chaos.py 20 --suite tiny --seed 1    another suite, other moments

Each run is killed and resumed, as `make resume` does, until it finishes or all kills are made. Its artifacts must then
equal those of an undisturbed run byte by byte, and no other files may be left. The next run starts from nothing, or
from a finished run of which a part was deleted.
"""

import argparse
import contextlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import checkout
import psutil
from checkout import at_work, wait_for

KINDS = {"jobs": 5, "Snakemake": 4, "graders": 3}
"""Kinds of processes to kill, with their relative frequencies."""

LONGEST = 1 / 6
"""Longest time between two kills, as a share of the duration of an undisturbed run."""

PATIENCE = 10
"""Time limit of a run that is no longer disturbed, in durations of an undisturbed run."""


class FailedError(Exception):
    """A run failed or did not end although it should have finished."""


class Chaos:
    """A series of disturbed runs, with counts of what was done to them."""

    def __init__(self, kills: int, suite: str, seed: int, base: Path):
        self.random, self.kills, self.base = random.Random(seed), kills, base
        self.results = Path("results") / suite
        self.killed: Counter[str] = Counter()
        self.starts = self.finished = self.compared = self.differ = 0
        self.undisturbed = checkout.make(base / "undisturbed", suite)
        self.started = time.monotonic()
        self.say("a run that nobody disturbs")
        ended = checkout.snakemake(self.undisturbed)
        if ended.code:
            raise FailedError(f"a run that nobody disturbs failed\n{ended.output[-3000:]}")
        self.takes = time.monotonic() - self.started
        self.whole = checkout.artifacts(self.undisturbed, self.results)
        self.say(f"{len(self.whole)} files")

    def run(self) -> None:
        """Disturb one run after another until all kills are made.

        Raises:
            FailedError: a run did not go on although nothing disturbed it.
        """
        while self.killed.total() < self.kills:
            folder = self.base / f"run{self.finished + 1}"
            self.begin(folder)
            self.disturb(folder)
            self.compare(folder)
            self.finished += 1
            if not self.differ:
                shutil.rmtree(folder)

    def figures(self) -> str:
        """Return a one-line summary of the kills and their outcome."""
        killed = ", ".join(f"{self.killed[kind]} {kind}" for kind in KINDS)
        return (
            f"chaos: {self.killed.total()} kills ({killed}), {self.starts} starts, {self.finished} runs finished, "
            f"{self.compared} files compared, {self.differ} differ; {(time.monotonic() - self.started) / 60:.0f} min"
        )

    def say(self, what: str) -> None:
        """Print the progress to standard error."""
        seconds = time.monotonic() - self.started
        print(f"{seconds:6.0f} s, {self.killed.total()} of {self.kills} kills: {what}", file=sys.stderr, flush=True)

    # ---------------------------------------------------------------- runs

    def begin(self, folder: Path) -> None:
        """Prepare an empty run, or a finished one without some models or segments and everything made from them."""
        models = sorted(path.name for path in (self.undisturbed / self.results / "runs").iterdir())
        what = self.random.choice(["nothing", "a model", "segments", "segments"])
        if what == "nothing":
            checkout.make(folder, self.results.name)
            self.say("a run from nothing")
            return
        subprocess.run(["cp", "-a", str(self.undisturbed), str(folder)], check=True)
        root = folder / self.results
        if what == "a model":
            model = self.random.choice(models)
            gone = [root / "models" / model, root / "runs" / model]
        else:
            segments = sorted(path for path in (root / "runs").glob("*/*/*/*/*/segments/*") if path.is_dir())
            chosen = self.random.sample(segments, min(3, len(segments)))
            # Later segments continue from the checkpoints of a deleted one.
            gone = [
                path
                for path in segments
                if any(
                    path.parent == one.parent and int(path.name.split("-")[0]) >= int(one.name.split("-")[0])
                    for one in chosen
                )
            ]
        # Snakemake does not notice a missing file while the files made from it exist.
        for path in [
            *gone,
            *(root / name for name in ("experiments", "exhibits", "graders", "claims.csv", "report.html")),
        ]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.say(f"a finished run without {', '.join(str(path.relative_to(root)) for path in gone)}")

    def disturb(self, folder: Path) -> None:
        """Kill and resume the run until it is finished; once all kills are made, let it finish."""
        disturbed = False
        while True:
            process = self.resume(folder)
            while process.poll() is None and self.killed.total() < self.kills:
                end = time.monotonic() + self.random.uniform(0, LONGEST * self.takes)
                while process.poll() is None and time.monotonic() < end:
                    time.sleep(0.1)
                if process.poll() is None:
                    disturbed |= self.kill(folder, process)
            try:
                code = process.wait(PATIENCE * self.takes)
            except subprocess.TimeoutExpired:
                raise FailedError(f"Snakemake does not end in {folder}") from None
            if code == 0:
                return
            if not disturbed:
                raise FailedError(f"a run failed that nobody disturbed\n{(folder / 'started.log').read_text()[-3000:]}")
            disturbed = False

    def resume(self, folder: Path) -> "subprocess.Popen[bytes]":
        """Recover and start Snakemake again, as `make resume` does."""
        self.starts += 1
        recovering = checkout.recover(folder)
        said, _ = recovering.communicate(timeout=PATIENCE * self.takes)
        if recovering.returncode:
            raise FailedError(f"recover failed in {folder}\n{said}")
        with (folder / "started.log").open("a") as log:
            command = checkout.command(2)
            return subprocess.Popen(command, cwd=folder, env=checkout.environment(folder), stdout=log, stderr=log)

    def kill(self, folder: Path, snakemake: "subprocess.Popen[bytes]") -> bool:
        """Kill a process of the kind killed too seldom so far, and return whether one was found in time."""
        kind = min(KINDS, key=lambda each: (self.killed[each] / KINDS[each], self.random.random()))
        number = self.random.choice([signal.SIGKILL, signal.SIGTERM])
        if kind == "graders":
            number = signal.SIGKILL  # workers leave SIGTERM to their parents
        end = time.monotonic() + LONGEST * self.takes
        while time.monotonic() < end and snakemake.poll() is None:
            targets = {"jobs": jobs, "graders": graders}.get(kind, lambda _: [psutil.Process(snakemake.pid)])(folder)
            if targets:
                target = self.random.choice(targets)
                with contextlib.suppress(psutil.Error):
                    name = " ".join(target.cmdline()[1:5])
                    target.send_signal(number)
                    self.killed[kind] += 1
                    self.say(f"{number.name} to {target.pid}: {name}")
                    return True
            time.sleep(0.1)
        return False

    def compare(self, folder: Path) -> None:
        """Count and print the files that differ from those of the undisturbed run."""
        wait_for("all processes to end", lambda: not at_work(folder))
        found = checkout.artifacts(folder, self.results)
        names = sorted(found.keys() | self.whole.keys())
        differ = [name for name in names if found.get(name) != self.whole.get(name)]
        self.compared += len(names)
        self.differ += len(differ)
        for name in differ:
            how = "is missing" if name not in found else "is too many" if name not in self.whole else "differs"
            print(f"{folder / self.results / name} {how}", flush=True)
        self.say(f"finished: {len(names)} files, {len(differ)} differ")


def jobs(folder: Path) -> list[psutil.Process]:
    """Return the processes of running stages."""
    return _of(folder, "spurious_rewards.cli")


def graders(folder: Path) -> list[psutil.Process]:
    """Return the worker processes of the grader."""
    return _of(folder, "spurious_rewards.answers.verifier")


def _of(folder: Path, module: str) -> list[psutil.Process]:
    found = []
    for process in at_work(folder):
        with contextlib.suppress(psutil.Error):
            if module in process.cmdline()[1:5]:
                found.append(process)
    return found


def main() -> int:
    """Run the chaos test; return 1 if a file differs or a run failed, else 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kills", type=int)
    parser.add_argument("--suite", default="smoke")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="chaos-")).resolve()
    try:
        chaos = Chaos(asked.kills, asked.suite, asked.seed, base)
        chaos.run()
    except FailedError as error:
        print(f"error: {error}\nits files are in {base}")
        return 1
    finally:
        for folder in base.iterdir():
            for process in at_work(folder):
                with contextlib.suppress(psutil.Error):
                    process.kill()
    print(chaos.figures())
    if chaos.differ:
        print(f"the files are in {base}")
        return 1
    shutil.rmtree(base)
    return 0


if __name__ == "__main__":
    sys.exit(main())
