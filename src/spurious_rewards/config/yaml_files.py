"""Reads YAML files as YAML 1.2 and editors understand them, and says in one line what is wrong with a file.

PyYAML silently takes the last of two equal keys, and it reads YAML 1.1: there `on` and `no` are true and false, `1e-6`
is text, `010` is eight and `1:30` is ninety.
"""

import re
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from spurious_rewards.runtime.errors import UserError, in_a_line
from spurious_rewards.runtime.files import read_text

MAX_VALUES = 100_000
"""Maximum number of values in a file, with those that aliases repeat: a few lines of aliases can stand for billions."""

MAX_SIZE = 10**6
"""Maximum size of a file in bytes: some files of this size take a minute to read."""

DIGITS = 1_000
"""Maximum digits of a number: Python refuses to read integers of some thousand digits."""

NOWHERE = re.compile("[\0\ud800-\udfff]")
"""Characters that only an escape in quotes can hold: NUL, and lone surrogates."""


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the keys and values of a YAML file; none for an empty file. Keys are text, as they are written.

    Raises:
        UserError: the file cannot be read, is too large or is not YAML, or a key stands twice; the message names file
            and line.
    """
    if path.is_file() and (size := path.stat().st_size) > MAX_SIZE:
        raise UserError(f"{path}: has {size:,} bytes; allowed: {MAX_SIZE:,}")
    return parse(read_text(path), path)


def parse(text: str, name: Path | str) -> dict[str, Any]:
    """Return the keys and values of a YAML text; `name` says in messages where the text comes from.

    Raises:
        UserError: see `read_yaml`.
    """
    value = parse_value(text, name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        what = {list: "a list"}.get(type(value), f"the value {str(value)[:40]}")
        raise UserError(f"{name}: holds {what}; allowed: keys with values, one `key: value` a line")
    return value


def parse_value(text: str, name: Path | str) -> Any:
    """Return the value of a YAML text: a mapping, a list, or a single value.

    Raises:
        UserError: see `read_yaml`.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node, (), frozenset(), {})
        return loader.construct_document(node)
    except _RefusedError as refused:
        raise UserError(f"{name}: {refused}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{name}: not YAML: {in_a_line(error)}") from None
    except RecursionError:
        raise UserError(f"{name}: not readable YAML: lists or mappings are nested hundreds deep") from None
    except ValueError as error:  # from an explicit tag: !!timestamp 2025-13-01
        raise UserError(f"{name}: not YAML: {error}") from None


class _RefusedError(Exception):
    def __init__(self, node: Node, complaint: str):
        super().__init__(f"line {node.start_mark.line + 1}: {complaint}")


def _check(node: Node, keys: tuple[str, ...], around: frozenset[int], counted: dict[int, int]) -> int:
    """Return how many values a node has with its aliases written out.

    Raises:
        _RefusedError: there are too many values; a value contains itself; a key is not text, or stands twice; a number
            is too long; or a text has a character of `NOWHERE`.
    """
    if not isinstance(node, CollectionNode):
        if len(node.value) > DIGITS and node.tag.endswith((":int", ":float")):
            raise _RefusedError(node, f"{'.'.join(keys)}: a number of {len(node.value)} digits")
        if held := NOWHERE.search(node.value):
            raise _RefusedError(node, f"{'.'.join(keys)}: holds the character {held[0]!a}, which no text file can")
        return 1
    if id(node) in around:
        raise _RefusedError(node, f"{'.'.join(keys)}: an alias of a value that it stands in")
    if id(node) not in counted:
        within = around | {id(node)}
        total = 1
        for key, value in _entries(node, keys):
            total += _check(value, (*keys, key), within, counted)
            if total > MAX_VALUES:
                raise _RefusedError(node, f"{'.'.join(keys)}: its aliases come to more than {MAX_VALUES} values")
        counted[id(node)] = total
    return counted[id(node)]


def _entries(node: CollectionNode, keys: tuple[str, ...]) -> Iterator[tuple[str, Node]]:
    if not isinstance(node, MappingNode):
        for index, value in enumerate(node.value):
            yield str(index), value
        return
    first: dict[str, Node] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            raise _RefusedError(key, "a list or a mapping stands where a key belongs; a key is text")
        if first.setdefault(key.value, key) is not key:
            where = ".".join((*keys, key.value))
            line = first[key.value].start_mark.line + 1
            raise _RefusedError(key, f"{where}: this key stands in line {line} already; delete one of the two")
        yield key.value, value


class _Loader(yaml.SafeLoader):
    """Reads plain values by the core schema of YAML 1.2, and merge keys (`<<`) as PyYAML does."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # PyYAML's own, per class

    def __init__(self, text: str):
        super().__init__(text)
        self.nodes = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        """Return the next node; nodes are counted as they come, because reading all of a large file takes minutes."""
        self.nodes += 1
        if self.nodes > 2 * MAX_VALUES:  # keys are nodes too
            here = ScalarNode("", "", self.peek_event().start_mark)  # type: ignore[no-untyped-call]
            raise _RefusedError(here, f"from here on there are more than {MAX_VALUES} values")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping with its keys as text, as they are written: `on`, `1` and `0.5` are names like others."""
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}

    def construct_int(self, node: ScalarNode) -> int:
        text = node.value.replace("_", "")
        return int(text, 0) if text.startswith(("0x", "0o")) else int(text)

    def construct_float(self, node: ScalarNode) -> float:
        return float(node.value.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


for tag, pattern, begins in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9][0-9_]*|0x[0-9a-fA-F]+|0o[0-7]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", "<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), begins)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_float)
