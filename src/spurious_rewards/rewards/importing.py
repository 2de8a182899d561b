"""Import a reward file and the modules beside it from the content that was read once.

So the code that runs is the code that was hashed, even if a function imports a module only later, after an edit.
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
    """Run a reward file and return its module, which has the file's name (`reward_NAME` if Python has that name).

    Call this, and whatever the module defines, within `importable`.

    Raises:
        UserError: a module beside the file has the same name as one elsewhere; the message does not name the file.
    """
    for name in code.modules.keys() - {FILE}:
        if other := _elsewhere(name.split(".")[0], code.folder):
            raise UserError(f"it imports {name}, which lies beside it, but {other} has that name too; rename yours")
        sys.modules.pop(name, None)  # left by an earlier load
    stem = code.modules[FILE].path.stem
    free = stem.isidentifier() and not _elsewhere(stem, code.folder)
    loader = _Held(code.modules[FILE])
    spec = importlib.util.spec_from_file_location(stem if free else f"reward_{stem}", loader.path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look up their module there
    loader.exec_module(module)
    return module


@contextmanager
def importable(code: Code) -> Iterator[None]:
    """Let Python find the modules beside a reward file before all others; `load` refuses names that exist elsewhere.

    Modules that no import statement names (`importlib.import_module`) are found too, with their content at that time.
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
    """Return where Python finds a module of this name outside a folder; "" if nowhere."""
    module = sys.modules.get(name)
    spec = None if module else _found(name, folder)
    where: str | None = getattr(module, "__file__", None) if module else (spec.origin if spec else None)
    if where is not None:
        return "" if Path(where) in (folder / f"{name}.py", folder / name / "__init__.py") else str(where)
    # Without a file, a module is built in, or is a namespace package, over which any module takes precedence.
    built_in = module is not None and not hasattr(module, "__path__")
    return f"Python's own {name}" if built_in else ""


def _found(name: str, folder: Path) -> ModuleSpec | None:
    """Return the spec of a module that Python finds without searching a folder."""
    elsewhere = [entry for entry in sys.path if Path(entry).resolve() != folder]
    for finder in sys.meta_path:
        if not isinstance(finder, _Finder):
            path = elsewhere if finder is PathFinder else None
            if spec := finder.find_spec(name, path):
                return spec
    return None


class _Held(SourceLoader):
    """Runs a module from its content that was read earlier; no bytecode is read or written."""

    def __init__(self, module: Module):
        self.path, self.content = str(module.path), module.content

    def get_filename(self, fullname: str) -> str:
        return self.path

    def get_data(self, path: str | bytes) -> bytes:
        return self.content


class _Finder(MetaPathFinder):
    """Finds the modules of a reward file by their full names."""

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
