"""Print for people. Texts may come from anyone (problems, titles, file names); none may control the terminal."""

import sys

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment

from spurious_rewards.runtime.printing import printable

_terminal = Console(width=None if sys.stdout.isatty() else 140, highlight=False, markup=False, emoji=False)
"""Console for tables and trees, 140 wide in a file or pipe. Brackets in their texts are not styles."""


def say(said: object) -> None:
    """Print a text."""
    print(printable(str(said)))


def show(said: RenderableType) -> None:
    """Print tables and trees."""
    _terminal.print(_Printable(said))


class _Printable:
    """A rich renderable whose texts pass `printable`; its styles stay."""

    def __init__(self, shown: RenderableType):
        self._shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for text, style, control in console.render(self._shown, options):
            yield Segment(text if control else printable(text), style, control)
