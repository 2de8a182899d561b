"""All stages by name: the modules of this package that have a `STAGE`."""

import functools
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from spurious_rewards import stages
from spurious_rewards.artifacts.fingerprints import fingerprint
from spurious_rewards.artifacts.manifests import manifests_below
from spurious_rewards.stages.job import Stage


@functools.cache
def registered() -> dict[str, Stage]:
    """Return the stages, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(stages.__path__) if module.name != "registry")
    modules = {name: importlib.import_module(f"{stages.__name__}.{name}") for name in names}
    return {name: module.STAGE for name, module in modules.items() if hasattr(module, "STAGE")}


def changed_since(root: Path) -> Iterator[Path]:
    """Yield the artifacts of versioned stages below `root` that code with another fingerprint than today's made."""
    versioned = {name for name, stage in registered().items() if stage.version is not None}
    for _, manifest in manifests_below(root):
        if manifest["stage"] in versioned and manifest["fingerprint"] != fingerprint(manifest["stage"]):
            yield Path(manifest["artifact"])
