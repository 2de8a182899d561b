"""The command line: one command a stage, nothing but argument passing."""

import errno
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer
from pydantic import ValidationError

from spurious_rewards import plan, resuming, stages, suite
from spurious_rewards.complaints import explain
from spurious_rewards.errors import UserError
from spurious_rewards.suite import Frozen

app = typer.Typer(
    help="Stages of the pipeline. Snakemake calls them; each can be called by hand with the line that `snakemake -n -p` shows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

FULL_DISK = re.compile(r"\(os error (28|27|122)\)|PytorchStreamWriter failed|iostream error")
"""What safetensors (ENOSPC, EFBIG, EDQUOT) and torch say when a disk is full."""

J = TypeVar("J", bound=Frozen)
Job = Annotated[str, typer.Argument(metavar="JOB", help="what to do, as JSON (the classes in plan.py)")]
Output = Annotated[Path, typer.Argument(metavar="OUTPUT", help="the artifact to write")]
Inputs = Annotated[
    list[str],
    typer.Option("--input", metavar="KIND=PATH", help="an artifact to read", default_factory=list, show_default=False),
]


def _parse(kind: type[J], text: str) -> J:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise explain(error, "JOB", kind) from None


def _by_name(inputs: list[str]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for given in inputs:
        kind, equals, path = given.partition("=")
        if not equals:
            raise UserError(f"--input {given}: give it as KIND=PATH")
        found.setdefault(kind, []).append(Path(path))
    return found


@app.command()
def prepare(job: Job, output: Output) -> None:
    """Make a problem set from the hub, a local file or the organism's generator."""
    stages.prepare(_parse(plan.PrepareJob, job), output)


@app.command()
def pretrain(job: Job, output: Output) -> None:
    """Pretrain an organism."""
    stages.pretrain(_parse(plan.PretrainJob, job), output)


@app.command()
def vote(job: Job, problems: Path, output: Output) -> None:
    """Sample the untrained model on the training problems."""
    stages.vote(_parse(plan.VoteJob, job), problems, output)


@app.command()
def label(job: Job, votes: Path, problems: Path, graded: Path, output: Output) -> None:
    """Grade and count the votes: majority labels."""
    stages.label(_parse(plan.LabelJob, job), votes, problems, graded, output)


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
) -> None:
    """Train a segment of a run with GRPO."""
    stages.train(_parse(plan.TrainJob, job), data, checkpoints, previous, tracking)


@app.command()
def respond(job: Job, output: Output, problems: list[Path]) -> None:
    """Answer the benchmarks with checkpoints."""
    stages.respond(_parse(plan.RespondJob, job), output, problems)


@app.command()
def grade(job: Job, responses: Path, output: Output, problems: list[Path]) -> None:
    """Grade responses."""
    stages.grade(_parse(plan.GradeJob, job), responses, output, problems)


@app.command()
def probe(job: Job, problems: Path, output: Output) -> None:
    """Probe what the clip does to random rewards."""
    stages.probe(_parse(plan.ProbeJob, job), problems, output)


@app.command()
def bandit(job: Job, output: Output) -> None:
    """Run the two-action bandit."""
    stages.bandit(_parse(plan.BanditJob, job), output)


@app.command()
def score(job: Job, output: Output, inputs: Inputs) -> None:
    """Scores and tables of numbers of an experiment and model, from its grades and metrics."""
    stages.score(_parse(plan.ScoreJob, job), output, _by_name(inputs))


@app.command()
def summarise(job: Job, folder: Output, inputs: Inputs) -> None:
    """What voting and training were like."""
    stages.summarise(_parse(plan.SummariseJob, job), folder, _by_name(inputs))


@app.command()
def exhibit(job: Job, folder: Output, inputs: Inputs) -> None:
    """A figure or table with its numbers."""
    stages.exhibit(_parse(plan.ExhibitJob, job), folder, _by_name(inputs))


@app.command()
def report(job: Job, output: Output) -> None:
    """The report of a suite, from what lies beside it."""
    stages.report(_parse(plan.ReportJob, job), output)


@app.command("hash")
def text_hash(problems: Path) -> None:
    """Print the hash of each problem of a prepared set, as `only` of a problem set takes it."""
    stages.print_hashes(problems)


@app.command()
def unlock() -> None:
    """Make this folder ready to go on after Snakemake itself was killed."""
    resuming.unlock(Path.cwd())


@app.command()
def schema() -> None:
    """Print the JSON schema of suites, as YAML."""
    print(suite.schema(), end="")


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
