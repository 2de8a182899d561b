"""What the documents say is so: links, targets, keys, dependencies, and the page on rewards followed to the letter."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from spurious_rewards.config import loading, suite
from spurious_rewards.config.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "config/README.md",
    ROOT / "results/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIRECT = [
    Requirement(text)
    for text in PROJECT["dependencies"]
    + [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
]

PLUMBING = {
    *(
        "__init__.py",
        "__main__.py",
        "analysis/__init__.py",
        "checks/__init__.py",
        "checks/finding.py",
        "reporting/__init__.py",
        "statistics/__init__.py",
        "training/__init__.py",
        "cli.py",
        "errors.py",
    ),
    *("grading.py", "models.py", "progress.py", "provenance.py", "tracking.py"),
    *("training/scoring.py", "training/segment.py"),
}
"""Modules that few readers come to change, which the architecture's table need not name."""


# ---------------------------------------------------------------- documents


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"<!--.*?-->", "", document.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        path = document.parent / target if target else document
        assert path.exists(), f"{document.name} links to {target}, which does not exist"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(), flags=re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_exist(document: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = re.findall(r"(?:^ {4}|`)make ([a-z-]+)", document.read_text(), flags=re.MULTILINE)
    assert set(named) <= set(targets)


def test_the_architecture_names_modules_that_exist_and_leaves_none_out() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    library = ROOT / "src/spurious_rewards"
    named = {name for name in re.findall(r"`([\w/]+\.py)", text) if not name.startswith(("tests", "benchmarks"))}
    assert all((library / name).exists() for name in named)
    there = {str(path.relative_to(library)) for path in library.rglob("*.py")}
    assert there - named == PLUMBING


def test_the_organisms_departures_are_those_of_its_suite() -> None:
    training = loading.load(ROOT / "config/suites/organism.yaml").training
    steps = loading.load(ROOT / "config/suites/organism.yaml").experiments["main"].steps
    text = (ROOT / "docs/architecture.md").read_text()
    for said in (
        f"{training.optimizer.upper()}, {training.learning_rate:g}",
        f"| 1 | {training.num_iterations} |",
        f"{training.rollout_prompts} x {training.rollouts_per_prompt} |",
        f"{steps} rollout steps, {training.max_new_tokens} tokens",
        f"| bfloat16 | {training.dtype} |",
    ):
        assert said in text


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])


# ---------------------------------------------------------------- keys


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "see below" if isinstance(value, BaseModel) else f"`{json.dumps(value)}`"


def keyed_classes() -> list[type[BaseModel]]:
    """Machine, Suite and every class that a suite is made of."""
    used = suite.Suite.model_json_schema()["$defs"]
    return [Settings, suite.Suite, *(getattr(suite, name) for name in used)]


@pytest.mark.parametrize("kind", keyed_classes(), ids=lambda kind: kind.__name__)
def test_every_key_is_explained_as_its_class_has_it(kind: type[BaseModel]) -> None:
    section = re.search(
        rf"^### {kind.__name__}$(.*?)(?=^##|\Z)", (ROOT / "config/README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert section, f"config/README.md has no section {kind.__name__}"
    rows = re.findall(r"^\| (`.+) \|$", section[1], flags=re.MULTILINE)
    expected = {name: f"`{name}` | {default(field)} | " for name, field in kind.model_fields.items()}
    assert len(rows) == len(expected)
    for row, (name, start) in zip(rows, expected.items(), strict=True):
        assert row.startswith(start)
        assert row.removeprefix(start).strip()
        assert (kind.model_fields[name].description or "") in row


def test_config_yaml_has_every_key_at_its_default() -> None:
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert config == Settings().model_dump()


# ---------------------------------------------------------------- dependencies


def test_every_direct_dependency_says_what_it_is_for() -> None:
    _, section = (ROOT / "docs/architecture.md").read_text().split("## Dependencies")
    cells = re.findall(r"^\| ([^|]+?) \| [^|]+ \|$", section, flags=re.MULTILINE)[1:]
    named = {canonicalize_name(name.strip()) for cell in cells for name in re.sub(r"\(.*\)", "", cell).split(",")}
    assert named - {"---"} == {canonicalize_name(one.name) for one in DIRECT}


# ---------------------------------------------------------------- docs/add-a-reward.md


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which somebody has done what docs/add-a-reward.md says."""
    copy = tmp_path_factory.mktemp("followed")
    for name in ("src/spurious_rewards", "workflow", "profiles", "config", "envs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, copy)
    function, line, entry, experiment, *_ = re.findall(
        r"```(?:python|yaml)\n(.*?)```", (ROOT / "docs/add-a-reward.md").read_text(), flags=re.DOTALL
    )
    insert(copy / "src/spurious_rewards/rewards.py", before="REGISTRY:", text=f"{function}\n\n")
    insert(copy / "src/spurious_rewards/rewards.py", after='    "python": python,\n', text=line)
    smoke = copy / "config/suites/smoke.yaml"
    insert(smoke, after="\nrewards:\n", text=entry)
    smoke.write_text(re.sub(r" {4}rewards: \[.*\]\n", experiment, smoke.read_text()))
    return copy


def insert(path: Path, *, text: str, before: str = "", after: str = "") -> None:
    content = path.read_text()
    assert content.count(before or after) == 1
    path.write_text(content.replace(before or after, after + text + before))


def call(copy: Path, *command: str) -> str:
    """Output of a Python command that runs with the copy's library."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_new_reward_does_what_the_page_says(followed: Path) -> None:
    program = (
        "from spurious_rewards.rewards import REGISTRY\n"
        "print(REGISTRY['brief'](['a ' * 10, 'a ' * 11, ''], ['1', '1', '1'], None))"
    )
    assert call(followed, "-c", program).strip() == "[1.0, 0.0, 1.0]"


def test_the_new_reward_is_planned_trained_and_measured(followed: Path) -> None:
    smoke = followed / "config/suites/smoke.yaml"
    content = yaml.safe_load(smoke.read_text())
    content["organism"]["steps"] = 10
    content["experiments"]["main"].update(seeds=["0"], steps=content["training"]["eval_every"])
    smoke.write_text(yaml.safe_dump(content))
    settings = ("--cores", "1", "--config", "suite=smoke", "tracking=none")
    plan = call(followed, "-m", "snakemake", "-n", *settings)
    assert "trained on brief" in plan
    assert "training effective-code on brief (default, plain), seeds 0, steps 0 to 4" in plan

    segment = "results/smoke/runs/effective-code/plain/brief/default/seeds0/segments/0-4"
    call(followed, "-m", "snakemake", f"{segment}/metrics.parquet", *settings)
    program = f"import pandas; print(pandas.read_parquet('{segment}/metrics.parquet')['reward'].between(0, 1).sum())"
    assert call(followed, "-c", program).strip() == "4"


# ---------------------------------------------------------------- your method


@pytest.mark.parametrize("name", ["paper", "one_gpu"])
def test_the_example_takes_real_models_as_the_page_says(name: str, tmp_path: Path) -> None:
    page = (ROOT / "docs/your-method.md").read_text().split("## With real models")[1]
    take, delete, *_ = (re.findall(r"`(\w+)`", item) for item in page.split("\n- ")[1:])
    shutil.copytree(ROOT / "examples/your_method", tmp_path / "study")
    path = tmp_path / "study/your_method.yaml"
    mine = yaml.safe_load(path.read_text())
    real = yaml.safe_load((ROOT / f"config/suites/{name}.yaml").read_text())
    mine = {key: value for key, value in mine.items() if key not in (*take, *delete)}
    mine |= {key: real[key] for key in take if key in real}
    mine["experiments"]["test"] |= {"models": list(real["models"]), "steps": 2 * real["training"]["eval_every"]}
    path.write_text(yaml.safe_dump(mine, sort_keys=False))
    read = loading.load(path)
    assert not {"title", "note", "rewards", "experiments", "exhibits"} & {*take, *delete}
    assert read.sampling == loading.load(ROOT / f"config/suites/{name}.yaml").sampling
    assert read.resources, "jobs ask for GPUs by them"
