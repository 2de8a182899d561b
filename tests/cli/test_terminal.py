"""Texts of problems, suites, results and files reach a terminal escaped, whatever they hold."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from rich.table import Table
from rich.text import Text

from spurious_rewards.artifacts import tables
from spurious_rewards.cli import main, terminal

HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\x9b31m\N{RIGHT-TO-LEFT OVERRIDE}"
SHOWN = r"\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202e"


def test_problem_hash_shows_escapes_of_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.DataFrame({"id": [f"a\n{HOSTILE}"], "problem": [f"1 + 1\n{HOSTILE}"], "answer": ["2"], "source": ["s"]})
    tables.write(frame, tables.Problems, tmp_path / "problems.parquet")
    monkeypatch.setattr(sys, "argv", ["spurious-rewards", "problem-hash", str(tmp_path / "problems.parquet")])
    with pytest.raises(SystemExit):
        main.main()
    (line,) = capsys.readouterr().out.splitlines()
    assert line.partition(" ")[2] == f"a {SHOWN} 1 + 1 {SHOWN}"


def test_tables_and_trees_show_escapes_and_take_no_text_for_a_style(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("name")
    table.add_row("[/] [bold]b[/bold] :smile: [link=x]y[/link]")
    table.add_row("\x1b]8;;x\x07\x1b[2J")
    terminal.show(table)
    terminal.show(Text("\x1b[31mred\x9b"))
    said = capsys.readouterr().out
    assert "[/] [bold]b[/bold] :smile: [link=x]y[/link]" in said
    assert r"\x1b]8;;x" in said
    assert r"\x1b[2J" in said
    assert r"\x1b[31mred\x9b" in said
    assert not {"\x1b", "\x07", "\x9b"} & set(said)


def test_an_error_shows_escapes(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "spurious_rewards.cli", "lineage", f"none{HOSTILE}"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: none{SHOWN}: ")
    assert not {"\x1b", "\x07", "\x9b"} & set(ended.stderr)


def test_what_a_command_says_while_it_works_shows_escapes() -> None:
    """Progress, library warnings and tracebacks may each name a file of a suite."""
    program = f"""
import sys, warnings
from spurious_rewards.cli import main
from spurious_rewards.runtime.progress import Progress
def work():
    Progress({HOSTILE!r}, 1).advance(detail={HOSTILE!r})
    warnings.warn({HOSTILE!r})
    raise ValueError({HOSTILE!r})
main.app = work
main.main()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True)
    said = ended.stderr.decode().splitlines()
    progress, warning, error = said[0], said[1], said[-1]
    assert progress.startswith(SHOWN)
    assert SHOWN in warning
    assert error == f"ValueError: {SHOWN}"
    assert not {b"\x1b", b"\x07", b"\x9b"} & {bytes([byte]) for byte in ended.stderr}
