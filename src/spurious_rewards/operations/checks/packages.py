"""Check whether installed packages fit each other and the suite, and whether the files for `--sdm conda` are valid."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from spurious_rewards.config.base import Frozen
from spurious_rewards.config.messages import validate
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.yaml_files import read_yaml
from spurious_rewards.operations.checks.finding import Finding
from spurious_rewards.runtime import installed
from spurious_rewards.runtime.errors import UserError, in_a_line

STACK = ("torch", "transformers", "accelerate", "trl", "vllm", "datasets", "huggingface-hub", "tokenizers", "deepspeed")
"""Packages whose versions must fit each other."""


class Environment(Frozen):
    """A file for `--sdm conda`, with exactly the keys that this project's files have."""

    channels: tuple[str, ...]
    dependencies: tuple[str | dict[Literal["pip"], tuple[str, ...]], ...]


def packages(suite: Suite) -> Iterator[Finding]:
    """Check whether the installed packages fit together, serve the suite's engines, and are those of the tests."""
    fails, warns = partial(Finding, "fails", "packages"), partial(Finding, "warns", "packages")
    here = {name: found for name in STACK if (found := installed.version(name))}
    again = installed.how_to_get()
    for name in here:
        for needed in _requirements(name, extras=("", "vllm")):
            found = here.get(canonicalize_name(needed.name))
            if found and not needed.specifier.contains(found, prereleases=True):
                yield fails(
                    f"{name} {here[name]} wants {needed.name}{needed.specifier}, and {found} is installed", again
                )
    if "vllm" in _engines(suite) and installed.version("vllm") is None:
        yield fails(
            "the suite's engine is vllm, and vLLM is not installed",
            f"{installed.how_to_get('vllm')} (Python 3.13 or newer), or set `engine: transformers` in the suite's sampling "
            "and training, which samples more slowly; `estimate` does not know by how much",
        )
    for pin in _requirements("spurious-rewards", extras=("",)):
        found = installed.version(pin.name)
        if found is None:
            yield fails(f"{pin.name} is not installed", again)
        elif not pin.specifier.contains(found, prereleases=True):
            yield warns(f"{pin.name} {found} is installed, and the tests ran with {pin.specifier}", again)


def environments(folder: Path) -> Iterator[Finding]:
    """Check whether the files for `--sdm conda` can be parsed."""
    for path in sorted(folder.glob("*.yaml")):
        try:
            environment(path)
        except UserError as error:
            yield Finding("warns", "environments", f"--sdm conda will not work: {error}", f"restore {path}")


def environment(path: Path) -> list[Requirement]:
    """Return the packages that a conda file has pip install.

    Raises:
        UserError: the file cannot be parsed, or is not what conda takes.
    """
    asked = validate(Environment, read_yaml(path), path).dependencies
    try:
        return [Requirement(line) for one in asked if isinstance(one, dict) for line in one["pip"]]
    except InvalidRequirement as error:
        raise UserError(f"{path}: {in_a_line(error)}; allowed: NAME==VERSION") from None


def _requirements(name: str, extras: Sequence[str]) -> list[Requirement]:
    """Return what an installed package requires here, for each of `extras`; "" means without any extra."""
    found = installed.distribution(name)
    needed = [Requirement(line) for line in found.requires or ()] if found else []
    return [one for one in needed if not one.marker or any(one.marker.evaluate({"extra": each}) for each in extras)]


def _engines(suite: Suite) -> set[str]:
    return {
        suite.sampling.engine,
        *(suite.algorithms[run.variant].engine for run in suite.runs if not suite.imported(run)),
    }
