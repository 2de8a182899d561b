"""Grading a table part by part: the grades are the same, memory stays small, and no part is graded twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from spurious_rewards.answers import grading_in_parts
from spurious_rewards.answers.grading import grade
from spurious_rewards.answers.grading_in_parts import Asked, grade_table
from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.artifacts import tables
from spurious_rewards.config.training import Strategies
from spurious_rewards.runtime.errors import UserError

PROBLEMS = 50
TRUTHS = {("vote", f"p{number}"): str(number) for number in range(PROBLEMS)}
ASKED = Asked(TRUTHS, "box", Strategies())


def responses(count: int, characters: int = 0) -> pd.DataFrame:
    numbers = range(count)
    return pd.DataFrame(
        {
            "seed": [0] * count,
            "step": [0] * count,
            "benchmark": ["vote"] * count,
            "id": [f"p{number % PROBLEMS}" for number in numbers],
            "sample": [number // PROBLEMS for number in numbers],
            "response": [f"{number} {'so ' * (characters // 3)}\\boxed{{{number % 7}}}" for number in numbers],
            "tokens": [5] * count,
            "truncated": [False] * count,
        }
    )


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROW_GROUP", 100)


@pytest.fixture
def written(small_parts: None, tmp_path: Path) -> Path:
    tables.write(responses(730), tables.Responses, tmp_path / "votes.parquet")
    assert pq.read_metadata(tmp_path / "votes.parquet").num_row_groups == 8
    return tmp_path / "votes.parquet"


@pytest.mark.parametrize("cores", [1, 3])
def test_parts_in_several_processes_give_the_grades_of_the_whole(written: Path, cores: int) -> None:
    grade_table(written, written.parent / "grades.parquet", ASKED, cores)
    with Verifier() as verifier:
        expected = grade(responses(730), *ASKED, verifier)
    found = tables.read(written.parent / "grades.parquet", tables.Grades)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert sorted(path.name for path in written.parent.iterdir()) == ["grades.parquet", "votes.parquet"]


def test_an_interrupted_job_goes_on_with_the_parts_that_are_missing(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graded: list[int] = []
    own = grading_in_parts.grade

    def watched(frame: pd.DataFrame, *rest: object) -> pd.DataFrame:
        graded.append(int(frame["sample"].iloc[0] * PROBLEMS))
        if len(graded) == 4:
            raise KeyboardInterrupt
        return own(frame, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(grading_in_parts, "grade", watched)
    output = written.parent / "grades.parquet"
    with pytest.raises(KeyboardInterrupt):
        grade_table(written, output, ASKED, 1)
    assert not output.exists()
    grade_table(written, output, ASKED, 1)
    assert graded == [0, 100, 200, 300, 300, 400, 500, 600, 700]
    assert len(tables.read(output, tables.Grades)) == 730


@pytest.mark.parametrize("change", ["responses", "asked"])
def test_parts_of_other_responses_or_another_question_are_never_used(
    written: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    own, calls = grading_in_parts.grade, iter([1, 1, 0])
    monkeypatch.setattr(grading_in_parts, "grade", lambda *given: own(*given) if next(calls) else 1 / 0)
    output = written.parent / "grades.parquet"
    with pytest.raises(ZeroDivisionError):
        grade_table(written, output, ASKED, 1)
    monkeypatch.setattr(grading_in_parts, "grade", own)
    asked, frame = ASKED, responses(730)
    if change == "responses":
        frame = frame.assign(response="\\boxed{3}")
        tables.write(frame, tables.Responses, written)
    else:
        asked = ASKED._replace(truths=dict.fromkeys(TRUTHS, "5"))
    grade_table(written, output, asked, 1)
    with Verifier() as verifier:
        expected = grade(frame, *asked, verifier)
    assert tables.read(output, tables.Grades)["correct"].tolist() == expected["correct"].tolist()


def test_what_a_part_complains_of_is_the_jobs_complaint(written: Path) -> None:
    few = ASKED._replace(truths={("vote", "p1"): "1"})
    with pytest.raises(UserError, match="responses to benchmark vote, id p0: no such problem"):
        grade_table(written, written.parent / "grades.parquet", few, 2)


def die(frame: pd.DataFrame, *rest: object) -> pd.DataFrame:
    if frame["sample"].iloc[0] == 4:  # the third part
        os.kill(os.getpid(), signal.SIGKILL)
    return grade(frame, *rest)  # type: ignore[arg-type]


KILLED = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_grading_in_parts as tests
from spurious_rewards.answers import grading_in_parts
grading_in_parts.grade = tests.die
if __name__ == "__main__":
    grading_in_parts.grade_table(Path(sys.argv[1]), Path(sys.argv[2]), tests.ASKED, 2)
"""


def test_a_process_that_is_killed_ends_the_job_with_a_sentence_and_what_is_graded_stays(
    written: Path, tmp_path: Path
) -> None:
    program = tmp_path / "killed.py"
    program.write_text(KILLED)
    job = [sys.executable, str(program), str(written), str(tmp_path / "grades.parquet")]
    ended = subprocess.run(job, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 1
    assert "UserError: " in ended.stderr
    assert "votes.parquet: a process that grades was ended from outside" in ended.stderr
    assert list(tmp_path.glob(".*.partial/*/[!.]*.parquet"))


JOB = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_grading_in_parts import ASKED, grade_table
if __name__ == "__main__":
    grade_table(Path(sys.argv[1]), Path(sys.argv[2]), ASKED, 2)
"""


def test_a_killed_job_goes_on_and_never_holds_the_whole_table(
    small_parts: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "job.py"
    program.write_text(JOB)
    votes, output = tmp_path / "votes.parquet", tmp_path / "grades.parquet"
    tables.write(responses(4000, 3000), tables.Responses, votes)
    job = [sys.executable, str(program), str(votes), str(output)]
    process = subprocess.Popen(job, stderr=subprocess.DEVNULL, start_new_session=True)
    while not (kept := list(tmp_path.glob(".*.partial/*/[!.]*.parquet"))):
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert len(kept) < 40
    assert not output.exists()
    marked = tables.read(kept[0], tables.Grades).assign(extracted="kept")
    tables.write(marked, tables.Grades, kept[0])

    monkeypatch.setattr(tables, "read", None)  # forbid reading a whole table
    grade_table(votes, output, ASKED, 1)
    monkeypatch.undo()
    found = tables.read(output, tables.Grades)
    assert len(found) == 4000
    assert (found["extracted"] == "kept").sum() == 100
