"""Text written by others cannot control the terminal that shows it."""

import io
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurious_rewards.runtime import printing
from spurious_rewards.runtime.printing import printable


def test_what_controls_a_terminal_is_shown_as_an_escape() -> None:
    said = "\x1b]0;owned\x07\x1b[2J\rno error\b\x9b31m\x7f\N{RIGHT-TO-LEFT OVERRIDE}\N{LINE SEPARATOR}"
    assert printable(said) == r"\x1b]0;owned\x07\x1b[2J\rno error\x08\x9b31m\x7f\u202e\u2028"


def test_bytes_of_a_name_that_are_no_text_are_shown_as_escapes() -> None:
    assert printable(os.fsdecode(b"\x9b31m\xff")) == r"\udc9b31m\udcff"
    assert printable("\ud800") == r"\ud800"


def test_every_other_text_stays() -> None:
    said = "é 概率 Θ → \t👩\N{ZERO WIDTH JOINER}🔬 می\N{ZERO WIDTH NON-JOINER}خواهم\n\\x1b [bold] 100 %"
    assert printable(said) == said


@given(st.text())
def test_no_text_controls_a_terminal(text: str) -> None:
    shown = printable(text)
    assert all(character >= " " or character in "\n\t" for character in shown)
    assert not set(map(chr, range(0x7F, 0xA0))) & set(shown)
    assert printable(shown) == shown


def test_standard_error_keeps_colours_and_progress_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    printing.guard_stderr()
    printing.guard_stderr()  # a second call changes nothing
    print("\r 50 %\x1b[1;31m red\x1b[0m \x1b[2J \r\x1b]8;;", file=sys.stderr)
    sys.stderr.writelines(["\x1b[A", "\x9b1A"])
    assert written.getvalue() == "\r 50 %\x1b[1;31m red\x1b[0m \\x1b[2J \\r\\x1b]8;;\n\\x1b[A\\x9b1A"
    assert sys.stderr.isatty() is False
