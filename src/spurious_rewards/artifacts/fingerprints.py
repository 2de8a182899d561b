"""Compute a fingerprint: a hash of the code that a stage really runs.

It covers `work` of the stage's module with what `work` uses in that module, the modules imported by these, and theirs
in turn. Each counts as a syntax tree without docstrings. The data files that these modules name and the versions of the
packages that they import are included too. So a comment, or the planning half of a stage, does not change a
fingerprint; a changed grader changes the grader's.
"""

import ast
import functools
import hashlib
import importlib.metadata
import symtable
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGE = Path(__file__).parents[1]

NEUTRAL = (
    *("config", "runtime", "stages.job"),
    *("artifacts.manifests", "artifacts.fingerprints", "artifacts.digests", "artifacts.local_copies"),
)
"""Packages and modules left out: they change an artifact never, or only through params, which Snakemake compares."""

COUNTED = ("config.suite", "config.experiments", "config.training", "config.endpoints", "config.claims")
"""Exceptions to `NEUTRAL`: they compute values that no param holds: runs, updates, steps of tables, rules of claims."""

JOBS = ("JobSpec", "ModelJob")
"""Base classes of a job class. Its fields define how params are parsed, so they belong to the planning half."""


@functools.cache
def fingerprint(stage: str) -> str:
    """Return a hash (16 hex digits) of the code behind `work` of `stages.{stage}`.

    Raises:
        ValueError: the stage's module has a top-level statement that is not supported here, such as `try` or `+=`.
    """
    working = _half(f"stages.{stage}", "work")
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
    for file in sorted({file for module in seen for file in _data_of(module)}):
        digest.update(f"{file.name}\n".encode() + file.read_bytes())
    for package, version in sorted(_package_versions(packages)):
        digest.update(f"{package}=={version}\n".encode())
    return digest.hexdigest()[:16]


def _neutral(module: str) -> bool:
    return module not in COUNTED and any(module == one or module.startswith(f"{one}.") for one in NEUTRAL)


def _data_of(module: str) -> list[Path]:
    """Return templates, styles and data in the module's folder that the module, or another such file, names."""
    folder = _path(module).parent
    texts = {node.value for node in ast.walk(_tree(module)) if isinstance(node, ast.Constant)}
    data = [file for file in folder.iterdir() if file.is_file() and file.suffix != ".py"]
    named = [file for file in data if file.name in texts]
    while more := [
        file for file in data if file not in named and any(file.name.encode() in one.read_bytes() for one in named)
    ]:
        named += more
    return named


def _path(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@functools.cache
def _tree(module: str) -> ast.Module:
    """Return a module's syntax tree without docstrings."""
    tree = ast.parse(_path(module).read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [child for child in node.body if not _is_text(child)] or [ast.Pass()]
    return tree


# ---------------------------------------------------------------- the half of a module that a function uses


def _half(module: str, function: str) -> ast.Module:
    """Return a function of a module, its jobs' methods, what these use in the module, and the imports they need."""
    inner = {
        table.get_name(): table
        for table in symtable.symtable(_path(module).read_bytes().decode(), module, "exec").get_children()
    }
    found: dict[str, ast.stmt] = {}
    methods: list[ast.stmt] = []
    for node in _tree(module).body:
        if isinstance(node, ast.ClassDef) and any(
            isinstance(base, ast.Name) and base.id in JOBS for base in node.bases
        ):
            methods += [each for each in node.body if isinstance(each, ast.FunctionDef)]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {name.id: node for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.split(".")[0]: _alone(node, alias) for alias in node.names}
        elif not _only_for_annotations(node):
            raise ValueError(
                f"{_path(module)}, line {node.lineno}: no fingerprint follows such a statement at the top of a stage"
            )
    used: set[str] = set()
    todo = {function} | {name for method in methods for name in _read_outside(method)} & found.keys()
    while todo:
        used |= todo
        todo = {name for one in todo for name in _names(found[one], inner.get(one))} & found.keys() - used
    return ast.Module([found[one] for one in sorted(used)] + methods, type_ignores=[])


def _only_for_annotations(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _alone(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> ast.stmt:
    """Return an import statement with one of its names only."""
    if isinstance(node, ast.Import):
        return ast.Import([alias])
    return ast.ImportFrom(node.module, [alias], node.level)


def _names(node: ast.stmt, table: symtable.SymbolTable | None) -> set[str]:
    """Return the module's names that a definition reads, in its own scopes and in its module's scope."""
    return _read_outside(node) | (_globals(table) if table else set())


def _globals(table: symtable.SymbolTable) -> set[str]:
    own = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return own.union(*(_globals(child) for child in table.get_children()))


def _read_outside(node: ast.stmt) -> set[str]:
    """Return the names that a statement reads; for a function, only in its decorators and defaults, not in its body."""
    if isinstance(node, ast.FunctionDef):
        defaults = [default for default in node.args.kw_defaults if default is not None]
        read: list[ast.AST] = [*node.decorator_list, *node.args.defaults, *defaults]
    else:
        read = [node]
    return {name.id for part in read for name in ast.walk(part) if isinstance(name, ast.Name)}


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(tree: ast.AST) -> tuple[set[str], set[str]]:
    """Return what a syntax tree imports: (modules of this package without its name, top-level names of others)."""
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
    return name if _path(name).exists() else None


def _package_versions(names: set[str]) -> set[tuple[str, str]]:
    distributions = _distributions()
    return {(d, importlib.metadata.version(d)) for name in names for d in distributions.get(name, [])}


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
