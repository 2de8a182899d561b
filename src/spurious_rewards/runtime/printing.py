r"""Text on its way to a terminal: what would control it is shown as an escape.

Problems, responses, titles, names of files and messages of libraries come from others. An escape sequence in one could clear the
screen, write over a line, or have the terminal type a command.
"""

import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO, cast

_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Control characters but for line feeds and tabs, what ends lines or turns the direction of writing, and what is no character.

Halves of surrogate pairs are none: they stand for the bytes of a file's name that are not UTF-8, and a terminal may obey these.
"""

_WITH_COLOURS = re.compile(f"(\\A\r|\x1b\\[[0-9;]{{0,20}}m)|{_CONTROL.pattern}")
"""The same, with what libraries' progress bars begin with and the colours of their log lines in a group."""


def printable(text: str) -> str:
    r"""The text with escapes (`\x1b`) for what controls a terminal. Line feeds and tabs stay."""
    return _CONTROL.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


class _Stream:
    """A stream whose texts are `printable` but for colours and progress bars; everything else is the stream's own."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(_WITH_COLOURS.sub(lambda found: found[1] or _escape(found), text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_stderr() -> None:
    """Have all that Python writes to standard error pass `printable`: progress, tracebacks, libraries' messages."""
    if not isinstance(sys.stderr, _Stream):
        sys.stderr = cast(TextIO, _Stream(sys.stderr))
