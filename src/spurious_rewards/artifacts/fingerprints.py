"""A fingerprint is a hash of the code that a stage really runs.

That is `work` of the stage's module with what it uses of that module, the modules that these import, and theirs, as syntax
trees without docstrings, with the versions of the packages they import. So neither a comment nor the planning half of a stage
changes a fingerprint; a changed grader changes the grader's.
"""

import ast
import functools
import hashlib
import importlib.metadata
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGE = Path(__file__).parents[1]

NEUTRAL = ("config", "runtime", "stages.job", "artifacts.paths", "artifacts.manifests", "artifacts.fingerprints")
"""Packages and modules that cannot change what is in an artifact but through a job's params, which Snakemake compares itself."""

JOB = "JobSpec"
"""What the class of a job is made from. It says how params are read, so it belongs to the planning half."""


@functools.cache
def fingerprint(stage: str) -> str:
    """Hash of the code behind `work` of `stages.{stage}`, 16 hex digits."""
    working = _half(_tree(f"stages.{stage}"), "work")
    modules, packages = _imports(working)
    seen: set[str] = set()
    while todo := {module for module in modules - seen if not _neutral(module)}:
        for module in todo:
            inner_modules, inner_packages = _imports(_tree(module))
            modules = modules | inner_modules
            packages = packages | inner_packages
        seen |= todo
    digest = hashlib.sha256(ast.dump(working).encode())
    for module in sorted(seen):
        digest.update(f"{module}\n{ast.dump(_tree(module))}".encode())
    for file in sorted({file for module in seen for file in _data_beside(module)}):
        digest.update(f"{file.name}\n".encode() + file.read_bytes())
    for package, version in sorted(_package_versions(packages)):
        digest.update(f"{package}=={version}\n".encode())
    return digest.hexdigest()[:16]


def _neutral(module: str) -> bool:
    return any(module == neutral or module.startswith(f"{neutral}.") for neutral in NEUTRAL)


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


def _half(tree: ast.Module, function: str) -> ast.Module:
    """A function of a module, what of the module it uses, and what that uses, with the imports that these need."""
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) or (isinstance(node, ast.ClassDef) and not _is_job(node)):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {name.id: node for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.split(".")[0]: _alone(node, alias) for alias in node.names}
    used: set[str] = set()
    todo = {function}
    while todo:
        used |= todo
        todo = {name for one in todo for name in _names(found[one])} & found.keys() - used
    return ast.Module([found[one] for one in sorted(used)], type_ignores=[])


def _is_job(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == JOB for base in node.bases)


def _alone(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> ast.stmt:
    """An import of one name out of several."""
    if isinstance(node, ast.Import):
        return ast.Import([alias])
    return ast.ImportFrom(node.module, [alias], node.level)


def _names(node: ast.stmt) -> set[str]:
    """Names that a statement reads and does not itself bind."""
    names = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
    bound = {each.id for each in names if isinstance(each.ctx, ast.Store)}
    bound |= {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}
    return {each.id for each in names} - bound


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
