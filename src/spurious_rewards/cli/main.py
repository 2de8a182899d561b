"""The command line: one command a stage, nothing but argument passing."""

import errno
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer
import yaml
from pydantic import ValidationError
from rich.console import Console

from spurious_rewards.config import loading, resources
from spurious_rewards.config import settings as config_settings
from spurious_rewards.config.base import Frozen
from spurious_rewards.config.messages import explain, read_yaml
from spurious_rewards.operations import doctor as checks
from spurious_rewards.operations import estimate_report, recovery
from spurious_rewards.operations import fetch as operations_fetch
from spurious_rewards.runtime import gpu_claims
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages import jobs, plan, work
from spurious_rewards.training import launching

app = typer.Typer(
    help="Stages of the pipeline. Snakemake calls them; each can be called by hand with the line that `snakemake -n -p` shows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

terminal = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
"""Where tables and trees go; into a file or a pipe as wide as they commonly are."""

FULL_DISK = re.compile(r"\(os error (28|27|122)\)|PytorchStreamWriter failed|iostream error")
"""What safetensors (ENOSPC, EFBIG, EDQUOT) and torch say when a disk is full."""

J = TypeVar("J", bound=Frozen)
Job = Annotated[str, typer.Argument(metavar="JOB", help="what to do, as JSON (the classes in jobs.py)")]
Output = Annotated[Path, typer.Argument(metavar="OUTPUT", help="the artifact to write")]
Inputs = Annotated[
    list[str],
    typer.Option("--input", metavar="KIND=PATH", help="an artifact to read", default_factory=list, show_default=False),
]


On = Annotated[
    str,
    typer.Option(
        "--hardware", metavar="JSON", help="what the job runs on (jobs.Hardware): GPUs, layout, share of memory"
    ),
]


Config = Annotated[
    list[str],
    typer.Option(
        "--config",
        metavar="KEY=VALUE",
        help="as Snakemake takes it: suite=paper",
        default_factory=list,
        show_default=False,
    ),
]


def _chosen(config: list[str]) -> plan.Plan:
    """The plan of the suite that config.yaml of this folder and `config` choose."""
    root = Path()
    given = dict(pair.partition("=")[::2] for pair in config)
    settings = config_settings.read(
        {**read_yaml(root / "config.yaml"), **{key: yaml.safe_load(text) for key, text in given.items()}}
    )
    path = config_settings.suite_file(settings.suite, root)
    return plan.Plan(loading.load(path), settings, path, root)


def _parse(kind: type[J], text: str) -> J:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise explain(error, "JOB", kind) from None


def _ready(hardware: str, engine: str, output: Path | None = None) -> resources.Hardware:
    """What a job runs on, once it is free and seen to be enough; before torch is imported, which looks for GPUs but once."""
    on = _parse(resources.Hardware, hardware)
    if not launching.launched():
        if on.machines == 1:
            gpu_claims.claim(on.gpus)
        checks.check_node(on, engine, output)
    return on


def _by_name(inputs: list[str]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for given in inputs:
        kind, equals, path = given.partition("=")
        if not equals:
            raise UserError(f"--input {given}: give it as KIND=PATH")
        found.setdefault(kind, []).append(Path(path))
    return found


@app.command()
def prepare(
    job: Job,
    output: Output,
    against: Annotated[
        list[Path],
        typer.Option(help="a prepared set that it must not overlap with", default_factory=list, show_default=False),
    ],
) -> None:
    """Make a problem set from the hub, a local file or a generator."""
    work.prepare(_parse(jobs.PrepareJob, job), output, against)


@app.command()
def pretrain(job: Job, output: Output) -> None:
    """Pretrain an organism."""
    work.pretrain(_parse(jobs.PretrainJob, job), output)


@app.command()
def vote(job: Job, problems: Path, output: Output, hardware: On = "{}") -> None:
    """Sample the untrained model on the training problems."""
    asked = _parse(jobs.VoteJob, job)
    work.vote(asked, problems, output, _ready(hardware, asked.sampling.engine))


@app.command()
def label(job: Job, votes: Path, problems: Path, graded: Path, output: Output) -> None:
    """Grade and count the votes: majority labels."""
    work.label(_parse(jobs.LabelJob, job), votes, problems, graded, output)


@app.command()
def train(
    job: Job,
    data: Annotated[Path, typer.Argument(help="problems, or labels for rewards on votes")],
    checkpoints: Output,
    previous: Annotated[Path | None, typer.Option(help="checkpoints/ of the segment before")] = None,
    tracking: Annotated[
        Literal["wandb", "none"],
        typer.Option(envvar="SPURIOUS_REWARDS_TRACKING", help="where metrics go besides the tables"),
    ] = "none",
    hardware: On = "{}",
) -> None:
    """Train a segment of a run with GRPO."""
    asked = _parse(jobs.TrainJob, job)
    on = _ready(hardware, asked.training.engine, checkpoints)
    launching.launch(on)
    work.train(asked, data, checkpoints, previous, tracking, on)


@app.command()
def respond(job: Job, output: Output, problems: list[Path], hardware: On = "{}") -> None:
    """Answer the benchmarks with checkpoints."""
    asked = _parse(jobs.RespondJob, job)
    work.respond(asked, output, problems, _ready(hardware, asked.sampling.engine))


@app.command()
def prune(job: Job, checkpoints: Path, responses: Path, output: Output, problems: list[Path]) -> None:
    """Delete the checkpoints of a segment that no table reports, once they have answered."""
    work.prune(_parse(jobs.PruneJob, job), checkpoints, responses, output, problems)


@app.command()
def grade(job: Job, responses: Path, output: Output, problems: list[Path]) -> None:
    """Grade responses."""
    work.grade(_parse(jobs.GradeJob, job), responses, output, problems)


@app.command()
def probe(job: Job, problems: Path, output: Output) -> None:
    """Probe what the clip does to random rewards."""
    work.probe(_parse(jobs.ProbeJob, job), problems, output)


@app.command()
def recall(job: Job, output: Output, problems: list[Path], hardware: On = "{}") -> None:
    """Have models before training go on with the beginnings of problems."""
    asked = _parse(jobs.RecallJob, job)
    work.recall(asked, output, problems, _ready(hardware, asked.sampling.engine))


@app.command()
def contamination(job: Job, folder: Output, inputs: Inputs) -> None:
    """What of the benchmarks stands in the training set, and what models know of problems before training."""
    work.contamination(_parse(jobs.ContaminationJob, job), folder, _by_name(inputs))


@app.command()
def bandit(job: Job, output: Output) -> None:
    """Run the two-action bandit."""
    work.bandit(_parse(jobs.BanditJob, job), output)


@app.command()
def score(job: Job, output: Output, inputs: Inputs) -> None:
    """Scores and tables of numbers of an experiment and model, from its grades and metrics."""
    work.score(_parse(jobs.ScoreJob, job), output, _by_name(inputs))


@app.command()
def summarise(job: Job, folder: Output, inputs: Inputs) -> None:
    """What voting and training were like."""
    work.summarise(_parse(jobs.SummariseJob, job), folder, _by_name(inputs))


@app.command()
def agreement(job: Job, folder: Output, inputs: Inputs) -> None:
    """How far three graders agree, and how far the headline would move."""
    work.agreement(_parse(jobs.AgreementJob, job), folder, _by_name(inputs))


@app.command()
def exhibit(job: Job, folder: Output, inputs: Inputs) -> None:
    """A figure or table with its numbers."""
    work.exhibit(_parse(jobs.ExhibitJob, job), folder, _by_name(inputs))


@app.command()
def claims(
    job: Job,
    output: Output,
    inputs: Annotated[list[Path] | None, typer.Argument(help="the numbers that it is judged by")] = None,
) -> None:
    """The verdict on each claim of the ledger."""
    work.claims(_parse(jobs.ClaimsJob, job), output, inputs or [])


@app.command()
def report(job: Job, output: Output) -> None:
    """The report of a suite, from what lies beside it."""
    work.report(_parse(jobs.ReportJob, job), output)


@app.command()
def doctor(
    config: Config,
    cluster: Annotated[bool, typer.Option("--slurm", help="jobs will run on a cluster, not here")] = False,
) -> None:
    """Say what would stop a suite, and how to mend it; exit code 1 if something would."""
    chosen = _chosen(config)
    findings = checks.doctor(chosen, "slurm" if cluster else "local")
    print(checks.report(findings, chosen.name))
    if checks.failing(findings):
        sys.exit(1)


@app.command()
def estimate(
    config: Config, gpus: Annotated[int, typer.Option(min=1, help="how many there are, for the time that it takes")] = 8
) -> None:
    """Print what a suite takes: runs, GPU-hours, disk, time; and what it took, once it has run."""
    print(estimate_report.report(_chosen(config), gpus))


@app.command()
def fetch(config: Config, to: Annotated[Path, typer.Option(help="the folder to copy to")]) -> None:
    """Copy the models and problems of a suite from the hub, for machines without a network."""
    chosen = _chosen(config)
    operations_fetch.fetch(chosen.suite, chosen.suite_path, to)


@app.command()
def trace(
    file: Annotated[Path, typer.Argument(help="any file or folder that a stage made, or a file in one")],
    every: Annotated[bool, typer.Option("--all", help="tell of each artifact alone, also of many of a kind")] = False,
) -> None:
    """Print what a number was made from, all the way back, and whether it still stands there."""
    from spurious_rewards.operations import lineage, lineage_report

    terminal.print(lineage_report.report(lineage.trace(file, every)))


@app.command()
def diff(
    a: Annotated[Path, typer.Argument(help="results of a suite: results/SUITE, or a copy from elsewhere")],
    b: Annotated[Path, typer.Argument(help="those to set beside them")],
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="where to write the numbers too")] = None,
) -> None:
    """Set the results of two suites, or of one suite at two times, side by side."""
    from spurious_rewards.artifacts import tables
    from spurious_rewards.operations import diff as operations_diff

    one, other = operations_diff.Results(a), operations_diff.Results(b)
    terminal.print(operations_diff.report(one, other))
    if csv:
        tables.write_csv(operations_diff.numbers(one, other), csv)


@app.command()
def crate(config: Config, to: Annotated[Path, typer.Option(help="the folder or .zip file to write")]) -> None:
    """Export what was made of a suite as a Workflow Run RO-Crate, for an archive: all but weights and logs."""
    from spurious_rewards.operations import export  # what writes crates is in no environment that jobs run in

    export.export(_chosen(config), to)


@app.command()
def salvage(
    job: Annotated[Path, typer.Argument(metavar="UNDONE", help="results/SUITE/partial/undone.json")],
) -> None:
    """Make a report of what is there, after a run that failed or was stopped."""
    from spurious_rewards.operations import partial_report as salvaging

    print(salvaging.salvage(salvaging.read(job)))


@app.command("hash")
def text_hash(problems: Path) -> None:
    """Print the hash of each problem of a prepared set, as `only` of a problem set takes it."""
    work.print_hashes(problems)


@app.command()
def unlock() -> None:
    """Make this folder ready to go on after Snakemake itself was killed."""
    recovery.unlock(Path.cwd())


@app.command()
def schema() -> None:
    """Print the JSON schema of suites, as YAML."""
    print(loading.schema(), end="")


def main() -> None:
    """Run a command; what a user can mend ends in one line on stderr and exit code 1."""
    try:
        app()
    except UserError as error:
        sys.exit(f"error: {error}")
    except Exception as error:
        if not (said := _full_disk(error)):
            raise
        sys.exit(f"error: {said}; make room and run again, nothing that was finished is lost")


def _full_disk(error: BaseException | None) -> str:
    """Where and how a full disk showed, if it is what an error or one before it comes from; else nothing.

    safetensors and torch have exceptions of their own for it, which only their words tell from others.
    """
    if error is None:
        return ""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return f"{error.filename or os.getcwd()}: {os.strerror(error.errno)}"
    if FULL_DISK.search(str(error)):
        return f"{os.getcwd()}: {str(error).splitlines()[0]}"
    return _full_disk(error.__cause__ or error.__context__)
