"""Reads a user's reward file without running it: the names that it binds, and all of the user's code that it needs.

This code is the file, the modules beside it that it imports, and those that these import. Python's own modules and
installed packages are not part of it. Neither is a module that is loaded by a name without an import statement.
"""

import ast
import codecs
import hashlib
import os
import symtable
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from spurious_rewards.runtime.errors import UserError

SUFFIX = ".py"

FILE = ""
"""The name of the reward file itself among its modules."""

DYNAMIC = {"__getattr__", "eval", "exec", "globals", "locals", "setattr", "vars"}
"""A module that uses one of these names may bind other names that show only when it runs."""

_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


@dataclass(frozen=True)
class Module:
    """A Python file with the content that was read."""

    path: Path
    """Absolute, so that it stays right if a reward changes the working folder."""
    content: bytes


@dataclass(frozen=True)
class Code:
    """A reward file and the user's modules that it imports."""

    file: Path
    """The file's path, as the suite has it."""
    modules: Mapping[str, Module]
    """Name under which Python imports a module -> the module; the file itself is `FILE`."""

    @property
    def folder(self) -> Path:
        """The folder of the modules."""
        return self.modules[FILE].path.parent

    @property
    def digest(self) -> str:
        """Hash of all modules, 16 hex digits. Their folder is not part of it."""
        hashed = hashlib.sha256()
        for name, module in sorted(self.modules.items()):
            hashed.update(f"{name} {len(module.content)}\n".encode() + module.content)
        return hashed.hexdigest()[:16]

    @property
    def hashes(self) -> dict[Path, str]:
        """Path of each module, relative to the working folder -> SHA-256 of what was read."""
        return {
            self.file if name == FILE else Path(os.path.relpath(module.path)): hashlib.sha256(
                module.content
            ).hexdigest()
            for name, module in self.modules.items()
        }

    @property
    def names(self) -> list[str]:
        """Names that the file binds at its top level, on any branch, except modules and names that begin with _."""
        tree = _parsed(self.modules[FILE])
        imported = {
            alias.asname or alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        return [name for name in self._bound() if name not in imported and not name.startswith("_")]

    def may_have(self, name: str) -> bool:
        """Whether the file binds a name, or may bind it when it runs."""
        nodes = list(ast.walk(_parsed(self.modules[FILE])))
        used = {node.id for node in nodes if isinstance(node, ast.Name)} | set(self._bound())
        starred = any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in nodes)
        return name in self._bound() or starred or not used.isdisjoint(DYNAMIC)

    def _bound(self) -> list[str]:
        module = self.modules[FILE]
        with _no_warnings():
            top = symtable.symtable(module.content, str(module.path), "exec")  # type: ignore[arg-type]
        symbols = [symbol for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()]
        return list(dict.fromkeys([*(symbol.get_name() for symbol in symbols), *_declared_global(top)]))


def digest(file: Path) -> str:
    """Return the hash of a reward file with the user's modules that it imports (see `read`)."""
    return read(file).digest


def read(file: Path) -> Code:
    """Read a reward file with the modules beside it that it imports, those that these import, and so on.

    A link is followed. The modules are then those beside the file that it leads to, as for a script that Python runs.

    Raises:
        UserError: there is no such file, or one of the files is not Python.
    """
    if file.suffix != SUFFIX:
        raise UserError(f"{file}: name a Python file, whose name ends in {SUFFIX}")
    path = file.resolve()
    modules = {FILE: _read(path, file)}
    todo = [FILE]
    while todo:
        name = todo.pop()
        for imported in _imported(name, modules[name]):
            found = _beside(path.parent, imported)
            if imported not in modules and found:
                modules[imported] = _read(found, found.relative_to(path.parent))
                todo.append(imported)
    return Code(file, modules)


def _read(path: Path, called: Path) -> Module:
    try:
        module = Module(path, path.read_bytes())
    except OSError as error:
        raise UserError(f"{called}: {error.strerror or error}; name a Python file") from None
    if module.content.startswith(_OTHER_ENCODINGS) or b"\0" in module.content:
        raise UserError(f"{called}: not a text that Python reads, UTF-16 perhaps; save it as UTF-8")
    try:
        _parsed(module)
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise UserError(f"{called}{line}: not Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{called}: not Python: {error}") from None
    return module


def _parsed(module: Module) -> ast.Module:
    with _no_warnings():
        tree = ast.parse(module.content, str(module.path))
        compile(tree, str(module.path), "exec", dont_inherit=True)  # finds what parsing does not: a `return` at the top
    return tree


def _no_warnings() -> "warnings.catch_warnings[None]":
    """Return a context without Python's warnings about a file, which come when the file is loaded."""
    return warnings.catch_warnings(action="ignore")


def _imported(name: str, module: Module) -> Iterator[str]:
    """Yield the full names of all modules that a module may import, with the packages that contain them."""
    for full in _spelled(name, module):
        parts = full.split(".")
        if all(parts) and parts[0] not in sys.stdlib_module_names:
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _spelled(name: str, module: Module) -> Iterator[str]:
    package = name.split(".") if module.path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(_parsed(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = [*above, *([node.module] if node.module else [])]
            yield ".".join(base)
            yield from (".".join([*base, alias.name]) for alias in node.names)


def _beside(folder: Path, name: str) -> Path | None:
    """Return the file of a module, or of a package, in a folder; None if there is none."""
    path = folder.joinpath(*name.split("."))
    return next((file for file in (path / "__init__.py", path.with_name(f"{path.name}.py")) if file.is_file()), None)


def _declared_global(table: symtable.SymbolTable) -> Iterator[str]:
    """Yield the names of the module that functions in it bind."""
    for child in table.get_children():
        yield from (each.get_name() for each in child.get_symbols() if each.is_declared_global() and each.is_assigned())
        yield from _declared_global(child)
