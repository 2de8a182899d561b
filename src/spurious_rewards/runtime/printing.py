r"""Text on its way to a terminal: characters that would control the terminal are shown as escapes.

Problems, responses, titles, names of files and messages of libraries come from others. An escape sequence in one of
them could clear the screen, write over a line, or make the terminal type a command.
"""

import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO, cast

_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Control characters except line feeds and tabs; what ends lines or changes the writing direction; and non-characters.

Lone surrogates are among them: they stand for bytes of a file's name that are not UTF-8, and a terminal may obey
these bytes.
"""

_WITH_COLOURS = re.compile(f"(\\A\r|\x1b\\[[0-9;]{{0,20}}m)|{_CONTROL.pattern}")
"""The same, with a group for what may pass: the carriage return before a progress bar, and colours of log lines."""


def printable(text: str) -> str:
    r"""Return the text with escapes (`\x1b`) for characters that control a terminal. Line feeds and tabs stay."""
    return _CONTROL.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


class _Stream:
    """A stream that makes text `printable`, except colours and progress bars; all else is the wrapped stream's own."""

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
    """Make all that Python writes to standard error `printable`: progress, tracebacks, messages of libraries."""
    if not isinstance(sys.stderr, _Stream):
        sys.stderr = cast(TextIO, _Stream(sys.stderr))
