"""Importing a reward file, and the modules beside it, from what was read of them once.

So what runs is what was hashed, also where a function imports a module first at a later step, and after an edit.
"""

import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from spurious_rewards.config.reward_file import FILE, Code, Module
from spurious_rewards.runtime.errors import UserError


def load(code: Code) -> ModuleType:
    """Run a reward file. It is a module under the file's name, or, where Python has a module of that name, `reward_NAME`.

    Call it, and what it defines, within `importable`.

    Raises:
        UserError: a module beside it has the name of one that Python finds elsewhere; the message does not name the file.
    """
    for name in code.modules.keys() - {FILE}:
        if other := _elsewhere(name.split(".")[0], code.folder):
            raise UserError(f"it imports {name}, which lies beside it, but {other} has that name too; rename yours")
        sys.modules.pop(name, None)  # of a load before
    stem = code.modules[FILE].path.stem
    free = stem.isidentifier() and not _elsewhere(stem, code.folder)
    loader = _Held(code.modules[FILE])
    spec = importlib.util.spec_from_file_location(stem if free else f"reward_{stem}", loader.path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    loader.exec_module(module)
    return module


@contextmanager
def importable(code: Code) -> Iterator[None]:
    """Let Python find the modules beside a reward file, before all others: `load` refuses one that has another's name.

    A module that no import names (`importlib.import_module`) is found too, as it lies there at the time.
    """
    finder, folder = _Finder(code.modules), str(code.folder)
    added = folder not in sys.path
    sys.meta_path.insert(0, finder)
    if added:
        sys.path.append(folder)
    try:
        yield
    finally:
        sys.meta_path[:] = [other for other in sys.meta_path if other is not finder]
        if added and folder in sys.path:
            sys.path.remove(folder)


def _elsewhere(name: str, folder: Path) -> str:
    """Where Python finds a module of this name outside of a folder; "" if nowhere."""
    module = sys.modules.get(name)
    spec = None if module else _found(name, folder)
    where: str | None = getattr(module, "__file__", None) if module else (spec.origin if spec else None)
    if where is not None:
        return "" if Path(where) in (folder / f"{name}.py", folder / name / "__init__.py") else str(where)
    built_in = module is not None and not hasattr(module, "__path__")  # else a folder, which any module goes before
    return f"Python's own {name}" if built_in else ""


def _found(name: str, folder: Path) -> ModuleSpec | None:
    """A module as Python finds it where it does not look in a folder."""
    elsewhere = [entry for entry in sys.path if Path(entry).resolve() != folder]
    for finder in sys.meta_path:
        if not isinstance(finder, _Finder):
            path = elsewhere if finder is PathFinder else None
            if spec := finder.find_spec(name, path):
                return spec
    return None


class _Held(SourceLoader):
    """Runs a module from what was read of it; no bytecode is read or written."""

    def __init__(self, module: Module):
        self.path, self.content = str(module.path), module.content

    def get_filename(self, fullname: str) -> str:
        return self.path

    def get_data(self, path: str | bytes) -> bytes:
        return self.content


class _Finder(MetaPathFinder):
    """Finds modules by their full names."""

    def __init__(self, modules: Mapping[str, Module]):
        self.modules = modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        module = self.modules.get(fullname) if fullname != FILE else None
        if module is None:
            return None
        folders = [str(module.path.parent)] if module.path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            fullname, module.path, loader=_Held(module), submodule_search_locations=folders
        )
