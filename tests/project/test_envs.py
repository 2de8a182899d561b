"""All package lists have pyproject.toml's pins. Conda files and the container recipe have what the stages import."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from spurious_rewards.artifacts import fingerprints
from spurious_rewards.operations.checks.packages import environment
from spurious_rewards.stages.registry import registered

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
BUILD = PYPROJECT["build-system"]["requires"]
EXTRAS = {name: [Requirement(line) for line in lines] for name, lines in PROJECT["optional-dependencies"].items()}
DIRECT = [Requirement(line) for line in PROJECT["dependencies"]] + [one for extra in EXTRAS.values() for one in extra]
IN_RECIPE = ("vllm", "deepspeed")
ELSEWHERE = (*IN_RECIPE, "slurm", "docs")
"""Extras that are not installed where the tests run, and that constraints.txt therefore omits."""

RECIPE = ROOT / "envs/spurious-rewards.def"
HASHED = sorted((ROOT / "envs").glob("requirements*.txt"))
CONDA = sorted((ROOT / "envs").glob("*.yaml"))

WITH_VLLM = "3.13"
"""Python version where vLLM is installed: vLLM's dependency mistral-common allows numpy 2.4 only from 3.13 on."""

STAGES = {
    "analyse": (
        *("prepare", "label", "grade", "prune", "score", "training_summary", "compare_graders", "contamination"),
        *("claims", "bandit", "plot", "headline", "report"),
    ),
    "generate": ("vote", "generate", "memorization"),
    "train": ("pretrain", "train", "probe"),
    "vllm": ("vote", "generate", "memorization", "train"),
}
"""The stages whose rules name each conda file."""

COME_WITH = {
    "safetensors": "transformers",
    "tokenizers": "transformers",
    "latex2sympy2-extended": "math-verify",
    "antlr4-python3-runtime": "math-verify",
    "sympy": "math-verify",
    "packaging": "transformers",
}
"""Packages that stages import and that another package installs."""

ON_REQUEST = {stage: {"vllm"} for stage in ("vote", "generate", "memorization")}
"""Packages that a stage imports only in functions it may never call: vLLM, where no suite uses it as the engine."""


def pins(requirements: list[Requirement]) -> dict[str, str]:
    return {canonicalize_name(one.name): str(one.specifier) for one in requirements}


def section(name: str) -> str:
    """Return a section of the recipe, without its heading."""
    found = re.search(rf"^%{name}$\n(.*?)(?=^%|\Z)", RECIPE.read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"{RECIPE.name} has no %{name}"
    return found[1]


def imported(stage: str) -> set[str]:
    """Return the names of the packages that a stage's code imports."""
    modules, packages = fingerprints._imports(fingerprints._half(f"stages.{stage}", "work"))
    seen: set[str] = set()
    while todo := modules - seen:
        for module in todo:
            more, others = fingerprints._imports(fingerprints._tree(module))
            modules, packages = modules | more, packages | others
        seen |= todo
    distributions = fingerprints._distributions()
    return {canonicalize_name(name) for package in packages for name in distributions.get(package, [package])}


def constraints() -> dict[str, str]:
    """Return the pins of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return pins([Requirement(line) for line in lines if line.strip() and not line.startswith("#")])


def test_constraints_have_the_projects_pins() -> None:
    elsewhere = pins([one for name in ELSEWHERE for one in EXTRAS[name]])
    for name, pin in pins(DIRECT).items():
        assert re.fullmatch(r"==[\w.]+", pin), f"{name} is not pinned in pyproject.toml"
        assert name in elsewhere or constraints()[name] == pin


def hashed(path: Path) -> dict[str, tuple[Requirement, list[str]]]:
    """Return each requirement of a file for `pip install --require-hashes`, with its hashes."""
    lines = [line for line in path.read_text().replace("\\\n", "").splitlines() if not line.startswith("#")]
    found = {}
    for line in lines:
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), line
        found[canonicalize_name(Requirement(requirement).name)] = Requirement(requirement), hashes
    assert len(found) == len(lines), f"a package stands twice in {path.name}"
    return found


@pytest.mark.parametrize("path", HASHED, ids=lambda path: path.stem)
def test_every_requirement_has_one_version_and_hashes_and_no_address(path: Path) -> None:
    for requirement, hashes in hashed(path).values():
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier))
        assert hashes
        assert len(set(hashes)) == len(hashes)
        assert requirement.url is None
    assert not re.search(r"://|--(?!hash=sha256:)| @ ", path.read_text())


def test_requirements_with_hashes_have_the_projects_pins() -> None:
    found = {name: requirement for name, (requirement, _) in hashed(ROOT / "envs/requirements.txt").items()}
    wanted = pins([Requirement(line) for line in PROJECT["dependencies"]] + EXTRAS["dev"] + EXTRAS["slurm"])
    assert wanted.items() <= pins(list(found.values())).items()
    for name, pin in constraints().items():
        assert str(found[name].specifier) == pin, f"{name} is another one in constraints.txt"
    build = hashed(ROOT / "envs/requirements-build.txt")
    assert build == {name: hashed(ROOT / "envs/requirements.txt")[name] for name in build}
    assert [canonicalize_name(Requirement(line).name) for line in BUILD] == list(build)


def test_what_builds_the_manual_is_pinned() -> None:
    lines = (ROOT / "docs/tools/requirements.txt").read_text().splitlines()
    found = pins([Requirement(line) for line in lines if not line.startswith("#")])
    assert all(re.fullmatch(r"==[\w.]+", pin) for pin in found.values())
    assert pins(EXTRAS["docs"]).items() <= found.items()


@pytest.mark.parametrize("path", CONDA, ids=lambda path: path.stem)
def test_conda_files_have_the_projects_pins(path: Path) -> None:
    found = pins(environment(path))
    assert found
    assert found == {name: pins(DIRECT).get(name) for name in found}
    content = yaml.safe_load(path.read_text())
    assert set(content) == {"channels", "dependencies"}
    python, pip, _ = content["dependencies"]
    assert (python, pip) == (f"python={WITH_VLLM if 'vllm' in found else '3.11'}", "pip")


@pytest.mark.parametrize("path", CONDA, ids=lambda path: path.stem)
def test_conda_files_hold_what_their_stages_import(path: Path) -> None:
    held = pins(environment(path)).keys()
    for stage in {*STAGES[path.stem]} - {"headline"}:  # it runs code of other stages in this file
        on_request = ON_REQUEST.get(stage, set())
        assert on_request <= imported(stage)
        needed = imported(stage) - on_request
        needed = {name if name in held else COME_WITH.get(name, name) for name in needed}
        assert needed <= held, f"{stage} imports {needed - held}, which {path.name} lacks"
    assert path.stem != "vllm" or held >= {"vllm", "accelerate"}


def test_every_stage_has_a_conda_file() -> None:
    listed = {stage for stages in STAGES.values() for stage in stages}
    assert listed == registered().keys(), "each stage stands in STAGES of this file, under the conda file of its rule"


def test_rules_name_conda_files_that_are_there() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    by_engine = {"vllm", "generate", "train"}  # GENERATE_ENV and TRAIN_ENV of common.smk
    assert set(re.findall(r'environment\("([\w-]+)"\)', rules)) | by_engine == {path.stem for path in CONDA}


def test_the_recipe_has_what_apptainer_asks_for() -> None:
    header, _, _ = RECIPE.read_text().partition("%")
    fields = dict(re.findall(r"^(\w+): (.+)$", header, re.MULTILINE))
    assert fields.keys() == {"Bootstrap", "From"}
    assert fields["Bootstrap"] == "docker"
    assert re.fullmatch(rf"python(:{re.escape(WITH_VLLM)}|@sha256:[0-9a-f]{{64}})", fields["From"])
    for line in section("files").split("\n"):
        assert not line.strip() or (ROOT / line.split()[0]).is_file()
    subprocess.run(
        ["sh", "-n"], input=section("post") + section("environment") + section("test"), text=True, check=True
    )


def test_the_recipe_installs_the_projects_pins(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    listing = section("post").replace("cd /opt/spurious-rewards", f"cd {tmp_path}")
    # The script without its last line, which installs what the other lines list.
    listing, install, _ = listing.partition("    python -m pip install")
    assert install
    subprocess.run(["sh", "-ec", listing.replace("python -c", f"{sys.executable} -c")], check=True)
    listed = [Requirement(line) for line in (tmp_path / "requirements.txt").read_text().splitlines()]
    wanted = [Requirement(line) for line in PROJECT["dependencies"]] + [
        one for name in IN_RECIPE for one in EXTRAS[name]
    ]
    assert pins(listed) == pins(wanted)
