"""Results of a suite with one damaged file, through all commands that read results of others."""

import itertools
import os
import shutil
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import commands
import rehearsal
import results_damage
import yaml
from case import REFUSED, Case, Verdict, Wrong, generator
from rehearsal import Rehearsal

from spurious_rewards.artifacts.manifests import Recorder
from spurious_rewards.config import claims as ledgers
from spurious_rewards.config.loading import load
from spurious_rewards.config.settings import Settings
from spurious_rewards.operations.unfinished import UnfinishedJob, UnfinishedRun
from spurious_rewards.stages import claims, plot, report
from spurious_rewards.stages.study import Study

CHUNK = 20
SECONDS = 120
MEMORY = 1_500_000_000
MEMORY_OF_WORKERS = MEMORY

READ = "read"

SUITE = Path("config/suites/mine.yaml")
RESULTS = Path("results/mine")


def warm_up(folder: Path) -> None:
    """Import the commands, and make the results that the cases damage."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    commands.warm_up()
    rehearsal.warm_up()
    lay_out(folder)
    study = _study()
    Rehearsal(study).report()
    record(study)
    assert [file for file in FILES if not (RESULTS / file).is_file()] == []


def lay_out(folder: Path) -> None:
    """Lay out a checkout whose suite has each kind of exhibit that reads another stage's file in its own way."""
    commands.checkout(folder)
    suite = yaml.safe_load((commands.ROOT / "tests/workflow/tiny.yaml").read_text())
    experiment: dict[str, Any] = {"experiment": "main"}
    suite["exhibits"] |= {
        kind: {"title": f"Of kind {kind}", "kind": kind, **experiment}
        for kind in ("curves", "health", "contributions", "qualitative")
    }
    suite["partial_prompt"] = {"models": ["organism"], "problems": ["sums"]}
    (folder / SUITE).write_text(yaml.safe_dump(suite))
    (folder / "config.yaml").write_text("suite: mine\ntracking: none\n")


def record(study: Study) -> None:
    """Record that the report was not made, and write the card of a problem set."""
    card = {
        "source": "invented",
        "read_from": "sums.jsonl",
        "revision": None,
        "rows": 6,
        "kept": 6,
        "dropped": {"blank": 0},
    }
    Recorder("prepare", {"name": "sums"}).write(study.paths.problems("sums"), card={**card, "sha256": "0" * 64})
    log = study.paths.root / "logs/plot/table1.log"
    log.parent.mkdir(parents=True)
    log.write_text("error: no ink\n")
    table = plot.files(study, "table1")[0]
    jobs = (
        UnfinishedJob(name="making table1", inputs=(), outputs=(table,), log=log, failed=True),
        UnfinishedJob(name="report", inputs=(table,), outputs=(study.paths.report(),), log=None, failed=False),
    )
    study.paths.unfinished().parent.mkdir()
    study.paths.unfinished().write_text(UnfinishedRun(unfinished=jobs).model_dump_json(indent=1))


def _study() -> Study:
    return Study(load(SUITE), Settings(suite="mine"), SUITE)


# ---------------------------------------------------------------- what is wrong with a file

FILES = (
    *(f"experiments/main/organism/{name}.csv" for name in ("headline", "seeds", "comparisons", "before")),
    *("experiments/main/organism/grading.csv", "claims.csv"),
    *(f"experiments/main/{name}.csv" for name in ("labels", "health", "training")),
    *(f"contamination/{name}.csv" for name in ("leakage", "memorization", "overlaps")),
    *(f"graders/{name}.csv" for name in ("agreement", "accuracy", "differences")),
    *(f"exhibits/{name}" for name in ("contributions/table.csv", "fig1/math500.svg", "fig1/page.json")),
    *(f"exhibits/{name}/page.json" for name in ("table1", "curves", "qualitative")),
    *("report.html.manifest.json", "claims.csv.manifest.json", "exhibits/fig1.manifest.json"),
    *("experiments/main/organism.manifest.json", "contamination.manifest.json", "graders/agreement.csv.manifest.json"),
    "problems/sums.parquet.manifest.json",
    *("partial/unfinished.json", "report.html"),
    *(f"experiments/main/organism/{name}.parquet" for name in ("scores", "rates")),
    "problems/sums.parquet",
)
"""At least one file for each way in which something reads a file."""

PAIRS = [(file, way) for file in FILES for way in (*results_damage.ways(file), *results_damage.SPECIAL)]
Random(0).shuffle(PAIRS)  # so that a short run has some of each

CASES = len(PAIRS)


def case(seed: int, number: int) -> Case:
    """Return a file and what is wrong with it: each file in each way, then again with other values."""
    file, way = PAIRS[number % CASES]
    return Case(number, f"{file}: {way}", (file, way, (seed, number)))


# ---------------------------------------------------------------- what reads it


def judge(case: Case, shared: Path) -> Verdict:
    """Damage a copy of the results, and have it reported, compared, traced and archived."""
    file, way, seed = case.content
    shutil.copytree(shared, Path(), symlinks=True, dirs_exist_ok=True)
    here, random = Path.cwd(), generator("results", *seed)
    if way in results_damage.SPECIAL:
        results_damage.SPECIAL[way](RESULTS / file)
        os.chdir(here)
    else:
        change = results_damage.ways(file)[way]
        (RESULTS / file).write_bytes(change(random, (RESULTS / file).read_bytes()))
    try:
        said = [_refusal(*words) for words in _calls(file, shared)]
    finally:  # the harness searches for files, and Python's own functions fail on folders this deep
        subprocess.run(["rm", "-rf", str((RESULTS / file).parent / results_damage.DEEP)], check=True)
    return Verdict(REFUSED, next(filter(None, said))) if any(said) else Verdict(READ)


def _refusal(*words: str) -> str:
    try:
        return commands.refusal(commands.product(*words))
    except Wrong:
        raise
    except Exception as error:
        error.add_note(f"by {' '.join(words)[:100]}")
        raise


def _calls(file: str, shared: Path) -> list[list[str]]:
    """Return the commands that read a file."""
    good, bad, study = str(shared / RESULTS), str(RESULTS), _study()
    calls = [["diff", good, bad, "--csv", "diff.csv"], ["lineage", "--all", str(RESULTS / file)]]
    calls += [_stage("report", report.job(study), {}, "report", study.paths.report())]
    if file.endswith((".json", ".html", ".svg")):
        calls += [["export", "--to", "crate"], ["lineage", str(RESULTS / "report.html")]]
    if file.startswith("partial") or file in ("claims.csv", "exhibits/fig1/page.json"):
        calls.append(["partial-report", str(study.paths.unfinished())])
    for name in study.suite.exhibits:
        inputs = plot.inputs(study, name)
        if RESULTS / file in itertools.chain(*inputs.values()):
            calls.append(_stage("plot", plot.job(study, name), inputs, "folder", study.paths.exhibit(name)))
    ledger = ledgers.read(ledgers.FILE)
    if RESULTS / file in (numbers := claims.numbers(study, ledger)):
        job = claims.job(study, ledger, load(ledgers.PAPER))
        calls.append(_stage("claims", job, {"numbers": numbers}, "claims", study.paths.claims()))
    return calls


def _stage(name: str, job: Any, inputs: dict[str, list[Path]], made: str, output: Path) -> list[str]:
    given = [f"--input={kind}={path}" for kind, paths in inputs.items() for path in paths]
    return ["stage", name, job.as_json(), *given, f"--output={made}={output}"]
