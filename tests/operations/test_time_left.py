"""What a run says about the time that is left, from log records as Snakemake writes them."""

import logging

import pytest

from spurious_rewards.operations.time_left import EVERY, TimeLeft

RULES = {0: "train", 1: "train", 2: "train", 3: "grade", 4: "headline", 5: "report"}


class Run:
    """A run's log whose clock a test sets. It begins at 1000 seconds."""

    def __init__(self, rules: dict[int, str] = RULES):
        self.said: list[str] = []
        self.handler = TimeLeft(rules, "headline/report.html", self.said.append)

    def at(self, seconds: float, event: str, **of: object) -> None:
        record = logging.makeLogRecord({"event": event, "created": 1000 + seconds, **of})
        self.handler.handle(record)

    def start(self, seconds: float, *jobs: int) -> None:
        self.at(seconds, "job_started", jobs=list(jobs))

    def finish(self, seconds: float, job: int) -> None:
        self.at(seconds, "job_finished", job_id=job)


def test_what_is_left_is_told_when_the_headline_stands() -> None:
    run = Run()
    run.start(0, 0, 3)
    run.finish(120, 3)
    run.finish(240, 0)
    run.start(240, 4)
    run.finish(300, 4)
    # Left are two trainings of 240 s and a report, estimated by the shortest job, 60 s: 540 s. Jobs of 420 s took
    # 300 s, so 1.4 run at once, and the rest takes 540 / 1.4 s.
    assert run.said == [
        "The headline report is ready: headline/report.html, after 5 min. "
        "The rest takes about 6 min, estimated from finished jobs."
    ]


def test_the_last_job_leaves_nothing_to_say() -> None:
    run = Run({4: "headline"})
    run.start(0, 4)
    run.finish(20, 4)
    assert run.said == ["The headline report is ready: headline/report.html, after 1 min."]


def test_long_runs_are_told_of_now_and_then() -> None:
    run = Run({**dict.fromkeys(range(100), "train"), 100: "report"})
    for number in range(30):
        run.start(60 * number, number)
        run.finish(60 * (number + 1), number)
    assert [text.partition(" jobs")[0] for text in run.said] == ["91", "81", "71"]
    assert run.said[0].endswith("The rest takes about 91 min, estimated from finished jobs.")
    assert EVERY == 600


def test_hours_are_told_as_such() -> None:
    run = Run({**dict.fromkeys(range(10), "train"), 10: "headline"})
    run.start(0, 0)
    run.finish(3600, 0)
    assert "about 10.0 hours" in run.said[0]


@pytest.mark.parametrize(
    "event", [{}, {"event": None}, {"event": "job_finished"}, {"event": "job_finished", "job_id": 77}]
)
def test_other_records_are_nothing_to_it(event: dict[str, object]) -> None:
    run = Run()
    run.handler.handle(logging.makeLogRecord(event))
    assert run.said == []


def test_jobs_of_a_group_have_no_start_of_their_own() -> None:
    run = Run()
    run.start(0, 0)
    run.finish(60, 0)
    run.finish(61, 1)
    run.finish(120, 4)
    assert "about 3 min" in run.said[0]
