"""A fingerprint is a hash of the code that a stage really runs."""

import ast
import functools
import hashlib
import importlib.metadata
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGE = Path(__file__).parents[1]

NEUTRAL = ("config", "runtime", "stages", "artifacts.paths", "artifacts.manifests", "artifacts.fingerprints")
"""Packages and modules that cannot change what is in an artifact but through a job's params, which Snakemake compares itself."""


def _neutral(module: str) -> bool:
    return module in NEUTRAL or module.split(".")[0] in NEUTRAL


@functools.cache
def fingerprint(stage: str) -> str:
    """Hash of the code behind `stages.{stage}`, 16 hex digits."""
    function = _with_helpers(_tree("stages.work"), stage)
    modules, packages = _imports(function)
    seen: set[str] = set()
    while todo := {one for one in modules - seen if not _neutral(one)}:
        for module in todo:
            inner_modules, inner_packages = _imports(_tree(module))
            modules = modules | inner_modules
            packages = packages | inner_packages
        seen |= todo
    digest = hashlib.sha256(ast.dump(function).encode())
    for module in sorted(seen):
        digest.update(f"{module}\n{ast.dump(_tree(module))}".encode())
    for file in sorted({file for module in seen for file in _data_beside(module)}):
        digest.update(f"{file.name}\n".encode() + file.read_bytes())
    for package, version in sorted(_package_versions(packages)):
        digest.update(f"{package}=={version}\n".encode())
    return digest.hexdigest()[:16]


def _data_beside(module: str) -> list[Path]:
    """Templates, styles and data that lie in a module's subpackage."""
    folder = PACKAGE.joinpath(*module.split(".")[:-1])
    return [file for file in folder.iterdir() if file.is_file() and file.suffix != ".py"] if folder != PACKAGE else []


@functools.cache
def _tree(module: str) -> ast.Module:
    """A module's syntax tree without docstrings."""
    path = PACKAGE.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [child for child in node.body if not _is_text(child)] or [ast.Pass()]
    return tree


def _with_helpers(tree: ast.Module, name: str) -> ast.Module:
    """A function of a module and those of the module that it uses, and they."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    used, todo = set(), {name}
    while todo:
        used |= todo
        found = {node.id for one in todo for node in ast.walk(functions[one]) if isinstance(node, ast.Name)}
        todo = found & functions.keys() - used
    return ast.Module([functions[one] for one in sorted(used)], type_ignores=[])


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(tree: ast.AST) -> tuple[set[str], set[str]]:
    """(modules of this package without its name, top-level names of other packages) that a syntax tree imports."""
    modules, packages = set(), set()
    for name in _imported_names(tree):
        if name.startswith("spurious_rewards."):
            if module := _as_module(name.removeprefix("spurious_rewards.")):
                modules.add(module)
        elif (top := name.split(".")[0]) not in sys.stdlib_module_names and top != "spurious_rewards":
            packages.add(top)
    return modules, packages


def _imported_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _as_module(name: str) -> str | None:
    path = PACKAGE.joinpath(*name.split("."))
    return name if path.with_suffix(".py").exists() or (path / "__init__.py").exists() else None


def _package_versions(names: set[str]) -> set[tuple[str, str]]:
    distributions = _distributions()
    return {(d, importlib.metadata.version(d)) for name in names for d in distributions.get(name, [])}


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
