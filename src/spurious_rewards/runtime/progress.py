"""Progress of long work, as a line on stderr every few seconds."""

import sys
import time

from spurious_rewards.runtime.printing import printable


class Progress:
    """Prints lines such as `what done/total, rate, detail`, at most every `SECONDS` seconds and at the end."""

    SECONDS = 5.0

    def __init__(self, what: str, total: int, done: int = 0):
        self.what, self.total, self.done, self.at_start = what, total, done, done
        self.started = self.printed = time.monotonic()

    def skip(self, by: int) -> None:
        """Count `by` items as done that were done before, or that others do: they say nothing about the rate."""
        self.at_start += by
        self.advance(by)

    def advance(self, by: int = 1, detail: str = "") -> None:
        """Count `by` more items as done, and print a line if one is due."""
        self.done += by
        now = time.monotonic()
        if self.done >= self.total or now - self.printed >= self.SECONDS:
            self.printed = now
            rate = (self.done - self.at_start) / max(now - self.started, 1e-9)
            print(
                printable(f"{self.what} {self.done}/{self.total}, {rate:.1f}/s{', ' + detail if detail else ''}"),
                file=sys.stderr,
                flush=True,
            )
