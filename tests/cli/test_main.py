"""The commands as people call them: in the wrong folder, with the wrong file, in another locale."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from spurious_rewards.cli import main

ROOT = Path(__file__).parents[2]
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def called(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "spurious_rewards.cli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
    )


def error_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """Run a command that fails, in this process, and return its error."""
    monkeypatch.setattr(sys, "argv", ["spurious-rewards", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert isinstance(ended.value.code, str), ended.value.code
    assert ended.value.code.startswith("error: ")
    return ended.value.code


# ---------------------------------------------------------------- locales


@pytest.mark.parametrize("arguments", [("estimate", "--config", "suite=paper"), ("stage", "--help")])
def test_files_and_pipes_get_utf_8_in_every_locale(arguments: tuple[str, ...]) -> None:
    usual, plain = called(ROOT, *arguments), called(ROOT, *arguments, **ASCII)
    assert plain.returncode == 0, plain.stderr
    assert any(byte > 127 for byte in usual.stdout)
    if arguments[0] != "stage":  # typer draws its frames according to the locale
        assert plain.stdout == usual.stdout


def test_a_terminal_gets_what_it_can_show() -> None:
    ours, its = pty.openpty()
    shown = subprocess.Popen(
        [sys.executable, "-m", "spurious_rewards.cli", "estimate", "--config", "suite=paper"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **ASCII},
        stdout=its,
        stderr=subprocess.PIPE,
    )
    os.close(its)
    text = b""
    try:
        while piece := os.read(ours, 65536):
            text += piece
    except OSError:  # the other end is closed
        pass
    assert shown.wait() == 0
    assert text.isascii()
    assert rb"\u2013" in text


# ---------------------------------------------------------------- the wrong folder


@pytest.mark.parametrize("command", ["estimate", "doctor"])
def test_a_command_works_in_a_directory_of_its_own(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with snakemake --directory, the project is found where the library lies."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["spurious-rewards", command, "--config", "suite=smoke"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 0
    assert "smoke" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [("estimate",), ("doctor",), ("fetch", "--to", "x"), ("export", "--to", "x"), ("recover",)]
)
def test_without_the_project_a_command_says_where_to_go(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(main, "CHECKOUT", tmp_path / "site-packages")
    said = error_of(monkeypatch, *arguments)
    assert said == (
        f"error: {tmp_path}: not the project's folder, where Snakefile and config.yaml lie; go there and run the command again"
    )
    assert list(tmp_path.iterdir()) == []


def test_recover_refuses_a_folder_where_nothing_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        error_of(monkeypatch, "recover")
        == f"error: {tmp_path}: the workflow was never run here; go to the folder where it was"
    )


def test_config_and_configfile_go_over_config_yaml_as_in_snakemake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    given = tmp_path / "given.yaml"
    given.write_text("suite: one\nsources: {a/b: /nowhere}\n", encoding="utf-8")
    last = tmp_path / "last.json"
    last.write_text('{"suite": "two"}', encoding="utf-8")
    command = ("doctor", "--configfile", str(given))
    assert "sources.a/b = /nowhere: no such file" in error_of(monkeypatch, *command)
    assert "sources.a/b = /nowhere: no such file" in error_of(monkeypatch, *command, "--config", "sources={c/d: /tmp}")
    given.write_text("suite: one\n", encoding="utf-8")
    assert "suite = one: no such suite" in error_of(monkeypatch, *command)
    assert "suite = two: no such suite" in error_of(monkeypatch, *command, "--configfile", str(last))
    assert "suite = three: no such suite" in error_of(monkeypatch, *command, "--config", "suite=three")


# ---------------------------------------------------------------- the wrong file


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with files of every kind that no command accepts."""
    monkeypatch.chdir(tmp_path)
    Path("empty").touch()
    Path("binary").write_bytes(bytes(range(256)))
    Path("text").write_text("hello\n", encoding="utf-8")
    Path("latin").write_bytes('{"suite": "é"}'.encode("latin-1"))
    Path("list").write_text("[1]", encoding="utf-8")
    Path("object").write_text("{}", encoding="utf-8")
    Path("deep").write_text("[" * 100_000, encoding="utf-8")
    Path("folder").mkdir()
    Path("broken").symlink_to("nowhere")
    Path("circle").symlink_to("circle")
    return tmp_path


FILES = [
    "none",
    "empty",
    "binary",
    "text",
    "latin",
    "list",
    "object",
    "deep",
    "folder",
    "broken",
    "circle",
    "/dev/null",
]
FILES += ["empty/below", "x" * 300]


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_not_what_a_command_wants_is_named(
    bad: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in ("partial-report", "lineage", "problem-hash"):
        assert file in error_of(monkeypatch, command, file).partition(": ")[2]
    assert error_of(monkeypatch, "diff", file, "folder").startswith(f"error: {file}")
    if file not in ("none", "folder"):
        said = error_of(monkeypatch, "fetch", "--config", "suite=smoke", "--to", file)
        assert said.startswith(f"error: {file}")


@pytest.mark.parametrize("name", ["empty", "binary", "text", "latin", "list", "object", "folder", "broken", "circle"])
def test_a_suite_that_is_none_is_named(bad: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (bad / name).rename(bad / f"{name}.yaml")
    assert f"{name}.yaml" in error_of(monkeypatch, "estimate", "--config", f"suite={name}.yaml")


def test_a_manifest_that_is_none_is_named(bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b"", b"{", b"[]", b'{"stage": "grade"}', b"[" * 100_000):
        Path("text.manifest.json").write_bytes(content)
        said = error_of(monkeypatch, "lineage", "text")
        assert "text.manifest.json: " in said
        assert "not a manifest, perhaps cut short by a crash" in said
    Path("text.manifest.json").write_bytes(b"\xff")
    assert "text.manifest.json: line 1 is not UTF-8" in error_of(monkeypatch, "lineage", "text")


def test_results_that_are_broken_are_named(bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Path("folder/experiments/main/m/headline.csv")
    table.parent.mkdir(parents=True)
    for content in (b"", b'a,b\n"', b"\xff\xfe"):
        table.write_bytes(content)
        assert "headline.csv: not a readable table" in error_of(monkeypatch, "diff", "folder", "folder")
    table.write_bytes(b"a\n1\n")
    assert "headline.csv: has no column model" in error_of(monkeypatch, "diff", "folder", "folder")


def test_a_folder_is_not_overwritten_by_a_table(bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("folder/kept").touch()
    assert "--csv folder: this is a folder; name a file" in error_of(monkeypatch, "diff", "a", "b", "--csv", "folder")
    assert Path("folder/kept").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("suite", "--config suite: give it as KEY=VALUE"),
        ("suite=", "suite = null: should be a valid string"),
        ("suite=[", "--config suite=[: not YAML"),
        ("suite={a: 1, a: 2}", "a: this key stands in line 1 already"),
        ("suite=" + "x" * 300, "too long"),
        ("threads=0", "threads = 0: should be greater than or equal to 1"),
        ("threads=true", "threads = true: neither true nor false"),
        ("gpu_memory_gb=.inf", "gpu_memory_gb = Infinity: should be a finite number"),
        ("sources=x", 'sources = "x": should be keys with values'),
        ("sources={a: none}", "sources.a = none: no such file or folder"),
    ],
)
def test_a_setting_that_is_wrong_is_named(bad: Path, given: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said in error_of(monkeypatch, "estimate", "--config", given)


@pytest.mark.parametrize("job", ["", "{", "[]", "null", "{}", '{"version": 1, "version": 2}'])
def test_a_job_that_is_none_is_named(bad: Path, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert error_of(monkeypatch, "stage", "prepare", job).startswith("error: JOB: ")


def test_a_name_that_the_locale_cannot_spell_is_a_sentence() -> None:
    program = "import sys; from spurious_rewards.cli import main; main.app = lambda: open('\\u00e9'); main.main()"
    spelt = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **ASCII},
        capture_output=True,
    )
    assert spelt.stderr.decode().strip() == (
        "error: \\xe9: this locale (ascii) cannot spell the name; set PYTHONUTF8=1 and run again"
    )
