"""The pages in docs/how-to: a suite can have each entry that they show, and the stage that they add works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from spurious_rewards.artifacts import tables
from spurious_rewards.config.claims import Ledger
from spurious_rewards.config.loading import load
from spurious_rewards.config.suite import Suite

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs/how-to"


def blocks(page: str, language: str) -> list[str]:
    """Return a page's code blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", (HOW_TO / page).read_text(), flags=re.DOTALL)


def with_piece(name: str, piece: str, folder: Path) -> Suite:
    """Return a suite of the project with a piece of a page merged into it.

    Each entry goes into its section. An entry with an existing name changes only the keys that it gives.
    """
    keys = yaml.safe_load((ROOT / f"config/suites/{name}.yaml").read_text())
    for section, entries in yaml.safe_load(piece).items():
        if isinstance(entries, list):
            keys[section] = entries
            continue
        for entry, values in entries.items():
            keys[section][entry] = {**keys[section].get(entry, {}), **values}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(keys, sort_keys=False))
    return load(path)


SUITES = {
    "add-a-model.md": ["one_gpu", "one_gpu", "organism"],
    "add-a-benchmark.md": ["small", "small"],
    "add-a-figure.md": ["organism", "organism", "paper", "paper"],
    "import-checkpoints.md": ["paper", "paper"],
    "gpus.md": ["one_gpu"],
}
"""The suite that each page's YAML blocks belong to, in order."""


@pytest.mark.parametrize("page", SUITES)
def test_every_entry_is_one_that_a_suite_can_have(page: str, tmp_path: Path) -> None:
    pieces = blocks(page, "yaml")
    if page == "add-a-model.md":
        pieces[1] = pieces[0] + pieces[1]  # the second block names the model of the first
    assert len(pieces) == len(SUITES[page])
    for name, piece in zip(SUITES[page], pieces, strict=True):
        found = with_piece(name, piece, tmp_path)
        for section, entries in yaml.safe_load(piece).items():
            assert len(getattr(found, section)) >= len(entries)


def test_the_figure_s_new_experiment_trains_only_what_is_new(tmp_path: Path) -> None:
    found = with_piece("organism", blocks("add-a-figure.md", "yaml")[1], tmp_path)
    before = load(ROOT / "config/suites/organism.yaml")
    assert {run.reward for run in found.runs.keys() - before.runs.keys()} == {"random_0.9"}


def test_half_of_the_new_variant_s_experiment_exists(tmp_path: Path) -> None:
    found = with_piece("paper", blocks("add-a-figure.md", "yaml")[2], tmp_path)
    before = load(ROOT / "config/suites/paper.yaml")
    new = found.runs.keys() - before.runs.keys()
    assert len(found.runs_of(found.experiments["tight"])) == 6
    assert [run.variant for run in new] == ["tight_clip"] * 3


def test_the_claim_is_one_that_the_ledger_can_have() -> None:
    content = yaml.safe_load((ROOT / "config/claims.yaml").read_text())
    [piece] = blocks("add-a-claim.md", "yaml")
    ledger = Ledger.model_validate({**content, "claims": [*content["claims"], *yaml.safe_load(piece)]})
    assert ledger.claims[-1].id == "amc-format"


def test_the_page_on_imports_has_the_columns_of_responses() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \|", (HOW_TO / "import-checkpoints.md").read_text().split("## Responses")[1], re.MULTILINE
    )
    assert rows == [name for name in tables.Responses.to_schema().columns if name != "seed"]


# ---------------------------------------------------------------- add-a-stage.md


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the library that follows the steps of docs/how-to/add-a-stage.md."""
    copy = tmp_path_factory.mktemp("stage")
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    numbers, stage, place, _ = blocks("add-a-stage.md", "python")
    own = copy / "src/spurious_rewards"
    (own / "analysis/lengths.py").write_text(numbers)
    (own / "stages/lengths.py").write_text(stage)
    paths = (own / "artifacts/paths.py").read_text()
    assert paths.count("    def report(self)") == 1
    (own / "artifacts/paths.py").write_text(paths.replace("    def report(self)", f"{place}\n    def report(self)"))
    return copy


def call(library: Path, *command: str) -> str:
    environment: dict[str, Any] = {**os.environ, "PYTHONPATH": str(library / "src")}
    done = subprocess.run(
        [sys.executable, *command], cwd=library, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def answers(library: Path, folder: str, step: int) -> str:
    """Write invented responses of a condition, and return them as a command-line option of a stage."""
    path = Path("results/smoke") / folder / "responses.parquet"
    (library / path).parent.mkdir(parents=True)
    rows = [
        {"seed": 0, "step": step, "benchmark": benchmark, "id": id_, "sample": 0, "response": "5"}
        | {"tokens": 5 + step + len(id_), "truncated": id_ == "a"}
        for benchmark in ("math500", "amc")
        for id_ in ("a", "bcd")
    ]
    tables.write(tables.Responses.validate(pd.DataFrame(rows)), tables.Responses, library / path)
    return f"--input=responses={path}"


def test_the_new_stage_does_what_the_page_says(library: Path) -> None:
    given = [
        answers(library, "models/no-code/seeds0-1/plain", 0),
        answers(library, "runs/no-code/plain/format/default/seeds0-1/segments/0-8", 8),
    ]
    told = ["-m", "spurious_rewards.cli", "stage", "lengths"]
    assert "How long the responses behind the headline are" in call(library, *told, "--help")
    call(library, *told, '{"benchmarks": ["math500"]}', *given, "--output=lengths=results/smoke/lengths.csv")
    made = pd.read_csv(library / "results/smoke/lengths.csv")
    assert made["tokens"].tolist() == [7, 15]
    assert made["truncated"].tolist() == [0.5, 0.5]
    assert (library / "results/smoke/lengths.csv.manifest.json").exists()


def test_the_new_stage_s_place_and_rule_fit_it(library: Path) -> None:
    program = (
        "from pathlib import Path; from spurious_rewards.artifacts.paths import ResultPaths; "
        "from spurious_rewards.stages.registry import registered; "
        "print(ResultPaths(Path('results/smoke')).lengths(), registered()['lengths'].writes)"
    )
    assert call(library, "-c", program).strip() == "results/smoke/lengths.csv ('lengths',)"
    *_, rule = blocks("add-a-stage.md", "python")
    like = (ROOT / "workflow/rules/bandit.smk").read_text()
    for directive in re.findall(r"^ {8}(\w+):$", like, flags=re.MULTILINE):  # it stands in an `if`
        assert f"    {directive}:" in rule
    assert 'fingerprint("lengths")' in rule
    assert "study.paths.lengths()" in rule
