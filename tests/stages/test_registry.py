"""Every stage is found, has a rule and a command, and is planned without importing heavy libraries."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from snakemake.iocontainers import InputFiles
from typer.testing import CliRunner

from spurious_rewards.cli.main import app
from spurious_rewards.config.loading import load
from spurious_rewards.config.settings import Settings
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages import prepare
from spurious_rewards.stages.job import JobSpec, Stage
from spurious_rewards.stages.registry import registered
from spurious_rewards.stages.study import Study

RULES = Path(__file__).parents[2] / "workflow/rules"
STAGES = list(registered().items())
SHARED_RULES = {"common", "helpers", "handlers"}
"""Rule files that belong to no single stage."""

HEAVY = ("torch", "transformers", "trl", "vllm")


def test_to_know_every_stage_nothing_heavy_is_loaded() -> None:
    code = (
        "import json, sys; from spurious_rewards.stages.registry import registered; "
        "print(json.dumps([list(registered()), sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, loaded = json.loads(done.stdout)
    assert names == sorted(names) == [name for name, _ in STAGES]
    assert "spurious_rewards.stages.train" in loaded
    assert not set(HEAVY) & set(loaded)


def test_stages_and_files_of_rules_are_the_same() -> None:
    assert {path.stem for path in RULES.glob("*.smk")} - SHARED_RULES == {name for name, _ in STAGES}


@pytest.mark.parametrize(("name", "stage"), STAGES, ids=[name for name, _ in STAGES])
def test_a_stage_has_a_command_that_its_rule_calls(name: str, stage: Stage) -> None:
    said = CliRunner().invoke(app, ["stage", name, "--help"], env={"COLUMNS": "100", "NO_COLOR": "1"})
    assert said.exit_code == 0, said.output
    assert f"stage {name} " in said.output
    on_hardware = stage.engine is not None
    assert ("--hardware" in said.output) == on_hardware
    rule = (RULES / f"{name}.smk").read_text()
    assert f'command("{name}"' in rule
    assert (f'command("{name}", on_hardware=True)' in rule) == on_hardware
    assert ("--locations" in said.output) == stage.reads_copies
    assert ("locations=places(" in rule) == stage.reads_copies


@pytest.mark.parametrize(("name", "stage"), STAGES, ids=[name for name, _ in STAGES])
def test_a_stage_is_of_its_module(name: str, stage: Stage) -> None:
    assert stage.work.__module__ == stage.job.__module__ == f"spurious_rewards.stages.{name}"
    assert issubclass(stage.job, JobSpec)
    assert stage.work.__doc__


def test_stages_up_to_the_responses_have_a_version_and_their_jobs_are_told_it() -> None:
    versioned = {name for name, stage in STAGES if stage.version is not None}
    assert versioned == {"prepare", "pretrain", "vote", "label", "train", "generate", "probe", "memorization"}
    assert versioned == {name for name, stage in STAGES if "version" in stage.job.model_fields}


# ---------------------------------------------------------------- files by name

BANDIT = """{"bandit": {}}"""


@pytest.mark.parametrize(
    ("stage", "given", "said"),
    [
        ("bandit", [BANDIT], "--output bandit=PATH is missing"),
        ("bandit", [BANDIT, "--output=made"], "--output made: give it as NAME=PATH"),
        ("bandit", [BANDIT, "--output=bandti=a"], "--output bandti=a: the stage takes --output bandit"),
        ("bandit", [BANDIT, "--output=bandit=a", "--output=bandit=b"], "--output bandit: given twice"),
        (
            "bandit",
            [BANDIT, "--output=bandit=a", "--input=problems=b"],
            "--input problems=b: the stage takes no --input",
        ),
        ("bandit", ["{}", "--output=bandit=a"], "JOB: bandit: this key is missing"),
        ("score", ["{}", "--input=grade=b"], "JOB: suite: this key is missing"),
    ],
)
def test_a_file_that_is_missing_or_misspelt_is_named(stage: str, given: list[str], said: str) -> None:
    called = CliRunner().invoke(app, ["stage", stage, *given])
    assert called.exit_code == 1
    assert isinstance(called.exception, UserError)
    assert said in str(called.exception)


@pytest.mark.parametrize("locations", ["nowhere", '["/a"]', '{"abc": 3}'])
def test_locations_that_are_none_are_complained_of(locations: str) -> None:
    path = Path(__file__).parents[2] / "config/suites/smoke.yaml"
    job = prepare.job(Study(load(path), Settings(suite="smoke"), path), "sums").as_json()
    called = CliRunner().invoke(app, ["stage", "prepare", job, "--output=problems=made", "--locations", locations])
    assert isinstance(called.exception, UserError)
    assert str(called.exception).startswith(f"--locations {locations}: give paths by content as JSON")


def test_rules_name_the_outputs_of_stages() -> None:
    for name, stage in STAGES:
        rule = (RULES / f"{name}.smk").read_text()
        assert "STAGE, input" in rule
        for written in stage.writes:
            assert f"{written}=" in rule, (name, written)


def test_a_rule_without_an_input_that_its_stage_must_have_is_refused() -> None:
    helpers: dict[str, Any] = {}
    exec((RULES / "helpers.smk").read_text(), helpers)
    stage = registered()["grade"]
    some, every = (InputFiles(fromdict={name: f"{name}.parquet" for name in stage.reads[:count]}) for count in (1, 2))
    with pytest.raises(ValueError, match=r"stages\.grade reads problems; give the rule an input of this name"):
        helpers["files"](stage, some, grades="grades.parquet")
    assert helpers["files"](stage, every, grades="grades.parquet") == [
        *("--input=responses=responses.parquet", "--input=problems=problems.parquet"),
        "--output=grades=grades.parquet",
    ]


@pytest.mark.parametrize(("name", "stage"), STAGES, ids=[name for name, _ in STAGES])
def test_changed_code_runs_the_stages_without_a_version_again_but_deletes_nothing_again(
    name: str, stage: Stage
) -> None:
    expected = [] if stage.version is not None or name == "prune" else [f'code=fingerprint("{name}"),']
    _, *rules = re.split(r"^ *(?:use )?rule\b", (RULES / f"{name}.smk").read_text(), flags=re.MULTILINE)
    assert rules
    for rule in rules:
        assert re.findall(r"^ *(.*\bfingerprint\(.*)$", rule, re.MULTILINE) == expected
