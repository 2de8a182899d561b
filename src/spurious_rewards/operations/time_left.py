"""Tell how long a run of Snakemake still takes, with the headline report and at most every ten minutes."""

import logging
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from statistics import fmean

EVERY = 600.0
"""Least number of seconds between two messages."""


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class TimeLeft(logging.Handler):
    """A handler for Snakemake's log. The attribute `event` of a record says that a job has started or finished.

    The estimate of the remaining time assumes that each unfinished job takes the mean time of its rule's finished jobs,
    and that as many jobs run at once as so far. A rule without a finished job counts as the shortest one. Jobs of a
    group have no start event of their own: they are counted as done, but their times are not measured.
    """

    def __init__(self, rules: Mapping[int, str], headline: str, say: Callable[[str], None] = _print):
        """`rules` maps Snakemake's id of each job to run to its rule; `headline` is the path of the headline report."""
        super().__init__()
        self.left, self.headline, self.say = dict(rules), headline, say
        self.started: dict[int, float] = {}
        self.taken: defaultdict[str, list[float]] = defaultdict(list)
        self.first = self.said = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Count a started or finished job, and print a message if one is due."""
        event = str(getattr(record, "event", ""))
        if event == "job_started":
            self.first = self.first or record.created
            self.said = self.said or record.created
            self.started |= dict.fromkeys(getattr(record, "jobs", ()), record.created)
        elif event == "job_finished" and (rule := self.left.pop(getattr(record, "job_id", -1), None)):
            self._finished(rule, getattr(record, "job_id", -1), record.created)

    def _finished(self, rule: str, job: int, now: float) -> None:
        if job in self.started:
            self.taken[rule].append(now - self.started[job])
        if rule == "headline":
            taken = _minutes(now - self.first)
            self.say(f"The headline report is ready: {self.headline}, after {taken}.{self._rest(now)}")
        elif now - self.said >= EVERY:
            self.say(f"{len(self.left)} jobs are left.{self._rest(now)}")
        else:
            return
        self.said = now

    def _rest(self, now: float) -> str:
        if not self.left or not self.taken:
            return ""
        means = {rule: fmean(seconds) for rule, seconds in self.taken.items()}
        at_once = max(1.0, sum(map(sum, self.taken.values())) / max(now - self.first, 1e-9))
        seconds = sum(means.get(rule, min(means.values())) for rule in self.left.values()) / at_once
        return f" The rest takes about {_minutes(seconds)}, estimated from finished jobs."


def _minutes(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} hours"
