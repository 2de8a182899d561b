"""Grading a table of responses of any size: part by part, in several processes, each part kept until the table stands.

Two and a half million votes are 20 GB of text, and hours of one core.
"""

import hashlib
import json
import multiprocessing
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from spurious_rewards.answers.grading import grade
from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.digests import listing
from spurious_rewards.artifacts.fingerprints import fingerprint
from spurious_rewards.config.training import Strategies
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import remove
from spurious_rewards.runtime.progress import Progress


class Asked(NamedTuple):
    """How responses are graded; see `grading.grade`."""

    truths: Mapping[tuple[str, str], str]
    answer_in: Literal["box", "tag"]
    recognised: Strategies


def grade_table(responses: Path, output: Path, asked: Asked, cores: int) -> None:
    """Grade tables.Responses at `responses` and write tables.Grades at `output`, in the same order.

    A part is a row group. Its grades are a file in a hidden folder beside `output`, under a digest of the responses, of what
    is asked and of the code that grades. An interrupted job goes on with those that are missing. A table of one part is
    graded at once.

    Args:
        responses: a file of tables.Responses.
        output: where the grades go.
        asked: how to grade.
        cores: processes that grade at once.

    Raises:
        UserError: see `grading.grade` and `tables.read`; or the system has ended a process.
    """
    rows = tables.row_groups(responses, tables.Responses)
    if len(rows) <= 1:
        with Verifier() as verifier:
            tables.write(grade(tables.read(responses, tables.Responses), *asked, verifier), tables.Grades, output)
        return
    whole = output.with_name(f".{output.name}.partial")
    said = [sorted(asked.truths.items()), asked.answer_in, asked.recognised.model_dump(), fingerprint("grade")]
    digest = hashlib.sha256(json.dumps([listing(responses), said]).encode()).hexdigest()[:16]
    parts = whole / digest
    parts.mkdir(parents=True, exist_ok=True)
    for other in whole.iterdir():
        if other != parts:
            remove(other)
    files = [parts / f"{number}.parquet" for number in range(len(rows))]
    progress = Progress("responses graded", total=sum(rows))
    missing = [(number, file) for number, file in enumerate(files) if not file.exists()]
    progress.skip(sum(rows) - sum(rows[number] for number, _ in missing))
    with ExitStack() as stack:
        if cores > 1:
            spawning = multiprocessing.get_context("spawn")
            processes = min(cores, len(missing) or 1)
            pool = stack.enter_context(ProcessPoolExecutor(processes, mp_context=spawning, initializer=_begin_process))
            graded: Iterator[int] = pool.map(partial(_grade_in_pool, responses, asked), missing)
        else:
            verifier = stack.enter_context(Verifier())
            graded = map(partial(_grade_part, responses, asked, verifier), missing)
        try:
            for done in graded:
                progress.advance(done)
        except BrokenProcessPool:
            raise UserError(
                f"{responses}: a process that grades was ended from outside, most often since the machine has no memory left; "
                "run again with more, or with fewer cores: what is graded is kept"
            ) from None
    tables.join(files, tables.Grades, output)
    remove(whole)


def _grade_part(responses: Path, asked: Asked, verifier: Verifier, part: tuple[int, Path]) -> int:
    """Grade the responses of a part into its file; returns how many they are."""
    number, file = part
    frame = tables.read_row_groups(responses, tables.Responses, [number])
    tables.write(grade(frame, *asked, verifier), tables.Grades, file)
    return len(frame)


# ---------------------------------------------------------------- within a process of the pool

_of_process: Verifier
"""For all parts that it grades: a verifier's worker takes longer to start than it takes to grade most parts."""


def _begin_process() -> None:
    global _of_process
    _of_process = Verifier()  # its worker ends with the process


def _grade_in_pool(responses: Path, asked: Asked, part: tuple[int, Path]) -> int:
    return _grade_part(responses, asked, _of_process, part)
