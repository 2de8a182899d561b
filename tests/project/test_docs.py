"""The documents are correct: links, make targets, keys, dependencies, and the steps of the page on rewards."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic.fields import FieldInfo

from spurious_rewards.config import loading, training
from spurious_rewards.config.reward_names import REWARD_FUNCTIONS
from spurious_rewards.config.settings import Settings
from spurious_rewards.rewards.registry import REGISTRY
from spurious_rewards.stages.registry import registered
from spurious_rewards.training import mapping

ROOT = Path(__file__).parents[2]
CHANGELOG = ROOT / "CHANGELOG.md"
DOCUMENTS = [
    ROOT / "README.md",
    CHANGELOG,
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "config/README.md",
    ROOT / "results/README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
LIBRARY = ROOT / "src/spurious_rewards"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIRECT = [
    Requirement(text)
    for text in PROJECT["dependencies"]
    + [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
]
NOT_HERE = {"checkpoints/", "inputs/", "shows_work.py", "sources.yaml", "table.md"}
"""Names in documents that are no files of the project: of results, copies, an archive, and the example."""


# ---------------------------------------------------------------- documents


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 120


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


ARCHITECTURE = (ROOT / "docs/explanation/design.md").read_text()


def test_the_architecture_fits_on_a_page() -> None:
    assert len(ARCHITECTURE.splitlines()) <= 110


def test_the_architecture_has_every_package_in_the_order_of_the_layers() -> None:
    _, section = ARCHITECTURE.split("\n## Packages\n")
    rows = re.findall(r"^\| `(\w+)` \| .+ \|$", section.split("\n## ")[0], flags=re.MULTILINE)
    layers, *_ = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert rows == layers["layers"]
    assert set(rows) == {path.parent.name for path in LIBRARY.glob("*/__init__.py")}


def test_the_architecture_names_every_stage() -> None:
    picture = ARCHITECTURE.split("\n## Pipeline\n")[1].split("\n## ")[0]
    missing = set(registered()) - set(re.findall(r"\w+", picture))
    assert not missing, f"draw these stages in docs/explanation/design.md, under Pipeline: {missing}"
    _, rule = ARCHITECTURE.split("\n## What re-runs what\n")
    cheap, expensive = re.findall(r"^- \*\*\w+ stages\*\*(.*?)(?=^- |\Z)", rule, flags=re.MULTILINE | re.DOTALL)
    named = {
        name: set(re.findall(r"`(\w+)`", text)) & set(registered())
        for name, text in zip("ce", (cheap, expensive), strict=True)
    }
    versioned = {name for name, stage in registered().items() if stage.version is not None}
    assert named["e"] == versioned
    assert named["c"] == set(registered()) - versioned - {"prune"}  # the suite alone decides on it


@pytest.mark.parametrize(
    "document", [each for each in DOCUMENTS if each != CHANGELOG], ids=lambda path: str(path.relative_to(ROOT))
)
def test_files_and_folders_that_a_document_names_exist(document: Path) -> None:
    """It checks folders and Python, rule, YAML and Markdown files of the project, but not `results/` or examples."""
    for name in re.findall(r"`([\w./-]+(?:\.(?:py|smk|ya?ml|md|def|toml)|/))`", document.read_text()):
        if name.startswith(("results/", "../", ".")) or name in NOT_HERE or "SUITE" in name:
            continue
        places = [ROOT, LIBRARY, document.parent]
        assert any((place / name).exists() for place in places), f"{document.name} names {name}, which does not exist"


def test_the_organisms_departures_are_those_of_its_suite() -> None:
    organism = loading.load(ROOT / "config/suites/organism.yaml").training
    steps = loading.load(ROOT / "config/suites/organism.yaml").experiments["main"].steps
    text = (ROOT / "docs/explanation/organisms.md").read_text()
    for said in (
        f"| {organism.optimizer.upper()}, {organism.learning_rate:g} |",
        f"| 1 | {organism.num_iterations} |",
        f"{organism.rollout_prompts} x {organism.rollouts_per_prompt} |",
        f"{steps} rollout steps, {organism.max_new_tokens} tokens",
        f"| bfloat16 | {organism.dtype} |",
    ):
        assert said in text


def test_the_citations_are_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    assert f"version = {{{PROJECT['version']}}}" in (ROOT / "README.md").read_text()
    assert re.search(r"^## (\S+)", CHANGELOG.read_text(), flags=re.MULTILINE)[1] == PROJECT["version"]


# ---------------------------------------------------------------- keys


def test_keys_of_training_stand_beside_the_arguments_of_trl_that_they_set() -> None:
    page = (ROOT / "docs/reference/configuration.md").read_text()
    section = page.split("\n### Training\n")[1].split("\n### ")[0]
    beside = dict(re.findall(r"^\| `(\w+)` \|.* \| ([^|]+) \|$", section, flags=re.MULTILINE))
    own = training.Training(engine="vllm")
    for key, said in beside.items():
        changed = own.model_copy(update={key: another(training.Training.model_fields[key], getattr(own, key))})
        before, after = trl_arguments(own), trl_arguments(changed)
        set_by_key = {name for name in before | after if before.get(name) != after.get(name)}
        named = {name for names in re.findall(r"TRL ((?:`\w+`(?:, )?)+)", said) for name in re.findall(r"\w+", names)}
        assert named <= set_by_key, key
        assert bool(set_by_key) == (said != NONE), key


NONE = "\N{EN DASH}"
"""The mark in a table for a key that sets no argument."""


def another(field: FieldInfo, value: Any) -> Any:
    """Return another value for a key of `training`."""
    if get_origin(field.annotation) is Literal:
        return next(each for each in get_args(field.annotation) if each != value)
    if isinstance(value, bool):
        return not value
    return tuple(reversed(value)) if isinstance(value, tuple) else 2 * (value or 1)


def trl_arguments(settings: training.Training) -> dict[str, Any]:
    return mapping.grpo_arguments(settings, stop=1, seed=0, output=Path("out"), processes=1, gpu=False)


def test_config_yaml_has_every_key_at_its_default() -> None:
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert config == Settings().model_dump()


# ---------------------------------------------------------------- dependencies


def test_every_direct_dependency_says_what_it_is_for() -> None:
    _, section = (ROOT / "docs/reference/dependencies.md").read_text().split("# Dependencies")
    cells = re.findall(r"^\| ([^|]+?) \| [^|]+ \|$", section, flags=re.MULTILINE)[1:]
    named = {canonicalize_name(name.strip()) for cell in cells for name in re.sub(r"\(.*\)", "", cell).split(",")}
    assert named - {"---"} == {canonicalize_name(one.name) for one in DIRECT}


# ---------------------------------------------------------------- docs/how-to/add-a-reward.md


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project that follows the steps of docs/how-to/add-a-reward.md."""
    copy = tmp_path_factory.mktemp("followed")
    for name in ("src/spurious_rewards", "workflow", "profiles", "config", "envs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, copy)
    function, imported, line, names, entry, experiment, *_ = re.findall(
        r"```(?:python|text|yaml)\n(.*?)```", (ROOT / "docs/how-to/add-a-reward.md").read_text(), flags=re.DOTALL
    )
    library = copy / "src/spurious_rewards"
    insert(library / "rewards/functions.py", before="\n\ndef unless(", text=f"\n\n{function}")
    insert(library / "rewards/registry.py", after="    boxed,\n", text=imported)
    insert(library / "rewards/registry.py", after='    "python": python,\n', text=line)
    rewards = library / "config/reward_names.py"
    rewards.write_text(re.sub(r"^REWARD_FUNCTIONS = .*\n", names, rewards.read_text(), flags=re.MULTILINE))
    smoke = copy / "config/suites/smoke.yaml"
    insert(smoke, after="\nrewards:\n", text=entry)
    smoke.write_text(re.sub(r" {4}rewards: \[.*\]\n", experiment, smoke.read_text()))
    return copy


def insert(path: Path, *, text: str, before: str = "", after: str = "") -> None:
    content = path.read_text()
    assert content.count(before or after) == 1
    path.write_text(content.replace(before or after, after + text + before))


def call(copy: Path, *command: str) -> str:
    """Run a Python command with the copy's library, and return its output."""
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
        "from spurious_rewards.rewards.registry import REGISTRY\n"
        "print(REGISTRY['brief'](['a ' * 10, 'a ' * 11, ''], ['1', '1', '1'], None))"
    )
    assert call(followed, "-c", program).strip() == "[1.0, 0.0, 1.0]"


@pytest.mark.rare
def test_the_new_reward_is_planned_trained_and_measured(followed: Path) -> None:
    smoke = followed / "config/suites/smoke.yaml"
    content = yaml.safe_load(smoke.read_text())
    content["organism"]["steps"] = 10
    content["experiments"]["main"].update(seeds=["0"], steps=content["training"]["eval_every"])
    smoke.write_text(yaml.safe_dump(content))
    settings = ("--cores", "1", "--config", "suite=smoke", "tracking=none")
    plan = call(followed, "-m", "snakemake", "-n", *settings)
    assert "effective-code trained on brief (default, plain), seeds 0, steps 0 to 4" in plan

    segment = "results/smoke/runs/effective-code/plain/brief/default/seeds0/segments/0-4"
    call(followed, "-m", "snakemake", f"{segment}/metrics.parquet", *settings)
    program = f"import pandas; print(pandas.read_parquet('{segment}/metrics.parquet')['reward'].between(0, 1).sum())"
    assert call(followed, "-c", program).strip() == "4"


def test_the_names_of_rewards_in_the_config_are_those_of_the_registry() -> None:
    assert list(REWARD_FUNCTIONS) == list(REGISTRY)


# ---------------------------------------------------------------- your method


@pytest.mark.parametrize("name", ["paper", "one_gpu"])
def test_the_example_takes_real_models_as_the_page_says(name: str, tmp_path: Path) -> None:
    page = (ROOT / "docs/tutorials/your-reward.md").read_text().split("## With other models")[1]
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
