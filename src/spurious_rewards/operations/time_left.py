"""How long a run of Snakemake still takes, by what its jobs have taken: told with the headline report, and now and then."""

import logging
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from statistics import fmean

EVERY = 600.0
"""Seconds from one message to the next."""


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class TimeLeft(logging.Handler):
    """Listens to Snakemake's log, whose records say by `event` which jobs have started and finished.

    What is left is each rule's unfinished jobs at what its finished ones took on average, as many at once as so far. A rule of
    which none has finished is taken for the shortest. Jobs of a group, which have no start of their own, count as done alone.
    """

    def __init__(self, rules: Mapping[int, str], headline: str, say: Callable[[str], None] = _print):
        """`rules` has the rule of each job that is to run, by Snakemake's number; `headline` is the report of that name."""
        super().__init__()
        self.left, self.headline, self.say = dict(rules), headline, say
        self.started: dict[int, float] = {}
        self.taken: defaultdict[str, list[float]] = defaultdict(list)
        self.first = self.said = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Count a job, and say what there is to say."""
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
        return f" The rest takes about {_minutes(seconds)}, by what jobs have taken so far."


def _minutes(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} hours"
