"""Grade a table of responses of any size, part by part in several processes; finished parts survive an interruption.

For scale: 2.5 million majority-vote samples are 20 GB of text and take hours on one core.
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
    """The parameters of grading; see `grading.grade`."""

    truths: Mapping[tuple[str, str], str]
    answer_in: Literal["box", "tag"]
    recognised: Strategies


def grade_table(responses: Path, output: Path, asked: Asked, cores: int) -> None:
    """Grade tables.Responses at `responses` and write tables.Grades at `output`, in the same order.

    Each row group of the table is one part. The grades of each part are a file in a hidden folder beside `output`, in a
    subfolder named by a digest of the responses, the parameters and the grading code. So an interrupted job computes
    only the missing parts. A table with a single part is graded directly, without such a file.

    Args:
        responses: a file of tables.Responses.
        output: the file of tables.Grades to write.
        asked: how to grade.
        cores: number of processes that grade in parallel.

    Raises:
        UserError: see `grading.grade` and `tables.read`; or the system killed a grading process.
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
    """Grade the responses of a part, write its file, and return the number of responses."""
    number, file = part
    frame = tables.read_row_groups(responses, tables.Responses, [number])
    tables.write(grade(frame, *asked, verifier), tables.Grades, file)
    return len(frame)


# ---------------------------------------------------------------- within a process of the pool

_of_process: Verifier
"""One verifier for all parts of the process: starting its worker takes longer than grading most parts."""


def _begin_process() -> None:
    global _of_process
    _of_process = Verifier()  # its worker ends when this process ends


def _grade_in_pool(responses: Path, asked: Asked, part: tuple[int, Path]) -> int:
    return _grade_part(responses, asked, _of_process, part)
