"""The packages that the project itself depends on."""

import functools
import importlib.metadata
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from spurious_rewards.artifacts.fingerprints import PACKAGE


def is_direct(package: str) -> bool:
    """Whether a package is a direct dependency of the project; those of extras do not count."""
    return canonicalize_name(package) in _direct()


@functools.cache
def _direct() -> frozenset[str]:
    try:
        asked = importlib.metadata.requires("spurious-rewards") or []
    except importlib.metadata.PackageNotFoundError:  # in an environment made by --sdm conda
        asked = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"][
            "dependencies"
        ]
    return frozenset(canonicalize_name(Requirement(text).name) for text in asked if "extra ==" not in text)
