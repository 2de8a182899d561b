r"""Texts of a suite are plain text: Snakemake does not format them, and the shell does not execute them."""

import json
import string
import subprocess
import sys
from pathlib import Path

import checkout
import pytest
import yaml
from checkout import Ended, snakemake

TITLE = r"Of \boxed{} and {}, {os.environ[SECRET]}, {wildcards.reward}, {x,.*}, {{y}} {input:q} `touch owned`; $(touch owned)"
FIELDS = ("wildcards.", "resources.gpu", "resources.mem_mb", "resources.runtime")
"""Beginnings of the fields that job messages may format."""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout whose suite has hostile texts wherever it may have texts."""
    folder = checkout.make(tmp_path_factory.mktemp("texts") / "checkout")
    suite = yaml.safe_load((folder / checkout.SUITE).read_text())
    said = TITLE
    suite["title"] = suite["note"] = said
    for section in ("models", "rewards", "experiments", "exhibits", "benchmarks"):
        for number, entry in enumerate(suite[section].values()):
            entry["title"] = said if section == "exhibits" else f"{number} {said}"
    suite["problems"]["sums"] |= {"about": said, "license": said}
    suite["prompts"]["plain"]["user"] = said.replace("{}", "") + " {}"
    suite["strategies"]["code"] = said
    (folder / checkout.SUITE).write_text(yaml.safe_dump(suite))
    return folder


def called(folder: Path, *arguments: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", *arguments],
        cwd=folder,
        env={**checkout.environment(folder), "SECRET": "a token of mine"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    return Ended(done.returncode, done.stdout, [])


@pytest.mark.parametrize("arguments", [["--dry-run", "-p"], ["--list"]])
def test_titles_are_shown_as_they_are(hostile: Path, arguments: list[str]) -> None:
    ended = called(hostile, *arguments)
    assert ended.code == 0, ended.output
    for name in ("fig1", "table1"):
        assert f"making {name}: {TITLE}\n" in ended.output or f"{name} ({TITLE})\n" in ended.output
    assert "a token of mine" not in ended.output


def test_the_command_of_a_job_hands_texts_over_as_one_word(undisturbed: Path) -> None:
    """Titles keep every character, including those that Snakemake would format or a shell would execute."""
    suite = yaml.safe_load((undisturbed / checkout.SUITE).read_text())
    manifest = json.loads((undisturbed / checkout.RESULTS / "exhibits/table1.manifest.json").read_text())
    assert manifest["request"]["suite"]["exhibits"]["table1"]["title"] == suite["exhibits"]["table1"]["title"]
    assert manifest["request"]["suite"]["rewards"]["random"]["title"] == suite["rewards"]["random"]["title"]
    assert not [*undisturbed.rglob("owned")]


def test_every_rule_quotes_what_it_hands_to_the_shell_and_formats_only_names(hostile: Path) -> None:
    """Check the rules as Snakemake has parsed them."""
    rules = "{rule.name: [rule.shellcmd or '', rule.message or ''] for rule in workflow.rules}"
    probe = hostile / "Probe"
    probe.write_text(f'include: "Snakefile"\nimport json\nPath("rules.json").write_text(json.dumps({rules}))\n')
    ended = called(hostile, "--snakefile", "Probe", "--list")
    assert ended.code == 0, ended.output
    found = json.loads((hostile / "rules.json").read_text())
    assert {"prepare", "train", "generate_run", "plot", "fig1", "report"} - {"plot"} <= found.keys()
    for name, (command, message) in found.items():
        for _, field, spec, _ in string.Formatter().parse(command):
            assert field is None or spec == "q", f"{name}: {field} is not quoted"
        for _, field, _, _ in string.Formatter().parse(message):
            assert field is None or field.startswith(FIELDS), f"{name}: its message shows {field}"


def test_a_suite_may_lie_in_a_folder_of_any_name(tmp_path: Path) -> None:
    """Paths that the suite names start from its folder: the reward's file, the lock file, files of problems."""
    folder = checkout.make(tmp_path / "checkout")
    home = folder / "-a 'b\"$(touch owned)`touch owned`;{x} %s é"
    home.mkdir()
    suite = yaml.safe_load((folder / checkout.SUITE).read_text())
    (home / "own.py").write_text("def own(completions, **columns):\n    return [1.0 for _ in completions]\n")
    suite["rewards"]["random"] = {"function": "own", "file": "own.py"}
    (home / "mine.jsonl").write_text('{"problem": "1 + 1", "answer": "2"}\n')
    suite["problems"]["mine"] = {"path": f"{home.name}/mine.jsonl"}
    (home / "mine.yaml").write_text(yaml.safe_dump(suite), encoding="utf-8")
    chosen = ["--config", f"suite=./{home.name}/mine.yaml"]
    made = "results/mine/problems/mine.parquet"
    ended = called(folder, made, *chosen)
    assert ended.code == 0, ended.output
    assert (folder / made).exists()
    planned = called(folder, "--dry-run", "-p", *chosen)
    assert planned.code == 0, planned.output
    assert not [*folder.rglob("owned")]


def test_the_name_of_a_suite_is_refused_that_a_shell_would_run(tmp_path: Path) -> None:
    folder = checkout.make(tmp_path / "checkout")
    suite = (folder / checkout.SUITE).rename(folder / "x$(touch owned).yaml")
    ended = snakemake(folder, "--config", f"suite={suite.name}")
    assert ended.code != 0
    assert "rename the file: allowed in a name: letters a to z" in ended.output
    assert "Traceback" not in ended.output
    assert not [*folder.rglob("owned")]
