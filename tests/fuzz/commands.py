"""Call the product's commands in this process, which is a fork, and return what they print and how they end."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from case import Wrong

ROOT = Path(__file__).parents[2]
LONGEST = 2000
"""Length in characters up to which a person still reads a sentence."""

TRACEBACK = "Traceback (most recent call last)"

BARRED = re.compile(r"[\x00-\x1f\x7f]")
"""Characters that no sentence may hold: line ends and control characters for terminals."""


class Ended(NamedTuple):
    """How a command ended: its exit code, its message to the user at exit, and all that it printed."""

    code: int
    said: str
    output: str


def warm_up() -> None:
    """Import what the commands import and compute the fingerprints, so that no call has to do it."""
    import snakemake.cli  # noqa: F401

    import spurious_rewards.cli.main  # noqa: F401
    from spurious_rewards.artifacts.fingerprints import fingerprint
    from spurious_rewards.stages.registry import registered

    for stage in registered():
        fingerprint(stage)


def checkout(folder: Path) -> None:
    """Lay out in `folder` what the workflow needs of this checkout; the library is the one of this process."""
    for part in ("workflow", "envs", "profiles"):
        (folder / part).symlink_to(ROOT / part)
    shutil.copytree(ROOT / "config", folder / "config")
    shutil.copy(ROOT / "Snakefile", folder)
    (folder / "config.yaml").write_text("suite: mine.yaml\ntracking: none\n")


def product(*arguments: str) -> Ended:
    """Call `spurious-rewards`."""
    from spurious_rewards.cli.main import main

    return _call(main, "spurious-rewards", *arguments)


def plan(*arguments: str) -> Ended:
    """Call `snakemake -n`."""
    from snakemake.cli import main

    return _call(main, "snakemake", "-n", "--cores", "2", *arguments)


def stage(name: str, planned: Ended) -> Ended:
    """Call a stage with its command line from the output of `snakemake -n -p`; if there are several, the last one."""
    shown = re.findall(rf"spurious_rewards\.cli (stage {name} .*?) 2> ", planned.output, re.DOTALL)
    assert shown, planned.output
    return product(*shlex.split(shown[-1]))


def refusal(ended: Ended) -> str:
    """Return the sentence with which a command refused, without "error: ", or an empty text if it did its work.

    Raises:
        Wrong: the command did neither.
    """
    if TRACEBACK in ended.output:
        raise Wrong("traceback", ended.output[ended.output.rindex(TRACEBACK) :][:3000])
    if ended.code == 0:
        return ""
    if ended.code != 1 or not ended.said.startswith("error: "):
        raise Wrong("no sentence", f"exit code {ended.code}: {_complaint(ended)}")
    check(ended.said)
    return ended.said.removeprefix("error: ")


def check(sentence: str) -> None:
    """Check that a person can read a sentence.

    Raises:
        Wrong: it is too long, has several lines or holds control characters.
    """
    if len(sentence) > LONGEST:
        raise Wrong("no sentence", f"{sentence[:200]} … ({len(sentence)} characters)\na sentence too long to be read")
    if found := BARRED.search(sentence):
        what = "of several lines" if found[0] == "\n" else "with control characters"
        raise Wrong("no sentence", f"{sentence!r}\na sentence {what}")


def _complaint(ended: Ended) -> str:
    """Return the last lines of Snakemake's output, followed by the first line that names an exception."""
    lines = [line.strip() for line in ended.output.splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"\b\w*(Error|Exception)\b", line)]
    return "\n".join([*lines[-15:], *told[:1]])


def _call(main: Callable[[], object], *argv: str) -> Ended:
    """Call a command's function, and catch what it prints, also directly to the file descriptors."""
    caught = Path("printed.txt").absolute()
    sys.stdout.flush()
    sys.stderr.flush()
    before = [os.dup(1), os.dup(2)]
    file = os.open(caught, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    arguments, sys.argv = sys.argv, list(argv)
    code, said = 0, ""
    try:
        os.dup2(file, 1)
        os.dup2(file, 2)
        main()
    except SystemExit as error:
        if isinstance(error.code, str):
            code, said = 1, error.code
        else:
            code = error.code or 0
    finally:
        sys.argv = arguments
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, kept in zip((1, 2), before, strict=True):
            os.dup2(kept, descriptor)
            os.close(kept)
        os.close(file)
    output = caught.read_text(errors="replace")
    caught.unlink()
    return Ended(code, said, output)
