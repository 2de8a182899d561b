"""Errors shown to a user are a single readable line, whatever foreign text they contain."""

from spurious_rewards.runtime.errors import LONGEST, QUOTED, UserError, first_line, in_a_line, one_line


def test_a_message_is_one_line_and_of_a_long_one_beginning_and_end_are_kept() -> None:
    said = str(UserError(f"a.parquet: has {'x' * 12_000_000}\n; leave it out"))
    assert said.startswith("a.parquet: has xxx")
    assert said.endswith("xxx ; leave it out")
    assert len(said) == LONGEST
    assert "x\N{HORIZONTAL ELLIPSIS}x" in said
    assert "\n" not in said


def test_a_message_in_a_message_keeps_what_to_do() -> None:
    inner = UserError(f"a.csv: {'x' * 10_000}; delete it")
    assert str(UserError(f"{inner}; and run again")).endswith("; delete it; and run again")


def test_a_short_message_stays() -> None:
    said = "a.csv: holds  1\t2; delete it"
    assert str(UserError(said)) == said


def test_what_libraries_say_is_told_in_a_line_fit_to_be_printed() -> None:
    assert in_a_line(ValueError("a \n\tb\x1b[2J\udc9b")) == r"a b\x1b[2J\udc9b"
    assert in_a_line(ValueError(" \n")) == first_line(ValueError("")) == "ValueError"
    assert first_line(ValueError("\nno column a\n   1  2\n   3  4")) == "no column a"


def test_of_a_long_text_the_beginning_is_told() -> None:
    assert one_line("x" * QUOTED) == "x" * QUOTED
    assert one_line("x" * (QUOTED + 1)) == f"{'x' * QUOTED}\N{HORIZONTAL ELLIPSIS}"
    assert one_line("10000", 3) == "100\N{HORIZONTAL ELLIPSIS}"
