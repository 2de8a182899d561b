"""A fingerprint is a hash of the code that a stage really runs.

That is `work` of the stage's module with what it uses of that module, the modules that these import, and theirs, as syntax
trees without docstrings, with the data files that these modules name and the versions of the packages they import. So neither a
comment nor the planning half of a stage changes a fingerprint; a changed grader changes the grader's.
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
"""Packages and modules that change an artifact only through a job's params, which Snakemake compares itself, or not at all."""

COUNTED = ("config.suite", "config.experiments", "config.training", "config.endpoints", "config.claims")
"""Those of them that work out something of a suite that no param holds: runs, updates, the steps of tables, rules of claims."""

JOBS = ("JobSpec", "ModelJob")
"""What the class of a job is made from, one of them. Its fields say how params are read, so they belong to the planning half."""


@functools.cache
def fingerprint(stage: str) -> str:
    """Hash of the code behind `work` of `stages.{stage}`, 16 hex digits.

    Raises:
        ValueError: the stage's module has a statement at its top that this does not follow, such as `try` or `+=`.
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
    """Templates, styles and data that a module names: they lie beside it, and one may take in others of their folder."""
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
    """A module's syntax tree without docstrings."""
    tree = ast.parse(_path(module).read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [child for child in node.body if not _is_text(child)] or [ast.Pass()]
    return tree


# ---------------------------------------------------------------- the half of a module that a function uses


def _half(module: str, function: str) -> ast.Module:
    """A function of a module, the methods of its jobs, what these use of the module, and the imports that they need."""
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
    """An import of one name out of several."""
    if isinstance(node, ast.Import):
        return ast.Import([alias])
    return ast.ImportFrom(node.module, [alias], node.level)


def _names(node: ast.stmt, table: symtable.SymbolTable | None) -> set[str]:
    """Names of the module that a definition reads: in its own scopes, and where its module reads it."""
    return _read_outside(node) | (_globals(table) if table else set())


def _globals(table: symtable.SymbolTable) -> set[str]:
    own = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return own.union(*(_globals(child) for child in table.get_children()))


def _read_outside(node: ast.stmt) -> set[str]:
    """Names that a statement reads; of a function those in its decorators and defaults, for its body has a scope of its own."""
    if isinstance(node, ast.FunctionDef):
        defaults = [default for default in node.args.kw_defaults if default is not None]
        read: list[ast.AST] = [*node.decorator_list, *node.args.defaults, *defaults]
    else:
        read = [node]
    return {name.id for part in read for name in ast.walk(part) if isinstance(name, ast.Name)}


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
    return name if _path(name).exists() else None


def _package_versions(names: set[str]) -> set[tuple[str, str]]:
    distributions = _distributions()
    return {(d, importlib.metadata.version(d)) for name in names for d in distributions.get(name, [])}


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
