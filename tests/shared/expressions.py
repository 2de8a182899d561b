"""All regular expressions of the library, texts that are hard for each, and a check for more than linear time."""

import ast
import importlib
import itertools
import pkgutil
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import spurious_rewards

CALLS = ("compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")
UNSEEN = {"match"}
"""Methods of expressions that no line of the library calls: they are handed to PyYAML, which calls `match`."""

SHORT, FLOOR = 3_000, 0.01
"""Characters of the short text, and seconds below which no time matters."""
LONGER, SLOWER = 8, 22.0
"""The long text is LONGER times as long and may take SLOWER times as long: 8 is linear growth, 64 is quadratic."""


@dataclass(frozen=True)
class Expression:
    """An expression, where it is defined, and the methods that the library calls on it."""

    where: str
    pattern: re.Pattern[Any]
    methods: frozenset[str]


def every() -> list[Expression]:
    """Return all expressions that modules hold or functions compile.

    In an expression that a function builds, a constant text stands for the result of `re.escape`.

    Raises:
        AssertionError: a function builds an expression from values that are known only when it runs.
    """
    names = [spurious_rewards.__name__]
    names += [each.name for each in pkgutil.walk_packages(spurious_rewards.__path__, f"{names[0]}.")]
    modules = [importlib.import_module(name) for name in names if not name.endswith("__main__")]
    trees = {module: ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")) for module in modules}
    found = []
    for module, tree in trees.items():
        used: dict[str, set[str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in CALLS and isinstance(node.value, ast.Name):
                used.setdefault(node.value.id, set()).add(node.attr)
        found += [
            Expression(f"{module.__name__}.{name}", pattern, frozenset(used.get(name, UNSEEN)))
            for name, pattern in _held(module)
        ]
        found += _in_functions(module, tree)
    return found


def _held(module: ModuleType) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Yield the expressions in a module's names, in containers there, and in its classes."""

    def within(name: str, value: object, depth: int) -> Iterator[tuple[str, re.Pattern[Any]]]:
        if isinstance(value, re.Pattern):
            yield name, value
        elif depth and isinstance(value, Mapping):
            for each in value.values():
                yield from within(name, each, depth - 1)
        elif depth and isinstance(value, list | tuple | set | frozenset):
            for each in value:
                yield from within(name, each, depth - 1)
        elif depth and isinstance(value, type) and value.__module__ == module.__name__:
            for inner, each in vars(value).items():
                yield from within(inner, each, depth - 1)

    for name, value in vars(module).items():
        yield from within(name, value, 4)


def _in_functions(module: ModuleType, tree: ast.Module) -> Iterator[Expression]:
    functions = (
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda | ast.AsyncFunctionDef)
    )
    for function in functions:
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and node.func.attr in CALLS
            ):
                written = ast.Expression(_AnyText().visit(node.args[0]))
                where = f"{module.__name__}, line {node.lineno}"
                try:
                    text = eval(compile(ast.fix_missing_locations(written), where, "eval"), vars(module))
                except NameError as error:
                    raise AssertionError(f"{where}: {error}; make the expression a constant of the module") from None
                asked = "finditer" if node.func.attr == "compile" else node.func.attr
                yield Expression(where, re.compile(text), frozenset({asked}))


class _AnyText(ast.NodeTransformer):
    """Replaces each call of `re.escape` by a constant text."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        escapes = isinstance(node.func, ast.Attribute) and node.func.attr == "escape"
        return ast.Constant("5") if escapes else node


# ---------------------------------------------------------------- hard texts


def hard_texts(pattern: re.Pattern[Any], length: int) -> Iterator[str]:
    """Yield texts of about `length` that begin as the expression wants, repeat what it repeats, and end otherwise."""
    heads: dict[tuple[str, str], None] = {}
    _heads(parser.parse(pattern.pattern, pattern.flags), "", heads)
    pieces = list(dict.fromkeys(piece for both in heads for piece in both if piece))
    pairs = [one + other for one, other in itertools.permutations(pieces[:8], 2)]
    pumped = dict.fromkeys([*heads, *(("", piece) for piece in (*pieces, *pairs))])
    for (head, pump), end in itertools.product(pumped, ("\0", "1")):
        yield head + pump * (length // len(pump)) + end


def _heads(sequence: Iterable[Any], before: str, heads: dict[tuple[str, str], None]) -> str:
    """Return a sample text of a sequence, and note in `heads` (text before it, sample) for each part that repeats."""
    sample = before
    for kind, of in sequence:
        match kind:
            case sre.MAX_REPEAT | sre.MIN_REPEAT | sre.POSSESSIVE_REPEAT:
                least, most, inner = of
                one = _heads(inner, sample, heads)[len(sample) :]
                if most == sre.MAXREPEAT and one:
                    heads.setdefault((sample, one))
                    heads.setdefault(("", sample + one))
                sample += one * max(least, 1)
            case sre.SUBPATTERN:
                sample = _heads(of[-1], sample, heads)
            case sre.ATOMIC_GROUP:
                sample = _heads(of, sample, heads)
            case sre.BRANCH:
                samples = [_heads(branch, sample, heads) for branch in of[1]]
                sample = max(samples, key=len)
            case sre.ASSERT | sre.ASSERT_NOT:
                _heads(of[1], sample, heads)
            case sre.LITERAL:
                sample += chr(of)
            case sre.NOT_LITERAL | sre.ANY:
                sample += "a"
            case sre.IN:
                sample += _member(of)
    if whole := sample[len(before) :]:
        heads.setdefault(("", whole))
    return sample


def _member(options: list[tuple[Any, Any]]) -> str:
    if options[0][0] is sre.NEGATE:
        return "a"
    kind, of = options[0]
    if kind is sre.CATEGORY:
        return {sre.CATEGORY_DIGIT: "1", sre.CATEGORY_SPACE: " ", sre.CATEGORY_WORD: "a"}.get(of, ".")
    return chr(of[0] if kind is sre.RANGE else of)


# ---------------------------------------------------------------- growth


def outgrown(asked: Callable[[str], object], texts: Callable[[int], Iterable[str]], short: int = SHORT) -> str | None:
    """Return the beginning of a text on which a function takes far longer than linear time, or None.

    Such a text takes more than SLOWER times as long when it is LONGER (eight) times as long. Times are processor time,
    the least of several measurements, and only of texts that take long enough to be measured. The lengths differ so
    much that other work on the machine, which can double a time, does not change the result.
    """
    for number, text in enumerate(texts(short)):
        if _seconds(asked, text) > FLOOR / 8:
            long = next(itertools.islice(texts(LONGER * short), number, None))
            first, second = (min(_seconds(asked, each) for _ in range(5)) for each in (text, long))
            if second > FLOOR and second > SLOWER * first:
                return text[:80]
    return None


def _seconds(asked: Callable[[str], object], text: str) -> float:
    start = time.process_time()
    asked(text)
    return time.process_time() - start


def asked_of(expression: Expression) -> Callable[[str], object]:
    """Return a function that calls on a text all methods that the library calls on the expression."""
    of_bytes = isinstance(expression.pattern.pattern, bytes)

    def ask(text: str) -> None:
        said: Any = text.encode("utf-8", "surrogatepass") if of_bytes else text
        for method in expression.methods:
            if method in ("match", "fullmatch", "search"):
                getattr(expression.pattern, method)(said)
            else:
                for _ in expression.pattern.finditer(said):
                    pass

    return ask
