"""Text files and pipes name their encoding. Otherwise Python takes the encoding of the machine's locale."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = [path for part in ("src", "benchmarks", "examples") for path in sorted((ROOT / part).rglob("*.py"))]
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]


def unnamed(tree: ast.Module) -> Iterator[int]:
    """Yield the lines of the calls that open text and leave its encoding to the locale.

    Ruff (PLW1514) finds only half of them, because it knows no types.
    """
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(word.arg == "encoding" for word in node.keywords):
            continue
        called = ast.unparse(node.func)
        name = called.rpartition(".")[2]
        words = {word.arg: ast.unparse(word.value) for word in node.keywords}
        modes = {ast.unparse(value) for value in node.args} | {words.get("mode", "")}
        opens = name in ("open", "fdopen", "TemporaryFile", "NamedTemporaryFile", "makefile") and called != "os.open"
        if (
            (name in ("read_text", "write_text") and isinstance(node.func, ast.Attribute))
            or (opens and not modes & {"'rb'", "'wb'", "'ab'", "'r+b'", "'w+b'"})
            or "True" in (words.get("text"), words.get("universal_newlines"))
        ):
            yield node.lineno


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_is_left_to_the_locale(path: Path) -> None:
    assert list(unnamed(ast.parse(path.read_bytes()))) == []


@pytest.mark.parametrize("path", RULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rules_open_no_files(path: Path) -> None:
    assert not [word for word in ("open(", "read_text(", "write_text(") if word in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("path.read_text()", True),
        ("path.write_text('x')", True),
        ("path.open()", True),
        ("open('x', 'w')", True),
        ("os.fdopen(1, 'w')", True),
        ("subprocess.run(command, text=True)", True),
        ("tempfile.TemporaryFile('w+')", True),
        ("path.read_text(encoding='utf-8')", False),
        ("path.open('rb')", False),
        ("open('x', mode='wb')", False),
        ("os.open('x', 0)", False),
        ("subprocess.run(command)", False),
        ("subprocess.run(command, encoding='utf-8')", False),
    ],
)
def test_a_call_that_leaves_it_is_found(call: str, found: bool) -> None:
    assert bool(list(unnamed(ast.parse(call)))) == found
